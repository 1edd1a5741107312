"""What becomes of a message: told to its chat and noted in the journal in one step, so that a crash does not part them.

A turn that was cut short is not repeated by itself: its owner gets buttons.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID, uuid5

from herald.claude.terminals import Terminal
from herald.claude.transcripts import Answered, Fate, NotBegun, Unfinished
from herald.errors import HeraldError, TurnCut
from herald.exchange import End
from herald.model import Button, Choice, Incoming, Place, Tap
from herald.storage.journal import Entry, Journal
from herald.telegram.reply import Reply

log = logging.getLogger(__name__)

# The namespace of prompt uuids; it must never change, or a resent prompt would run twice.
_PROMPTS = UUID("6f0e6c9e-6a38-4d0b-9f6e-2f1f4a1e7c55")
# One crash may be anybody's; a message that was there both times is not run again, and one that is there every time not
# even looked up.
_RUNS_MAX = 2
_CRASHES_MAX = 4
# How a turn that was cut short can go on.
AFTER_CUT = (Choice.CONTINUE, Choice.RUN_AGAIN, Choice.DROP)
_BESIDE_A_TERMINAL = (Choice.FORK, Choice.TAKE_OVER, Choice.WAIT)
_GO_ON = "You were interrupted in the middle of this. Please go on where you stopped."
_GO_ON_ELSEWHERE = "You were interrupted in another session, in the middle of this. See what is done, and go on:\n\n"
_BEGINNING_LIMIT = 60
_TOOLS_SHOWN = 5


class Desk:
    """The messages of one place, from being begun to being settled."""

    def __init__(self, place: Place, bot_id: int, reply: Reply, journal: Journal) -> None:
        self._place = place
        self._bot_id = bot_id
        self._reply = reply
        self._journal = journal

    def prompt_uuid(self, incoming: Incoming | Entry) -> str:
        """Return what names this attempt to the CLI, which runs each name once."""
        return str(uuid5(_PROMPTS, f"{self._bot_id}:{incoming.update_id}:{incoming.attempt}"))

    def given(self, incoming: Incoming, session_id: str | None) -> None:
        """Claude is about to get it. Raises StateUnwritable."""
        self._journal.given(incoming.update_id, incoming.text, incoming.attempt, session_id)

    def started(self, incoming: Incoming, session_id: str) -> None:
        self._journal.started(incoming.update_id, session_id)

    def acted(self, incoming: Incoming) -> None:
        """Claude uses a tool for it: from here on it must not be repeated unasked."""
        self._journal.acted(incoming.update_id)

    async def answered(self, end: End, incoming: Incoming | None = None) -> None:
        """Show how a turn ended; `incoming` is the message it answers, None for one that Claude began by itself."""
        messages = await self._reply.composed(end.turn.answer) if end.has_answer else ()
        with self._journal.atomic():
            self._reply.answer(messages)
            if incoming is not None:
                self._conclude(incoming.update_id, end.trouble)
            elif end.trouble:
                self._reply.trouble(end.trouble)

    def failed(self, update_id: int, error: HeraldError) -> None:
        """It ends here, because of `error`."""
        with self._journal.atomic():
            self._conclude(update_id, error)

    def left_session(self, update_id: int | None, text: str, code: str = "") -> None:
        """The owner's wish for a new session is done."""
        with self._journal.atomic():
            self._reply.notice(text, code)
            if update_id is not None:
                self._journal.settle(update_id)

    def is_too_dangerous(self, entry: Entry) -> bool:
        """Set a message aside that herald was busy with each time it crashed."""
        if entry.crashes < _CRASHES_MAX:
            return False
        self._set_aside(entry)
        return True

    def _set_aside(self, entry: Entry) -> None:
        log.error("a message was set aside after %d crashes update_id=%d", entry.crashes, entry.update_id)
        hint = "it is set aside; everything else goes on"
        cause = f"herald has crashed {entry.crashes} times while it was busy with this: {_beginning(entry.prompt)}"
        self.failed(entry.update_id, TurnCut(cause, hint))

    async def taken_up(self, entry: Entry, fate: Fate) -> Incoming | None:
        """Settle what herald was busy with when it crashed; a message that had not begun is returned, to be run."""
        log.info("found after a crash update_id=%d: %s", entry.update_id, type(fate).__name__)
        if isinstance(fate, NotBegun) and entry.acted:
            # the CLI had no time to write it down
            fate = Unfinished("", ())
        match fate:
            case NotBegun() if entry.crashes >= _RUNS_MAX:
                self._set_aside(entry)
            case NotBegun():
                return Incoming(entry.place, entry.update_id, entry.text, entry.attempt)
            case Answered(markdown=markdown):
                messages = await self._reply.composed(markdown)
                with self._journal.atomic():
                    self._reply.answer(messages)
                    self._journal.settle(entry.update_id)
            case Unfinished(text=text, tools=tools):
                messages = await self._reply.composed(text) if text.strip() else ()
                with self._journal.atomic():
                    self._reply.answer(messages)
                    cause = f"herald crashed while Claude was busy with this: {_beginning(entry.prompt)}"
                    self._conclude(entry.update_id, TurnCut(cause + _list(tools), "the session is kept"))
        return None

    def spared(self, entry: Entry) -> None:
        """Herald stops in order before it came to this."""
        self._journal.spared(entry.update_id)

    def decided(self, tap: Tap, entry: Entry, session_id: str | None) -> Incoming | None:
        """Carry out a choice about a turn that was cut short; return what is to be run, if anything.

        `session_id` is the session of the place now, which may be another than that of the turn.
        """
        with self._journal.atomic():
            self._reply.decided(tap.message_id, tap.question, tap.choice.value)
            if tap.choice is Choice.DROP:
                self._journal.settle(entry.update_id)
                return None
            text = entry.prompt
            if tap.choice is Choice.CONTINUE:
                text = _GO_ON if session_id == entry.session_id else _GO_ON_ELSEWHERE + entry.prompt
            self._journal.queued_again(entry.update_id, text, entry.attempt + 1)
        return Incoming(entry.place, entry.update_id, text, entry.attempt + 1)

    def ask_about_terminal(self, incoming: Incoming, terminal: Terminal) -> None:
        """The session is open somewhere else: the owner decides."""
        state = "and Claude is at work there" if terminal.busy else "and idle"
        cause = f"this session is open in a terminal on the machine (process {terminal.pid}, in {terminal.cwd}) {state}"
        hint = "fork goes on with a copy, Take over closes it there, Wait begins when it is closed there"
        self._reply.ask(HeraldError(cause, hint), _buttons(incoming.update_id, _BESIDE_A_TERMINAL))

    def _conclude(self, update_id: int, error: HeraldError | None) -> None:
        if isinstance(error, TurnCut):
            self._reply.ask(error, _buttons(update_id, AFTER_CUT))
            self._journal.asked(update_id)
            return
        if error is not None:
            self._reply.trouble(error)
        self._journal.settle(update_id)


def _buttons(update_id: int, choices: Sequence[Choice]) -> tuple[Button, ...]:
    return tuple(Button(choice.value, f"{choice.name}:{update_id}") for choice in choices)


def _beginning(text: str) -> str:
    return text if len(text) <= _BEGINNING_LIMIT else text[:_BEGINNING_LIMIT] + "…"


def _list(tools: Sequence[str]) -> str:
    if not tools:
        return ""
    before = "… " if len(tools) > _TOOLS_SHOWN else ""
    return f"\nIt had used {before}" + ", ".join(tools[-_TOOLS_SHOWN:])
