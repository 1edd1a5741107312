"""The nouns that every room of herald shares."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Place:
    """Where a conversation lives: a chat, or one topic of it. `str()` is its key in sessions.json."""

    chat_id: int
    topic_id: int | None = None

    def __str__(self) -> str:
        return str(self.chat_id) if self.topic_id is None else f"{self.chat_id}/{self.topic_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str()` has written."""
        chat_id, slash, topic_id = text.partition("/")
        return cls(int(chat_id), int(topic_id) if slash else None)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One text from the owner. `update_id` is Telegram's number of its delivery, unique per bot.

    `attempt` grows with each deliberate repetition, so that Claude takes it for another prompt.
    """

    place: Place
    update_id: int
    text: str
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation that Claude can resume; None means "as the settings say"."""

    session_id: str
    cwd: str | None = None
    model: str | None = None
    permission_mode: str | None = None


class Choice(enum.Enum):
    """How to go on with a message; the value is what the button says."""

    CONTINUE = "Continue"
    RUN_AGAIN = "Run again"
    DROP = "Drop"
    FORK = "Fork"
    TAKE_OVER = "Take over"
    WAIT = "Wait"


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message; `data` comes back with the tap and has at most 64 bytes."""

    label: str
    data: str


@dataclass(frozen=True, slots=True)
class Tap:
    """A button under a question about the message `update_id` was pressed."""

    update_id: int
    choice: Choice
    message_id: int
    question: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a permission question; `message` is what Claude is told about a no."""

    allow: bool
    message: str = ""
