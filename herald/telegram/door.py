"""Updates in: drops strangers, writes the others down, and hands each to its conversation.

Nothing here waits for a conversation or sends. What is not in the journal yet is never confirmed to Telegram.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson
from aiogram import Bot, Dispatcher, F, Router
from aiogram.enums import ContentType
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message, Update
from pydantic import ValidationError

from herald.config import Config
from herald.conversation import Conversation
from herald.errors import HeraldError, StateUnwritable
from herald.model import Choice, Incoming, Place, Tap
from herald.storage.journal import Delivery, Entry, Journal

log = logging.getLogger(__name__)

HELP = """Send me a text and Claude Code answers, in the same session until you say /new.

/new begins a new session and tells how to go on with the last one in a terminal
/stop interrupts what Claude is doing
/status tells what is going on
Other commands, such as /compact or your own, go to Claude."""
UNSUPPORTED = "I can only read text so far. Please write it."
_FAILED = HeraldError("herald failed on this", "its log tells more")
_CRASHES_MAX = 2

# What Telegram itself reports in a chat; nobody expects an answer to it.
_SERVICE_KINDS = frozenset(
    (
        *(ContentType.NEW_CHAT_MEMBERS, ContentType.LEFT_CHAT_MEMBER, ContentType.PINNED_MESSAGE),
        *(
            ContentType.MESSAGE_AUTO_DELETE_TIMER_CHANGED,
            ContentType.CHAT_BACKGROUND_SET,
            ContentType.CONNECTED_WEBSITE,
        ),
        *(ContentType.FORUM_TOPIC_CREATED, ContentType.FORUM_TOPIC_EDITED, ContentType.FORUM_TOPIC_CLOSED),
        *(ContentType.FORUM_TOPIC_REOPENED, ContentType.WRITE_ACCESS_ALLOWED, ContentType.BOOST_ADDED),
    )
)
# What herald needs of a message, should Telegram one day say the rest in a way that aiogram cannot read.
_ESSENTIALS = ("message_id", "date", "chat", "from", "text", "message_thread_id", "is_topic_message", "media_group_id")
_FORWARDED = {"type": "hidden_user", "sender_user_name": "somebody", "date": 0}


_NUMBERS_END = 2**63  # what SQLite can hold


def _strip_rich(update: dict[str, Any]) -> None:
    """Take rich messages out, wherever they are: aiogram takes exponential time for nested text."""
    nodes: list[object] = [update]
    while nodes:
        match nodes.pop():
            case dict() as node:
                node.pop("rich_message", None)
                nodes += node.values()
            case list() as node:
                nodes += node


class Door:
    """The way from an update to the conversation it belongs to. `offset` is the first update not taken yet."""

    def __init__(
        self,
        bot: Bot,
        config: Config,
        journal: Journal,
        at: Callable[[Place], Conversation],
        acknowledge: Callable[[str, str], None],
    ) -> None:
        """`at` finds the conversation of a place; `acknowledge` answers a tap with a word, and does not wait."""
        self._bot = bot
        self._config = config
        self._journal = journal
        self._at = at
        self._acknowledge = acknowledge
        self._album = ""
        self._heeded: set[int] = set()
        self._dispatcher = Dispatcher(disable_fsm=True)
        self._dispatcher.include_router(self._router())
        self.offset = 0

    async def take(self, updates: Sequence[object]) -> None:
        """Record what the owner sent, then handle it, in order. Raises StateUnwritable; then nothing was taken."""
        accepted: dict[int, tuple[Update, Delivery]] = {}
        offset = self.offset
        for raw in updates:
            if not isinstance(raw, dict) or type(raw.get("update_id")) is not int:
                log.warning("an update without a number was skipped")
                continue
            if not 0 <= raw["update_id"] < _NUMBERS_END:
                log.warning("an update with an impossible number was skipped")
                continue
            offset = raw["update_id"] + 1
            if read := self._read(raw):
                accepted[raw["update_id"]] = read
        try:
            new = self._journal.record([delivery for _, delivery in accepted.values()])
        except StateUnwritable:
            self._heed_stops(accepted)
            raise
        self.offset = offset
        for update_id, (update, delivery) in accepted.items():
            if update_id in self._heeded:
                self._journal.settle(update_id)
            elif update_id in new:
                await self._feed(update, delivery.place)
            else:
                log.info("delivered again, not taken again update_id=%d", update_id)

    def _heed_stops(self, accepted: Mapping[int, tuple[Update, Delivery]]) -> None:
        """Obey /stop although nothing can be written down: what fills the disk may be what is to be stopped."""
        for update_id, (update, delivery) in accepted.items():
            text = update.message.text if update.message else None
            if text and text.split("@")[0].strip() == "/stop" and update_id not in self._heeded:
                self._heeded.add(update_id)
                self._at(delivery.place).stop()

    async def resume(self, entries: Sequence[Entry]) -> None:
        """Hand on what was recorded before herald was started, in order."""
        for entry in entries:
            if entry.place.chat_id not in self._config.allowed_users:
                log.warning("dropped: not on the allow-list any more update_id=%d", entry.update_id)
                self._journal.settle(entry.update_id)
            elif entry.state == "given":
                self._at(entry.place).put(entry)
            elif entry.state == "received" and entry.crashes >= _CRASHES_MAX:
                log.error("an update was set aside after crashes update_id=%d", entry.update_id)
                self._at(entry.place).warn(
                    HeraldError("herald has crashed twice on a message of yours", "it is set aside; write it otherwise")
                )
                self._journal.settle(entry.update_id)
            elif entry.attempt:
                self._at(entry.place).put(Incoming(entry.place, entry.update_id, entry.text, entry.attempt))
            elif read := self._read(orjson.loads(entry.raw)):
                await self._feed(read[0], entry.place)

    def _read(self, raw: dict[str, Any]) -> tuple[Update, Delivery] | None:
        """Return the update and what is kept of it, if it can be read and comes from an owner."""
        update_id = raw["update_id"]
        if not self._is_owners(raw):
            log.debug("dropped: not from the allow-list update_id=%d", update_id)
            return None
        _strip_rich(raw)
        update = self._parse(raw)
        where = _where(update) if update is not None else None
        if update is None or where is None:
            log.warning("an update that cannot be read was skipped update_id=%d", update_id)
            return None
        place, message_id = where
        if max(abs(place.chat_id), place.topic_id or 0, message_id or 0) >= _NUMBERS_END:
            log.warning("an update with an impossible number was skipped update_id=%d", update_id)
            return None
        try:
            return update, Delivery(update_id, place, message_id, orjson.dumps(raw))
        except (TypeError, RecursionError):  # it reads deeper nesting than it writes
            log.warning("an update that cannot be kept was skipped update_id=%d", update_id)
            return None

    async def _feed(self, update: Update, where: Place) -> None:
        with self._journal.atomic():
            try:
                await self._dispatcher.feed_update(self._bot, update)
            except Exception:  # the boundary: one update that breaks herald must not stop the polling
                log.exception("herald failed on an update update_id=%d", update.update_id)
                self._at(where).warn(_FAILED)
                self._journal.settle(update.update_id)

    def _parse(self, raw: dict[str, Any]) -> Update | None:
        """Read an update, or at least the text in it; None for one that holds nothing to read."""
        message = raw.get("message")
        essentials = {}
        if isinstance(message, dict):
            essentials = {name: message[name] for name in _ESSENTIALS if name in message}
            if "forward_origin" in message:
                essentials["forward_origin"] = _FORWARDED
        for candidate in (raw, {"update_id": raw["update_id"], "message": essentials}):
            with suppress(ValidationError, RecursionError):
                return Update.model_validate(candidate, context={"bot": self._bot})
        return None

    def _is_owners(self, raw: dict[str, Any]) -> bool:
        """Tell whether it comes from an owner, in the private chat with them; before anything else is read of it."""
        match raw:
            case {"message": {"from": {"id": int(user_id)}, "chat": {"id": int(chat_id), "type": "private"}}}:
                pass
            case {
                "callback_query": {
                    "from": {"id": int(user_id)},
                    "message": {"chat": {"id": int(chat_id), "type": "private"}},
                }
            }:
                pass
            case _:
                return False
        return user_id == chat_id and user_id in self._config.allowed_users

    def _router(self) -> Router:
        router = Router()
        for handler, names in (
            (self._on_greeting, ("start", "help")),
            (self._on_new, ("new",)),
            (self._on_stop, ("stop",)),
            (self._on_status, ("status",)),
        ):
            # ignore_mention: to look up the bot's own name, aiogram would ask Telegram; a forwarded command is a text
            command = Command(*names, ignore_mention=True)
            router.message.register(handler, command, F.text, F.forward_origin.is_(None))
        router.message.register(self._on_text, F.text)
        router.message.register(self._on_unreadable, ~F.content_type.in_(_SERVICE_KINDS))
        router.message.register(self._on_nothing)
        router.callback_query.register(self._on_tap)
        return router

    async def _on_greeting(self, message: Message, event_update: Update) -> None:
        self._at(place(message)).tell(HELP)
        self._journal.settle(event_update.update_id)

    async def _on_new(self, message: Message, command: CommandObject, event_update: Update) -> None:
        conversation = self._at(place(message))
        self._journal.queued(event_update.update_id)
        conversation.begin_anew(None if command.args else event_update.update_id)
        if command.args:
            conversation.put(replace(incoming(message, event_update.update_id), text=command.args))

    async def _on_stop(self, message: Message, event_update: Update) -> None:
        self._at(place(message)).stop()
        self._journal.settle(event_update.update_id)

    async def _on_status(self, message: Message, event_update: Update) -> None:
        self._at(place(message)).show_status()
        self._journal.settle(event_update.update_id)

    async def _on_text(self, message: Message, event_update: Update) -> None:
        self._journal.queued(event_update.update_id)
        self._at(place(message)).put(incoming(message, event_update.update_id))

    async def _on_unreadable(self, message: Message, event_update: Update) -> None:
        # an album comes as one message per picture; one answer is enough
        if message.media_group_id is None or message.media_group_id != self._album:
            self._at(place(message)).tell(UNSUPPORTED)
        self._album = message.media_group_id or ""
        self._journal.settle(event_update.update_id)

    async def _on_nothing(self, message: Message, event_update: Update) -> None:
        self._journal.settle(event_update.update_id)

    async def _on_tap(self, query: CallbackQuery, event_update: Update) -> None:
        self._journal.settle(event_update.update_id)
        tap = _tap(query)
        if tap is None:
            self._acknowledge(query.id, "This button is from another time.")
            return
        assert isinstance(query.message, Message)
        conversation = self._at(place(query.message))
        entry = self._journal.entry(tap.update_id)
        # whoever forges a tap must not reach the messages of another chat
        is_open = conversation.decide(tap, entry if entry and entry.place == place(query.message) else None)
        self._acknowledge(query.id, "" if is_open else "This has been decided already.")


def place(message: Message) -> Place:
    return Place(message.chat.id, message.message_thread_id if message.is_topic_message else None)


def incoming(message: Message, update_id: int) -> Incoming:
    """Translate a text message; a forwarded text is marked as such and can no longer be a command of the CLI."""
    assert message.text is not None
    text = f"Forwarded message:\n\n{message.text}" if message.forward_origin else message.text
    return Incoming(place(message), update_id, text)


def _where(update: Update) -> tuple[Place, int | None] | None:
    """Return where an update belongs, and the number of the owner's message in it."""
    if update.message is not None:
        return place(update.message), update.message.message_id
    if update.callback_query is not None and isinstance(update.callback_query.message, Message):
        return place(update.callback_query.message), None
    return None


def _tap(query: CallbackQuery) -> Tap | None:
    """Read what `desk` wrote into a button; None for anything else."""
    name, _, number = (query.data or "").partition(":")
    if (
        name not in Choice.__members__
        or not re.fullmatch(r"[0-9]{1,18}", number)
        or not isinstance(query.message, Message)
    ):
        return None
    return Tap(int(number), Choice[name], query.message.message_id, query.message.text or "")
