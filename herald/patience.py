"""How long a turn may take, and why it is interrupted: pure arithmetic on a clock that the caller reads."""

from __future__ import annotations

from herald.config import Config
from herald.errors import HeraldError, TurnCut

# Claude obeys an interrupt within 0.03 s; one that has not by then is told to be stopped, and ended.
INTERRUPT_PATIENCE_S = 1.5
_KEPT = "the session is kept"


class Patience:
    """The deadlines of one turn. Times are seconds on the event loop's clock."""

    def __init__(self, config: Config, now: float) -> None:
        self._config = config
        self._ends_at = now + config.turn_timeout_s
        self._heard_at = now
        self._drains_at: float | None = None
        self._interrupted_at: float | None = None
        self.cause: HeraldError | None = None

    def heard(self, now: float) -> None:
        """Claude said something, whatever it was."""
        self._heard_at = now

    def drain(self, ends_at: float) -> None:
        """Herald is stopping: the turn may go on until `ends_at`."""
        self._drains_at = ends_at

    def interrupt(self, cause: HeraldError, now: float) -> None:
        """The turn is asked to end because of `cause`; the first cause is the one that is told."""
        if self.cause is None:
            self.cause = cause
            self._interrupted_at = now

    def left_s(self, now: float, *, tool_runs: bool) -> float:
        """Seconds until something must happen."""
        return max(0.0, min(at for at, _ in self._deadlines(tool_runs)) - now)

    def exceeded(self, *, tool_runs: bool) -> HeraldError:
        """The reason of the deadline that comes first."""
        return min(self._deadlines(tool_runs), key=lambda deadline: deadline[0])[1]

    def _deadlines(self, tool_runs: bool) -> list[tuple[float, HeraldError]]:
        if self.cause is not None and self._interrupted_at is not None:
            return [(self._interrupted_at + INTERRUPT_PATIENCE_S, self.cause)]
        minutes = self._config.turn_timeout_s / 60
        deadlines: list[tuple[float, HeraldError]] = [
            (
                self._ends_at,
                TurnCut(f"stopped after {minutes:.0f} minutes, the limit of CLAUDE_TURN_TIMEOUT_S", _KEPT),
            )
        ]
        if not tool_runs:
            # a tool may be silent for as long as it runs; the limit of the whole turn bounds it
            stalled = TurnCut(f"Claude has said nothing for {self._config.stall_s:.0f} s and was stopped", _KEPT)
            deadlines.append((self._heard_at + self._config.stall_s, stalled))
        if self._drains_at is not None:
            deadlines.append((self._drains_at, TurnCut("herald is stopping and had to interrupt this", _KEPT)))
        return deadlines
