"""One chat as the phone shows it: messages of both sides, and what the bot is seen to be doing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from herald.rehearsal.markup import Entity

ACTION_LIFE_S = 5.0
DRAFT_LIFE_S = 30.0  # message_typing_draft_ttl


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message; `fields` is the Bot API's Message object, the rest is read off it."""

    fields: dict[str, Any]
    reaction: str | None = None  # the emoji that the bot put under it

    @property
    def message_id(self) -> int:
        return int(self.fields["message_id"])

    @property
    def topic_id(self) -> int | None:
        return self.fields.get("message_thread_id")

    @property
    def date(self) -> int:
        return int(self.fields["date"])

    @property
    def sender(self) -> dict[str, Any]:
        """The Bot API's User object of whoever wrote it."""
        return dict(self.fields["from"])

    @property
    def from_bot(self) -> bool:
        return bool(self.fields["from"]["is_bot"])

    @property
    def text(self) -> str:
        """The visible text, which is the caption under a file, and empty for a file without one."""
        return str(self.fields.get("text") or self.fields.get("caption") or "")

    @property
    def entities(self) -> list[Entity]:
        return list(self.fields.get("entities") or self.fields.get("caption_entities") or [])

    @property
    def reply_markup(self) -> dict[str, Any] | None:
        return self.fields.get("reply_markup")

    @property
    def buttons(self) -> dict[str, str]:
        """The inline buttons that send data, by their label."""
        rows = (self.reply_markup or {}).get("inline_keyboard", [])
        return {button["text"]: button["callback_data"] for row in rows for button in row if "callback_data" in button}

    @property
    def document(self) -> dict[str, Any] | None:
        return self.fields.get("document")

    @property
    def photo(self) -> list[dict[str, Any]] | None:
        return self.fields.get("photo")

    @property
    def edited(self) -> bool:
        return "edit_date" in self.fields


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer that is being written (sendMessageDraft); an empty text shows as "Thinking…"."""

    draft_id: int
    text: str
    entities: list[Entity]
    can_stop: bool
    shown_at_s: float


@dataclass(slots=True)
class Chat:
    """A chat and its history. Times are monotonic seconds; `topic_id` None is the chat outside of topics."""

    chat_id: int
    fields: dict[str, Any]  # the Bot API's Chat object
    messages: dict[int, ChatMessage] = field(default_factory=dict)
    topics: set[int] = field(default_factory=set)
    started: bool = False  # whether a person wrote here, so that the bot may write too
    _actions: dict[int | None, tuple[str, float]] = field(default_factory=dict)
    _drafts: dict[int | None, Draft] = field(default_factory=dict)

    @property
    def is_private(self) -> bool:
        return bool(self.fields["type"] == "private")

    def add(self, message: ChatMessage) -> None:
        """Show a new message; it ends the draft of its topic, and the bot's chat action if the bot wrote it."""
        self.messages[message.message_id] = message
        self._drafts.pop(message.topic_id, None)
        if message.from_bot:
            self._actions.pop(message.topic_id, None)

    def change(self, message_id: int, fields: dict[str, Any]) -> None:
        self.messages[message_id] = replace(self.messages[message_id], fields=fields)

    def react(self, message_id: int, emoji: str | None) -> None:
        self.messages[message_id] = replace(self.messages[message_id], reaction=emoji)

    def act(self, action: str, topic_id: int | None, now_s: float) -> None:
        """Show a chat action for 5 seconds; "cancel" ends it."""
        self._actions[topic_id] = (action, now_s + ACTION_LIFE_S)
        if action == "cancel":
            del self._actions[topic_id]

    def action(self, topic_id: int | None, now_s: float) -> str | None:
        action, until_s = self._actions.get(topic_id, (None, 0.0))
        return action if now_s < until_s else None

    def show_draft(self, draft: Draft, topic_id: int | None) -> None:
        self._drafts[topic_id] = draft

    def draft(self, topic_id: int | None, now_s: float) -> Draft | None:
        draft = self._drafts.get(topic_id)
        return draft if draft is not None and now_s < draft.shown_at_s + DRAFT_LIFE_S else None
