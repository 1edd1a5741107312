"""The failures herald can name, each a sentence for the user plus a hint.

HeraldError                 what the user reads: lower-case, no full stop; the hint says what to do
├── ConfigError             settings that cannot work: exit status 78
├── AlreadyRunning          another copy holds the lock: exit status 75
├── PollingFailed           Telegram could not be polled for too long: exit status 75
├── SessionsUnreadable      sessions.json was moved aside
├── StateUnwritable         the disk refuses what must be on it: exit status 75 at the start
├── ClaudeNotFound          the CLI cannot be started
└── ClaudeFailed            a turn ended without an answer; the session is kept
    ├── TurnCut             it was cut short: its owner decides how to go on
    ├── SessionExpired      the CLI does not know the session id any more
    └── NotLoggedIn         the CLI has no valid login
"""

from __future__ import annotations


class HeraldError(Exception):
    """A failure with a sentence for the user and, where there is one, what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class ConfigError(HeraldError):
    """Settings that cannot work; every problem that was found is in `problems`, each with its own hint."""

    def __init__(self, *problems: HeraldError) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class AlreadyRunning(HeraldError):
    pass


class PollingFailed(HeraldError):
    pass


class SessionsUnreadable(HeraldError):
    pass


class StateUnwritable(HeraldError):
    pass


class ClaudeNotFound(HeraldError):
    pass


class ClaudeFailed(HeraldError):
    pass


class TurnCut(ClaudeFailed):
    pass


class SessionExpired(ClaudeFailed):
    pass


class NotLoggedIn(ClaudeFailed):
    pass
