"""How the Bot API says no."""

from __future__ import annotations


class Refused(Exception):
    """An answer with `ok: false`; `retry_after_s` is set with 429 only."""

    def __init__(self, code: int, description: str, retry_after_s: int | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.retry_after_s = retry_after_s


def bad_request(reason: str) -> Refused:
    return Refused(400, f"Bad Request: {reason}")
