"""One conversation: a queue, a warm `claude`, and the only place that knows the steps of a turn.

Everything arrives as mail and is handled by one task, so nothing here needs a lock. At most one turn runs. A prompt
is never given to Claude twice, except after an expired session, where the CLI refused before doing anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from herald.claude import failures
from herald.claude.events import Started, ToolStarted
from herald.companion import Companion
from herald.config import Config
from herald.desk import AFTER_CUT, Desk
from herald.errors import HeraldError, SessionExpired, StateUnwritable, TurnCut
from herald.exchange import End, Exchange
from herald.liaison import FAILED, Liaison
from herald.mailbox import Close, Job, Mail, Mailbox, MakeRoom, NewSession, Said, Stop
from herald.model import Choice, Incoming, Place, Tap
from herald.seats import Seats
from herald.storage.journal import Entry
from herald.telegram.reply import Reply

log = logging.getLogger(__name__)

_TERMINAL_LOOK_EVERY_S = 2.0
_DISK_LOOK_EVERY_S = 2.0


class _NotNow(Exception):
    """Herald is stopping: what was not begun stays in the journal for the next one."""


class Conversation:
    """One place's queue and Claude. The methods without `async` may be called at any time; none waits."""

    def __init__(
        self,
        place: Place,
        config: Config,
        reply: Reply,
        desk: Desk,
        seats: Seats,
        companion: Callable[[Callable[[Mail], None]], Companion],
        changed: Callable[[], None],
    ) -> None:
        """`companion` makes the place's Claude, given where it speaks to; `changed` is called when `busy` may have."""
        self._place = place
        self._config = config
        self._reply = reply
        self._desk = desk
        self._seats = seats
        self._mailbox = Mailbox()
        self._claude = companion(self._mailbox.put)
        self._liaison = Liaison(place, config, reply, desk, seats, self._claude)
        self._changed = changed
        self._waiting: deque[Job] = deque()
        self._running_since: float | None = None
        self._closing: Close | None = None
        self._held: int | None = None

    def put(self, job: Incoming | Entry) -> None:
        """Take a prompt, or one that a crash has cut; it comes after those before it."""
        self._mailbox.put(job)
        self._changed()

    def begin_anew(self, update_id: int | None) -> None:
        """Leave the session, after what is waiting now."""
        if self.busy:
            self._reply.notice("A new session begins after the present answer. /stop ends that now.")
        self._mailbox.put(NewSession(update_id))

    def stop(self) -> None:
        """Interrupt the running turn; what is waiting goes on after it."""
        self._mailbox.put(Stop(self._running_since))

    def close(self, drain_s: float) -> None:
        """Let `run` return: the running turn gets `drain_s`, what is waiting stays in the journal."""
        self._mailbox.put(Close(drain_s))

    def tell(self, text: str) -> None:
        """Show a line of herald's own at once."""
        self._reply.notice(text)

    def warn(self, error: HeraldError) -> None:
        """Show at once what is wrong with herald itself."""
        self._reply.trouble(error)

    def decide(self, tap: Tap, entry: Entry | None) -> bool:
        """Carry out the owner's choice about `entry`; False if there is nothing to decide any more."""
        if entry is not None and entry.state == "asked" and tap.choice in AFTER_CUT:
            session = self._claude.session
            if incoming := self._desk.decided(tap, entry, session.session_id if session else None):
                self.put(incoming)
            return True
        if self._held == tap.update_id:
            self._mailbox.put(tap)
            return True
        return False

    def show_status(self) -> None:
        """Show at once what is going on."""
        state = "Idle"
        if self._held is not None:
            state = "Waiting for your choice"
        elif self._running_since is not None:
            state = f"Working for {self._clock() - self._running_since:.0f} s"
        elif self._liaison.runs:
            state = "Claude is at work by itself"
        if self.waiting:
            state += f", {self.waiting} waiting"
        if (exchange := self._liaison.exchange) and exchange.turn.retrying:
            state += f"\n{failures.retry_notice(exchange.turn.retrying)}"
        self._reply.notice(f"{state}\n{self._claude.describe()}")

    @property
    def busy(self) -> bool:
        return self._running_since is not None or bool(self._waiting) or not self._mailbox.is_empty

    @property
    def waiting(self) -> int:
        """How many messages wait for their turn."""
        return len(self._waiting)

    @property
    def child_pid(self) -> int | None:
        return self._claude.child.pid if self._claude.child else None

    async def run(self) -> None:
        """Handle the mail until `close`; no child is left when this returns."""
        try:
            while job := await self._next_job():
                await self._do(job)
        finally:
            await self._liaison.part()

    async def _do(self, job: Job) -> None:
        self._running_since = self._clock()
        self._changed()
        try:
            match job:
                case Incoming():
                    await self._answer(job)
                case Entry():
                    await self._take_up(job)
                case NewSession():
                    await self._liaison.leave_session(job.update_id)
        except _NotNow:
            self._waiting.appendleft(job)
        except HeraldError as exc:
            log.warning("not answered place=%s: %s", self._place, exc.message)
            self._fail(job, exc)
        except Exception:  # the boundary: one prompt that breaks herald must not take the others along
            log.exception("herald failed on a message place=%s", self._place)
            self._fail(job, FAILED)
        finally:
            self._held = self._running_since = None
            self._liaison.rest()
            self._changed()

    def _line_up(self, job: Job) -> None:
        self._waiting.append(job)
        self._changed()

    def _fail(self, job: Job, error: HeraldError) -> None:
        if job.update_id is None:
            self._reply.trouble(error)
        else:
            self._desk.failed(job.update_id, error)

    async def _next_job(self) -> Job | None:
        """Wait for the next job, and meanwhile for what Claude says unasked; None when closed."""
        while True:
            if self._closing:
                await self._say_goodbye()
                return None
            if self._waiting:
                if self._seats.are_wanted and self._liaison.is_at_rest:
                    # a long queue here must not keep the other places waiting
                    await self._liaison.part()
                return self._waiting.popleft()
            match mail := await self._mailbox.next_within(self._liaison.idle_s()):
                case Incoming() | NewSession() | Entry():
                    return mail
                case Stop(running_since=since) if since is None and not self._liaison.runs:
                    self._reply.notice("Nothing is running.")
                case Close():
                    self._closing = mail
                case _:
                    await self._liaison.meanwhile(mail)

    async def _take_up(self, entry: Entry) -> None:
        """Find out what became of a message that Claude had when herald crashed, and go on from there."""
        if self._desk.is_too_dangerous(entry):
            return
        try:
            fate = await self._claude.fate_of(self._desk.prompt_uuid(entry), entry)
        except OSError as exc:
            raise TurnCut(f"herald crashed, and what became of this cannot be read: {exc.strerror}") from exc
        if incoming := await self._desk.taken_up(entry, fate):
            await self._answer(incoming)

    async def _answer(self, incoming: Incoming) -> None:
        await self._until_session_is_free(incoming)
        async with self._reply.working():
            began_at = self._clock()
            end = await self._ask(incoming)
            if isinstance(end.trouble, SessionExpired):
                log.warning("session expired place=%s session=%s", self._place, self._claude.session)
                await self._liaison.part()
                self._liaison.forget()
                self._reply.notice("Claude does not know the earlier session any more: a new one begins here.")
                end = await self._ask(incoming)
            await self._desk.answered(end, incoming)
            if end.turn.finished is None:
                await self._liaison.part()
        seconds = self._clock() - began_at
        cost = end.turn.finished.cost_usd if end.turn.finished else None
        log.info("turn finished place=%s seconds=%.1f total_cost_usd=%s", self._place, seconds, cost)

    async def _ask(self, incoming: Incoming) -> End:
        """Give one prompt to Claude and follow the turn to its end. Raises ClaudeNotFound, _NotNow."""
        await self._until_seated()
        exchange = await self._liaison.reach()
        await self._until_noted(incoming)
        exchange.prompt(incoming.text, self._desk.prompt_uuid(incoming), self._clock())
        if self._closing:
            exchange.drain(self._clock() + self._closing.drain_s)
        while True:
            end = None
            match mail := await self._mailbox.next_within(exchange.left_s(self._clock())):
                case None:
                    end = self._run_out_of_time(exchange)
                case Stop(running_since=since):
                    # one that was meant for the turn before must not hit this one
                    if since in (None, self._running_since):
                        exchange.interrupt(HeraldError("stopped", self._waiting_hint()), self._clock())
                case Close():
                    self._closing = mail
                    exchange.drain(self._clock() + mail.drain_s)
                case Incoming() | NewSession() | Entry():
                    self._line_up(mail)
                case Said() if self._claude.said_now(mail):
                    match mail.event:
                        case Started(session_id=session_id):
                            self._desk.started(incoming, session_id)
                        case ToolStarted() if not exchange.turn.has_acted:
                            self._desk.acted(incoming)
                    end = self._liaison.hear(mail)
            if end and not end.asked:
                await self._desk.answered(end)
            elif end:
                return end

    async def _until_session_is_free(self, incoming: Incoming) -> None:
        """Where a terminal has the session open, let the owner decide: both at once would lose one's messages."""
        asked = False
        while terminal := self._claude.open_in_a_terminal():
            if not asked:
                self._desk.ask_about_terminal(incoming, terminal)
                self._held = incoming.update_id
                asked = True
            # what is written there is unknown to a child that is warm, and would be left out for good by its next turn
            await self._liaison.cut_short(HeraldError("this ended because the session is open in a terminal"))
            await self._liaison.part()
            tap = await self._hold(_TERMINAL_LOOK_EVERY_S)
            if tap is None:
                continue
            self._reply.decided(tap.message_id, tap.question, tap.choice.value)
            if tap.choice is Choice.TAKE_OVER:
                self._claude.close_terminal(terminal)
                await self._hold(_TERMINAL_LOOK_EVERY_S)
                asked = False  # one that does not end is asked about again
            elif tap.choice is Choice.FORK:
                self._claude.fork()
                return

    async def _until_seated(self) -> None:
        """Wait until there may be one more process."""
        told = False
        while not self._seats.take(self._place, self._mailbox.put):
            if not told:
                count = self._config.max_processes
                hint = f"CLAUDE_MAX_PROCESSES={count} allows no more; this begins when one of them has ended"
                self._reply.trouble(HeraldError("other chats keep Claude busy", hint))
                told = True
            await self._hold(None)

    async def _until_noted(self, incoming: Incoming) -> None:
        """Write down that Claude gets it, however long the disk refuses: a crash must find that it may have run."""
        session = self._claude.session
        while True:
            try:
                self._desk.given(incoming, session.session_id if session else None)
            except StateUnwritable:
                await self._hold(_DISK_LOOK_EVERY_S)
            else:
                return

    async def _hold(self, patience_s: float | None) -> Tap | None:
        """Wait for one mail while a prompt cannot be given to Claude yet; return it if it is the owner's choice.

        Raises HeraldError when the owner does not want it any more, _NotNow when herald stops.
        """
        match mail := await self._mailbox.next_within(patience_s):
            case Tap():
                return mail
            case Stop():
                self._seats.withdraw(self._place)
                raise HeraldError("stopped before it began")
            case Close():
                self._closing = mail
                raise _NotNow
            case Incoming() | NewSession() | Entry():
                self._line_up(mail)
            case Said() | MakeRoom():
                await self._liaison.meanwhile(mail)
        return None

    def _run_out_of_time(self, exchange: Exchange) -> End | None:
        """Interrupt the turn, and say so; its end if that was done before."""
        end = exchange.time_is_up(self._clock())
        if end is None and not self._closing:
            self._reply.progress("This has run out of time: interrupting Claude.")
        return end

    def _clock(self) -> float:
        return asyncio.get_running_loop().time()

    def _waiting_hint(self) -> str:
        return f"{self.waiting} waiting, the next one begins now" if self._waiting else ""

    async def _say_goodbye(self) -> None:
        """Herald is stopping: tell what waits for the next one, and what ends with the child."""
        waiting = [mail for mail in (*self._waiting, *self._mailbox.empty_out()) if isinstance(mail, Incoming | Entry)]
        self._waiting.clear()
        for mail in waiting:
            if isinstance(mail, Entry):
                self._desk.spared(mail)
        if waiting:
            messages = "1 message waits" if len(waiting) == 1 else f"{len(waiting)} messages wait"
            self._reply.notice(f"Herald is stopping. {messages} and will be answered when it is back.")
        await self._liaison.cut_short(
            HeraldError("herald is stopping and had to interrupt this", "the session is kept")
        )
