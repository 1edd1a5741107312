"""One turn of Claude, folded from its events. Pure: what the chat shows is read off the Turn."""

from __future__ import annotations

from dataclasses import dataclass, replace

from herald.claude.events import (
    Event,
    Finished,
    PermissionAsked,
    Retrying,
    Started,
    Taken,
    Text,
    TextDelta,
    Thinking,
    ToolFinished,
    ToolStarted,
)

# What 2.1.197 says where newer versions say nothing, for example after /clear.
_NO_CONTENT = "(no content)"


@dataclass(frozen=True, slots=True)
class Turn:
    """What is known of the turn that answers the prompt `prompt_uuid`; "" is a turn that nobody asked for."""

    prompt_uuid: str = ""
    given_before: bool = False
    started: Started | None = None
    texts: tuple[str, ...] = ()
    tools: frozenset[str] = frozenset()
    has_acted: bool = False
    asked: frozenset[str] = frozenset()
    failure: str = ""
    retrying: Retrying | None = None
    finished: Finished | None = None

    @property
    def answer(self) -> str:
        """All that the main agent wrote, as Markdown; a command's own output where it wrote nothing."""
        texts = self.texts
        if not texts and self.finished and not self.finished.is_error:
            texts = (self.finished.text,)
        return "\n\n".join(text.strip() for text in texts if text.strip() not in ("", _NO_CONTENT))

    def awaited_by(self, prompt_uuid: str) -> Turn:
        """Return the same turn, with a prompt waiting for its own."""
        return replace(self, prompt_uuid=prompt_uuid)

    @property
    def tool_runs(self) -> bool:
        return bool(self.tools)


def advance(turn: Turn, event: Event) -> Turn:
    """Return the turn as it stands after `event`; events that do not concern it leave it as it is."""
    match event:
        case Started():
            return replace(turn, started=event)
        case Taken(uuid=uuid, again=True) if uuid == turn.prompt_uuid:
            return replace(turn, given_before=True)
        case Text(failure=""):
            return replace(turn, texts=(*turn.texts, event.text), retrying=None)
        case Text():
            # the CLI reports an API failure as if the model had said it; the result repeats the words
            return replace(turn, failure=event.failure)
        case TextDelta() | Thinking():
            return replace(turn, retrying=None)
        case ToolStarted():
            return replace(turn, tools=turn.tools | {event.tool_use_id}, has_acted=True, retrying=None)
        case ToolFinished():
            return replace(turn, tools=turn.tools - {event.tool_use_id})
        case PermissionAsked():
            return replace(turn, asked=turn.asked | {event.tool_name}, retrying=None)
        case Retrying():
            return replace(turn, retrying=event, failure=event.failure)
        case Finished():
            return replace(turn, finished=event, retrying=None)
        case _:
            return turn


def answers(turn: Turn, finished: Finished) -> bool:
    """Tell whether `finished` is the end of `turn`, and not of one that the CLI began by itself."""
    if finished.prompt_uuids:
        return turn.prompt_uuid in finished.prompt_uuids
    return not finished.unasked
