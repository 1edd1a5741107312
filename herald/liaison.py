"""The line to the Claude of one place: what it says is remembered, refused or shown, and it is ended in order."""

from __future__ import annotations

import asyncio
import logging
import shlex
from collections.abc import Callable
from functools import partial

from herald.claude import failures
from herald.claude.events import (
    Event,
    Finished,
    PermissionAsked,
    RequestUnknown,
    Retrying,
    Started,
    TaskEnded,
    TaskStarted,
)
from herald.companion import Companion
from herald.config import Config
from herald.desk import Desk
from herald.errors import HeraldError
from herald.exchange import End, Exchange
from herald.mailbox import Mail, MakeRoom, Said, Stop
from herald.model import Decision, Place
from herald.seats import Seats
from herald.telegram.reply import Reply

log = logging.getLogger(__name__)

# Two quick retries of an overload are not worth a word; the third comes after four seconds.
_RETRY_SHOWN_FROM = 3
# The CLI begins its own turn within 0.1 s after a background task has ended.
_UNASKED_DUE_S = 5.0
FAILED = HeraldError("herald failed on this", "its log has the details")


class Liaison:
    """Hears one child at a time. `exchange` is with the present one, None while there is none."""

    def __init__(self, place: Place, config: Config, reply: Reply, desk: Desk, seats: Seats, claude: Companion) -> None:
        self._place = place
        self._config = config
        self._reply = reply
        self._desk = desk
        self._seats = seats
        self._unsaved = False
        self.claude = claude
        self.exchange: Exchange | None = None

    @property
    def runs(self) -> bool:
        """Whether Claude is at work, asked or not."""
        return self.exchange is not None and self.exchange.runs

    @property
    def is_at_rest(self) -> bool:
        """Whether the child can be ended without cutting anything short."""
        return not self.runs and not self.claude.in_background

    def idle_s(self) -> float | None:
        """How long the present child may be silent between prompts before something must be done; None is for ever."""
        if self.exchange is None:
            return None
        if self.exchange.runs:
            return self.exchange.left_s(asyncio.get_running_loop().time())
        if self.claude.in_background:
            return None
        return max(self._config.idle_s, _UNASKED_DUE_S if self.claude.expects_unasked else 0)

    async def reach(self) -> Exchange:
        """Start the child if there is none. Raises ClaudeNotFound."""
        child = await self.claude.wake()
        if self.exchange is None or self.exchange.child is not child:
            self.exchange = Exchange(child, self._config)
        return self.exchange

    def hear(self, said: Said) -> End | None:
        """Do what an event asks for at once, then let it count for the turn; the turn's end if this was it."""
        if self.exchange is None or not self.claude.said_now(said):
            return None
        self._react(self.exchange, said.event)
        return self.exchange.hear(said.event, asyncio.get_running_loop().time())

    async def meanwhile(self, mail: Mail | None) -> None:
        """Handle what comes while no prompt is with Claude; None is that nothing came in time."""
        now = asyncio.get_running_loop().time()
        end = None
        try:
            match mail:
                case None if self.exchange and self.exchange.runs:
                    end = self.exchange.time_is_up(now)
                case None:
                    await self.part()
                case MakeRoom() if self.is_at_rest:
                    await self.part()
                case MakeRoom():
                    self._seats.stay(self._place)
                case Stop() if self.exchange and self.exchange.runs:
                    self.exchange.interrupt(HeraldError("stopped"), now)
                case Said():
                    end = self.hear(mail)
            if end:
                await self._end_unasked(end)
        except Exception:  # the boundary: one event that breaks herald must not take the other chats along
            log.exception("herald failed between prompts place=%s", self._place)
            self._reply.trouble(FAILED)
            await self.part()

    async def _end_unasked(self, end: End) -> None:
        """Show what Claude did by itself: it begins a turn when a background task ends."""
        if end.turn.started or end.turn.answer:
            await self._desk.answered(end)
        if end.turn.finished is None:
            log.warning("claude has ended or must be ended place=%s: %s", self._place, end.trouble)
            self._tell_background()
            await self.part()
        self.rest()

    def rest(self) -> None:
        """Nothing is asked of the child now; another place may have its seat, unless it is busy by itself."""
        if self.is_at_rest:
            self._seats.rest(self._place)

    async def part(self) -> None:
        """End the child; the session stays."""
        self.exchange = None
        await self.claude.end()
        self._seats.leave(self._place)

    async def cut_short(self, cause: HeraldError) -> None:
        """Show what Claude was doing by itself, which ends with the child."""
        if self.exchange and self.exchange.turn.started:
            await self._desk.answered(End(self.exchange.turn, cause, asked=False))
        self._tell_background()

    def forget(self) -> None:
        """Let the next child begin a new session."""
        self._save(self.claude.forget)

    async def leave_session(self, update_id: int | None) -> None:
        """End the child and its session, as the update `update_id` wishes."""
        session, cwd = self.claude.session, self.claude.cwd
        await self.cut_short(HeraldError("this ended with the session"))
        await self.part()
        if session is None:
            self._desk.left_session(update_id, "Your next message begins a new session.")
            return
        self.forget()
        self._desk.left_session(
            update_id,
            f"Your next message begins a new session. The last one was {session.session_id}; "
            "to go on with it in a terminal:",
            f"cd {shlex.quote(str(cwd))} && claude --resume {shlex.quote(session.session_id)}",
        )

    def _react(self, exchange: Exchange, event: Event) -> None:
        match event:
            case Started(session_id=session_id):
                self.claude.notice(event)
                self._save(partial(self.claude.remember, session_id))
            case Finished(session_id=session_id) if exchange.turn.started and session_id:
                self._save(partial(self.claude.remember, session_id))
            case TaskStarted() | TaskEnded():
                self.claude.notice(event)
            case PermissionAsked(tool_name=tool):
                # no buttons yet, and no answer is a no
                exchange.child.decide(event, Decision(allow=False, message=failures.DENIED))
                if tool not in exchange.turn.asked:
                    self._reply.notice(failures.refusal(tool))
            case RequestUnknown():
                exchange.child.refuse(event)
            case Retrying(attempt=attempt) if attempt >= _RETRY_SHOWN_FROM:
                self._reply.progress(failures.retry_notice(event))

    def _save(self, change: Callable[[], None]) -> None:
        """Change what is remembered of the session; a disk that refuses is told and changes nothing else."""
        try:
            change()
        except OSError as exc:
            log.warning("the session could not be saved place=%s: %s", self._place, exc)
            if not self._unsaved:
                hint = "after a restart of herald this chat may go on with an older session"
                self._reply.trouble(HeraldError(f"the session could not be saved: {exc.strerror}", hint))
            self._unsaved = True
        else:
            self._unsaved = False

    def _tell_background(self) -> None:
        if count := self.claude.in_background:
            self._reply.notice(f"{count} of Claude's background tasks ended with it.")
