"""Faults ordered in advance: the next calls of a method are refused, dropped or left hanging."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field

from herald.rehearsal.call import Call
from herald.rehearsal.refusal import Refused

_USUAL_DESCRIPTIONS = {
    400: "Bad Request: can't parse entities: refused by the rehearsal",
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    404: "Not Found",
    409: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
    413: "Request Entity Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    504: "Gateway Timeout",
}


class Silence(enum.Enum):
    """How a call can stay without any answer."""

    DROP = "the connection is closed"
    HANG = "the connection stays open"
    LOSE = "the call has its effect, then the connection is closed"


@dataclass(slots=True)
class _Fault:
    method: str
    effect: Refused | Silence
    html_only: bool
    calls_left: int

    def matches(self, call: Call) -> bool:
        if self.calls_left < 1 or self.method.lower() != call.method.lower():
            return False
        return not self.html_only or bool(call.params.get("parse_mode"))


@dataclass(slots=True)
class Faults:
    """The faults ordered so far, each counted down per matching call; the earliest order is served first."""

    _ordered: list[_Fault] = field(default_factory=list)
    # asked about each call for which nothing was ordered
    chance: Callable[[Call], Refused | Silence | None] = lambda call: None

    def order(self, method: str, effect: Refused | Silence, times: int, *, html_only: bool = False) -> None:
        self._ordered.append(_Fault(method, effect, html_only, times))

    def clear(self) -> None:
        self._ordered.clear()

    def next_for(self, call: Call) -> Refused | Silence | None:
        """Use up one fault that matches `call`; None if the call may go through."""
        for fault in self._ordered:
            if fault.matches(call):
                fault.calls_left -= 1
                return fault.effect
        return self.chance(call)


def refusal(code: int, description: str, retry_after_s: int | None) -> Refused:
    """Build the refusal a test asked for; what it leaves out is filled in as Telegram would."""
    if code == 429:
        retry_after_s = 1 if retry_after_s is None else retry_after_s
        return Refused(code, description or f"Too Many Requests: retry after {retry_after_s}", retry_after_s)
    return Refused(code, description or _USUAL_DESCRIPTIONS.get(code, f"Error {code}"), retry_after_s)
