"""How long polls of Telegram may fail: pure arithmetic on a clock and a die that the caller brings."""

from __future__ import annotations

_PATIENCE_S = (1, 2, 4, 8, 15)
_FAILURES_MAX = 10
_SPAN_S = 90.0


class Outage:
    """Counts the failures in a row. Times are seconds on the event loop's clock."""

    def __init__(self) -> None:
        self.failures = 0
        self._began_at = 0.0

    def over(self) -> None:
        """A poll was answered."""
        self.failures = 0

    def failed(self, now: float, chance: float) -> float:
        """Count a failure and return how long to wait; `chance`, from 0 to 1, spreads those who wait together."""
        if not self.failures:
            self._began_at = now
        self.failures += 1
        longest_s = _PATIENCE_S[min(self.failures, len(_PATIENCE_S)) - 1]
        return longest_s * (0.5 + 0.5 * chance)

    def is_hopeless(self, now: float) -> bool:
        """Tell whether a fresh start is worth a try: ten failures in a row that span 90 s."""
        return self.failures >= _FAILURES_MAX and now - self._began_at >= _SPAN_S
