"""The turn under way in one child, and how it ends. Nothing here waits: the conversation brings events and the time."""

from __future__ import annotations

from dataclasses import dataclass

from herald.claude import failures
from herald.claude.events import Event, Finished, Gone, Started
from herald.claude.process import Child
from herald.claude.turn import Turn, advance, answers
from herald.config import Config
from herald.errors import HeraldError, SessionExpired, TurnCut
from herald.patience import Patience


@dataclass(frozen=True, slots=True)
class End:
    """How a turn ended: `trouble` is why it did not end well; `asked` is False for one that Claude began by itself."""

    turn: Turn
    trouble: HeraldError | None
    asked: bool = True

    @property
    def has_answer(self) -> bool:
        """Whether the chat is to be shown an answer, be it one without a word."""
        return bool(self.turn.answer) or (self.asked and not self.trouble)


class Exchange:
    """Follows one child from turn to turn. Between prompts it listens to what Claude does unasked."""

    def __init__(self, child: Child, config: Config) -> None:
        self.child = child
        self.turn = Turn()
        self._config = config
        self._patience: Patience | None = None

    def prompt(self, text: str, prompt_uuid: str, now: float) -> None:
        """Give the child a prompt. A turn that it began by itself comes to its own end first."""
        self._patience = Patience(self._config, now)
        self.turn = self.turn.awaited_by(prompt_uuid)
        self.child.prompt(text, prompt_uuid)

    @property
    def runs(self) -> bool:
        """Whether a turn is under way, asked for or not."""
        return self._patience is not None

    def left_s(self, now: float) -> float:
        """Seconds until the turn must be interrupted, or the child ended."""
        assert self._patience is not None, "no turn is under way"
        return self._patience.left_s(now, tool_runs=self.turn.tool_runs)

    def drain(self, ends_at: float) -> None:
        if self._patience is not None:
            self._patience.drain(ends_at)

    def interrupt(self, cause: HeraldError, now: float) -> None:
        """Ask the child to stop what it does, because of `cause`."""
        if self._patience is not None:
            self._patience.interrupt(cause, now)
        # 2.1.328 forgets an interrupt that comes before the turn has started
        if self.turn.started:
            self.child.interrupt()

    def time_is_up(self, now: float) -> End | None:
        """Interrupt; the end of the turn if that was done before and did not help: then the child must be ended."""
        assert self._patience is not None, "no turn is under way"
        if self._patience.cause:
            return self._ended(self._patience.cause)
        self.interrupt(self._patience.exceeded(tool_runs=self.turn.tool_runs), now)
        return None

    def hear(self, event: Event, now: float) -> End | None:
        """Take in what the child said; the end of the turn if this was it."""
        if self._patience is not None:
            self._patience.heard(now)
        self.turn = advance(self.turn, event)
        match event:
            case Started() if self._patience is None:
                self._patience = Patience(self._config, now)
            case Started() if self._cause:
                self.child.interrupt()
            case Gone():
                return self._ended(self._death(event))
            case Finished() if self.turn.prompt_uuid and answers(self.turn, event):
                return self._ended(self._failure(event))
            case Finished():
                unasked = End(self.turn, self._failure(event), asked=False)
                self.turn = Turn(self.turn.prompt_uuid)
                if not self.turn.prompt_uuid:
                    self._patience = None
                return unasked
            case _ if self.turn.given_before:
                return self._ended(TurnCut("Claude had this message before, and its answer is not known"))
        return None

    def _ended(self, trouble: HeraldError | None) -> End:
        ended, self.turn, self._patience = self.turn, Turn(), None
        return End(ended, trouble, asked=bool(ended.prompt_uuid))

    def _failure(self, finished: Finished) -> HeraldError | None:
        """Name what kept a turn from a good end, if anything."""
        if finished.was_stopped:
            return self._cause or HeraldError("stopped")
        if not finished.is_error:
            return None
        began = self.turn.started is not None
        return failures.explain(self.turn.failure, finished, began=began)

    def _death(self, gone: Gone) -> HeraldError:
        """Name why the child ended."""
        if self.turn.started is None and failures.is_expiry(gone.last_words):
            return SessionExpired("Claude does not know this session any more")
        if self._cause:
            return self._cause
        status = f"exit status {gone.exit_status}" if gone.exit_status >= 0 else f"signal {-gone.exit_status}"
        words = f": {gone.last_words}" if gone.last_words else ""
        return TurnCut(f"claude ended in the middle ({status}){words}", "the session is kept; /new if this goes on")

    @property
    def _cause(self) -> HeraldError | None:
        return self._patience.cause if self._patience else None
