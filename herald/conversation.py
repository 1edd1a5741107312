"""One conversation: a queue, a warm `claude`, and the only place that knows the steps of a turn.

Everything arrives as mail and is handled by one task, so nothing here needs a lock. At most one turn runs. A prompt
is never given to Claude twice, except after an expired session, where the CLI refused before doing anything.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
from collections import deque
from collections.abc import Callable
from functools import partial
from uuid import UUID, uuid5

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
from herald.errors import HeraldError, SessionExpired
from herald.exchange import End, Exchange
from herald.mailbox import Close, Job, Mailbox, NewSession, Said, Stop
from herald.model import Decision, Incoming, Place
from herald.telegram.reply import Reply

log = logging.getLogger(__name__)

# The namespace of prompt uuids; it must never change, or a resent prompt would run twice.
_PROMPTS = UUID("6f0e6c9e-6a38-4d0b-9f6e-2f1f4a1e7c55")
# Two quick retries of an overload are not worth a word; the third comes after four seconds.
_RETRY_SHOWN_FROM = 3
# The CLI begins its own turn within 0.1 s after a background task has ended.
_UNASKED_DUE_S = 5.0
_FAILED = HeraldError("herald failed on this", "its log has the details")


class Conversation:
    """One place's queue and Claude. The methods without `async` may be called at any time; none waits."""

    def __init__(
        self,
        place: Place,
        config: Config,
        reply: Reply,
        companion: Callable[[Callable[[Said], None]], Companion],
        changed: Callable[[], None],
    ) -> None:
        """`companion` makes the place's Claude, given where it speaks to; `changed` is called when `busy` may have."""
        self._place = place
        self._config = config
        self._reply = reply
        self._mailbox = Mailbox()
        self._claude = companion(self._mailbox.put)
        self._changed = changed
        self._waiting: deque[Job] = deque()
        self._exchange: Exchange | None = None
        self._running_since: float | None = None
        self._closing: Close | None = None
        self._unsaved = False

    def put(self, incoming: Incoming) -> None:
        """Take a prompt; it is answered after those before it."""
        self._mailbox.put(incoming)
        self._changed()

    def begin_anew(self) -> None:
        """Leave the session, after what is waiting now."""
        if self.busy:
            self._reply.notice("A new session begins after the present answer. /stop ends that now.")
        self._mailbox.put(NewSession())

    def stop(self) -> None:
        """Interrupt the running turn; what is waiting goes on after it."""
        self._mailbox.put(Stop(self._running_since))

    def close(self, drain_s: float) -> None:
        """Let `run` return: the running turn gets `drain_s`, what is waiting is told that it was not begun."""
        self._mailbox.put(Close(drain_s))

    def tell(self, text: str) -> None:
        """Show a line of herald's own at once."""
        self._reply.notice(text)

    def warn(self, error: HeraldError) -> None:
        """Show at once what is wrong with herald itself."""
        self._reply.trouble(error)

    def show_status(self) -> None:
        """Show at once what is going on."""
        state = "Idle"
        if self._running_since is not None:
            state = f"Working for {self._clock() - self._running_since:.0f} s"
        elif self._exchange and self._exchange.runs:
            state = "Claude is at work by itself"
        if waiting := len(self._waiting):
            state += f", {waiting} waiting"
        if self._exchange and self._exchange.turn.retrying:
            state += f"\n{failures.retry_notice(self._exchange.turn.retrying)}"
        self._reply.notice(f"{state}\n{self._claude.describe()}")

    @property
    def busy(self) -> bool:
        return self._running_since is not None or bool(self._waiting) or not self._mailbox.is_empty

    @property
    def child_pid(self) -> int | None:
        return self._claude.child.pid if self._claude.child else None

    async def run(self) -> None:
        """Handle the mail until `close`; no child is left when this returns."""
        try:
            while job := await self._next_job():
                await self._do(job)
        finally:
            await self._part()

    async def _do(self, job: Job) -> None:
        self._running_since = self._clock()
        self._changed()
        try:
            match job:
                case Incoming():
                    async with self._reply.working():
                        await self._answer(job)
                case NewSession():
                    await self._leave_session()
        except HeraldError as exc:
            log.warning("not answered place=%s: %s", self._place, exc.message)
            self._reply.trouble(exc)
        except Exception:  # the boundary: one prompt that breaks herald must not take the others along
            log.exception("herald failed on a message place=%s", self._place)
            self._reply.trouble(_FAILED)
        finally:
            self._running_since = None
            self._changed()

    async def _next_job(self) -> Job | None:
        """Wait for the next job, and meanwhile for what Claude says unasked; None when closed."""
        while True:
            if self._closing:
                self._say_goodbye()
                return None
            if self._waiting:
                return self._waiting.popleft()
            match mail := await self._mailbox.next_within(self._idle_s()):
                case Incoming() | NewSession():
                    return mail
                case Stop(running_since=since) if since is None and not (self._exchange and self._exchange.runs):
                    self._reply.notice("Nothing is running.")
                case Close():
                    self._closing = mail
                case _:
                    await self._meanwhile(mail)

    async def _meanwhile(self, mail: Stop | Said | None) -> None:
        """Handle what comes between prompts; None is that nothing came in time."""
        end = None
        try:
            match mail:
                case None if self._exchange and self._exchange.runs:
                    end = self._exchange.time_is_up(self._clock())
                case None:
                    await self._part()
                case Stop() if self._exchange and self._exchange.runs:
                    self._exchange.interrupt(HeraldError("stopped"), self._clock())
                case Said() if self._exchange and self._claude.said_now(mail):
                    end = self._hear(self._exchange, mail.event)
            if end:
                await self._end_unasked(end)
        except Exception:  # the boundary: one event that breaks herald must not take the other chats along
            log.exception("herald failed between prompts place=%s", self._place)
            self._reply.trouble(_FAILED)
            await self._part()

    async def _answer(self, incoming: Incoming) -> None:
        prompt_uuid = str(uuid5(_PROMPTS, f"{self._config.bot_id}:{incoming.update_id}:0"))
        began_at = self._clock()
        end = await self._ask(incoming.text, prompt_uuid)
        if isinstance(end.trouble, SessionExpired):
            log.warning("session expired place=%s session=%s", self._place, self._claude.session)
            await self._part()
            self._save(self._claude.forget)
            self._reply.notice("Claude does not know the earlier session any more: a new one begins here.")
            end = await self._ask(incoming.text, prompt_uuid)
        self._show(end)
        if end.turn.finished is None:
            await self._part()
        seconds = self._clock() - began_at
        cost = end.turn.finished.cost_usd if end.turn.finished else None
        log.info("turn finished place=%s seconds=%.1f total_cost_usd=%s", self._place, seconds, cost)

    async def _ask(self, text: str, prompt_uuid: str) -> End:
        """Give one prompt to Claude and follow the turn to its end. Raises ClaudeNotFound."""
        child = await self._claude.wake()
        if self._exchange is None or self._exchange.child is not child:
            self._exchange = Exchange(child, self._config)
        exchange = self._exchange
        exchange.prompt(text, prompt_uuid, self._clock())
        if self._closing:
            exchange.drain(self._clock() + self._closing.drain_s)
        while True:
            end = None
            match mail := await self._mailbox.next_within(exchange.left_s(self._clock())):
                case None:
                    end = exchange.time_is_up(self._clock())
                case Stop(running_since=since):
                    # one that was meant for the turn before must not hit this one
                    if since in (None, self._running_since):
                        exchange.interrupt(HeraldError("stopped", self._waiting_hint()), self._clock())
                case Close():
                    self._closing = mail
                    exchange.drain(self._clock() + mail.drain_s)
                case Incoming() | NewSession():
                    self._waiting.append(mail)
                case Said() if self._claude.said_now(mail):
                    end = self._hear(exchange, mail.event)
            if end and not end.asked:
                self._show(end)
            elif end:
                return end

    def _hear(self, exchange: Exchange, event: Event) -> End | None:
        """Do what an event asks for at once, remember, refuse, show; then let it count for the turn."""
        match event:
            case Started(session_id=session_id):
                self._claude.notice(event)
                self._save(partial(self._claude.remember, session_id))
            case Finished(session_id=session_id) if exchange.turn.started and session_id:
                self._save(partial(self._claude.remember, session_id))
            case TaskStarted() | TaskEnded():
                self._claude.notice(event)
            case PermissionAsked(tool_name=tool):
                # no buttons yet, and no answer is a no
                exchange.child.decide(event, Decision(allow=False, message=failures.DENIED))
                if tool not in exchange.turn.asked:
                    self._reply.notice(failures.refusal(tool))
            case RequestUnknown():
                exchange.child.refuse(event)
            case Retrying(attempt=attempt) if attempt >= _RETRY_SHOWN_FROM:
                self._reply.progress(failures.retry_notice(event))
        return exchange.hear(event, self._clock())

    def _show(self, end: End) -> None:
        if end.turn.answer or (end.asked and not end.trouble):
            self._reply.answer(end.turn.answer)
        if end.trouble:
            self._reply.trouble(end.trouble)

    async def _end_unasked(self, end: End) -> None:
        """Show what Claude did by itself: it begins a turn when a background task ends."""
        if end.turn.started or end.turn.answer:
            self._show(end)
        if end.turn.finished is None:
            log.warning("claude has ended or must be ended place=%s: %s", self._place, end.trouble)
            self._tell_background()
            await self._part()

    async def _part(self) -> None:
        """End the child; the session stays."""
        self._exchange = None
        await self._claude.end()

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

    async def _leave_session(self) -> None:
        session, cwd = self._claude.session, self._claude.cwd
        self._cut_short(HeraldError("this ended with the session"))
        await self._part()
        if session is None:
            self._reply.notice("Your next message begins a new session.")
            return
        self._save(self._claude.forget)
        self._reply.notice(
            f"Your next message begins a new session. The last one was {session.session_id}; "
            "to go on with it in a terminal:",
            f"cd {shlex.quote(str(cwd))} && claude --resume {shlex.quote(session.session_id)}",
        )

    def _clock(self) -> float:
        return asyncio.get_running_loop().time()

    def _waiting_hint(self) -> str:
        return f"{len(self._waiting)} waiting, the next one begins now" if self._waiting else ""

    def _idle_s(self) -> float | None:
        """How long the present child may be silent between prompts before it is ended; None is for ever."""
        if self._exchange is None:
            return None
        if self._exchange.runs:
            return self._exchange.left_s(self._clock())
        if self._claude.in_background:
            return None
        return max(self._config.idle_s, _UNASKED_DUE_S if self._claude.expects_unasked else 0)

    def _say_goodbye(self) -> None:
        """Herald is stopping: tell what was not begun, and what ends with the child."""
        for mail in (*self._waiting, *self._mailbox.empty_out()):
            if isinstance(mail, Incoming):
                log.warning("message not begun place=%s", self._place)
                beginning = mail.text if len(mail.text) <= 60 else mail.text[:60] + "…"
                error = HeraldError(f"herald is stopping and has not begun this: {beginning}", "send it again")
                self._reply.trouble(error)
        self._waiting.clear()
        self._cut_short(HeraldError("herald is stopping and had to interrupt this", "the session is kept"))

    def _cut_short(self, cause: HeraldError) -> None:
        """Show what Claude was doing by itself, which ends with the child."""
        if self._exchange and self._exchange.turn.started:
            self._show(End(self._exchange.turn, cause, asked=False))
        self._tell_background()

    def _tell_background(self) -> None:
        if count := self._claude.in_background:
            self._reply.notice(f"{count} of Claude's background tasks ended with it.")
