"""What became of each numbered message: answered or explained, once, and in the order it was written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from herald.rehearsal.chat import ChatMessage

# What the owner writes, and what the scripted Claude makes of it.
ANSWER = "Answer to {prompt}."
_ANSWERED = re.compile(r"Answer to (You were interrupted|message \d+)")
_CONTINUED = "You were interrupted"


@dataclass(frozen=True, slots=True)
class Tally:
    """The outcome of one fault: of `tries` messages so many were lost or answered twice.

    `disordered` counts those whose first reaction came before that to an earlier message of the chat, `children_left`
    the processes that outlived herald, `errors` the lines of the log that no run may have.
    """

    tries: int
    lost: int
    doubled: int
    disordered: int
    children_left: int
    errors: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.disordered or self.children_left or self.errors)


@dataclass(slots=True)
class Ledger:
    """Counts over the chats. `asked` and `choices` are kept by the owner, who reads the buttons."""

    prompts: dict[int, str] = field(default_factory=dict)  # by update id
    asked: dict[int, int] = field(default_factory=dict)  # the message with the buttons: the update it is about
    choices: dict[int, str] = field(default_factory=dict)  # by update id, the last one counts
    asked_twice: int = 0

    def is_settled(self, chats: Iterable[list[ChatMessage]]) -> bool:
        """Whether nothing is missing; something may still be too much."""
        lost, _ = self.compared(list(chats))
        return not lost

    def compared(self, chats: list[list[ChatMessage]]) -> tuple[int, int]:
        """Return how many messages lack what they were to get, and how many got something twice."""
        got = Counter(found[1] for chat in chats for message in chat for found in _answers_in(message))
        due = Counter[str]()
        for update_id, prompt in self.prompts.items():
            choice = self.choices.get(update_id, "")
            due[_CONTINUED if choice == "Continue" else prompt] += choice != "Drop"
        return (due - got).total(), (got - due).total() + self.asked_twice

    def disordered(self, chat: list[ChatMessage]) -> int:
        """Count the messages that were reacted to before one that was written earlier."""
        numbers = {prompt: update_id for update_id, prompt in self.prompts.items()}
        first: dict[int, None] = {}
        for message in chat:
            if message.message_id in self.asked:
                first.setdefault(self.asked[message.message_id])
            for found in _answers_in(message):
                if found[1] in numbers:
                    first.setdefault(numbers[found[1]])
        seen = list(first)
        return sum(later < earlier for earlier, later in pairwise(seen))


def _answers_in(message: ChatMessage) -> Iterator[re.Match[str]]:
    return _ANSWERED.finditer(message.text) if message.from_bot else iter(())
