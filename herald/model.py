"""The nouns that every room of herald shares."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a conversation lives: a chat, or one topic of it. `str()` is its key in sessions.json."""

    chat_id: int
    topic_id: int | None = None

    def __str__(self) -> str:
        return str(self.chat_id) if self.topic_id is None else f"{self.chat_id}/{self.topic_id}"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One text from the owner. `update_id` is Telegram's number of its delivery, unique per bot."""

    place: Place
    update_id: int
    message_id: int
    sender_id: int
    text: str


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation that Claude can resume; None means "as the settings say"."""

    session_id: str
    cwd: str | None = None
    model: str | None = None
    permission_mode: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a permission question; `message` is what Claude is told about a no."""

    allow: bool
    message: str = ""
