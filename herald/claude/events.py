"""What the Claude Code CLI said: a closed union of events.

`protocol.py` makes them from lines (`process.py` adds Gone), `turn.py` folds them into a turn.
A line that means nothing to herald is Unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Started:
    """A turn begins; `session_id` can be resumed from now on."""

    session_id: str
    model: str
    cwd: str
    permission_mode: str
    version: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The CLI acknowledges the prompt with this uuid: it runs, or, `again`, it was given before and does not run."""

    uuid: str
    again: bool


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A few more characters of the text block being written by the main agent."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A whole text block of the main agent. `failure` is the category when it is an API error in disguise."""

    text: str
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Thinking:
    pass


@dataclass(frozen=True, slots=True)
class ToolStarted:
    tool_use_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolFinished:
    tool_use_id: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """A shell or an agent of Claude's goes on in the background, perhaps beyond the turn."""

    task_id: str


@dataclass(frozen=True, slots=True)
class TaskEnded:
    task_id: str


@dataclass(frozen=True, slots=True)
class PermissionAsked:
    """The CLI waits until this request is answered; it has no deadline of its own."""

    request_id: str
    tool_name: str
    tool_input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PermissionWithdrawn:
    request_id: str


@dataclass(frozen=True, slots=True)
class RequestUnknown:
    """A control request herald does not understand; it must be answered with `encode_refusal`."""

    request_id: str
    subtype: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """An API request failed and is tried again after a while."""

    attempt: int
    max_attempts: int
    failure: str
    http_status: int | None


@dataclass(frozen=True, slots=True)
class Finished:
    """A turn ended. `errors` carries the CLI's own words where `text` has none.

    `prompt_uuids` names the prompts it answers (2.1.198 and newer); `unasked` marks a turn that the CLI began by
    itself because a background task ended.
    """

    session_id: str
    text: str
    is_error: bool
    errors: tuple[str, ...]
    num_turns: int
    terminal_reason: str
    http_status: int | None
    cost_usd: float
    prompt_uuids: tuple[str, ...]
    unasked: bool

    @property
    def was_stopped(self) -> bool:
        """An interrupt ended it; the subtype says "error", but nothing went wrong."""
        return self.terminal_reason.startswith("aborted_")


@dataclass(frozen=True, slots=True)
class Gone:
    """The process ended. `exit_status` is negative for a signal; `last_words` is the tail of its standard error."""

    exit_status: int
    last_words: str


@dataclass(frozen=True, slots=True)
class Unknown:
    kind: str


Event = (
    Started
    | Taken
    | TextDelta
    | Text
    | Thinking
    | ToolStarted
    | ToolFinished
    | TaskStarted
    | TaskEnded
    | PermissionAsked
    | PermissionWithdrawn
    | RequestUnknown
    | Retrying
    | Finished
    | Gone
    | Unknown
)
