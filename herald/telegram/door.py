"""Updates in: polls Telegram, drops strangers, and hands each message to its conversation.

Herald polls by itself: aiogram's polling reorders messages, moves on after a handler's exception, and one update it
cannot parse blocks the rest. Nothing here waits for a conversation or sends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

from aiogram import Bot, Dispatcher, F, Router
from aiogram.enums import ChatType, ContentType
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramConflictError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.filters import Command, CommandObject
from aiogram.methods.base import TelegramMethod
from aiogram.types import Message, Update
from pydantic import ValidationError

from herald.config import Config
from herald.conversation import Conversation
from herald.errors import ConfigError, HeraldError, PollingFailed
from herald.model import Incoming, Place

log = logging.getLogger(__name__)

# What a request may take beyond the long poll before it counts as failed.
_POLL_SLACK_S = 10
_PATIENCE_S = (1, 2, 4, 8, 15)
_FAILURES_MAX = 10
_FLOOD_WAIT_MAX_S = 600
_CONFLICT_PATIENCE_S = 5

HELP = """Send me a text and Claude Code answers, in the same session until you say /new.

/new begins a new session and tells how to go on with the last one in a terminal
/stop interrupts what Claude is doing
/status tells what is going on
Other commands, such as /compact or your own, go to Claude."""
UNSUPPORTED = "I can only read text so far. Please write it."

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


def _without_rich(message: dict[str, Any]) -> dict[str, Any]:
    """Leave out rich messages, such as the one that is replied to: aiogram takes exponential time for nested text."""
    return {
        name: _without_rich(value) if name == "reply_to_message" and isinstance(value, dict) else value
        for name, value in message.items()
        if name != "rich_message"
    }


class _RawUpdates(TelegramMethod[list[Any]]):
    """getUpdates whose updates are not parsed yet, so that a strange one cannot spoil the others."""

    __returning__: ClassVar[Any] = list[Any]
    __api_method__: ClassVar[str] = "getUpdates"

    offset: int
    timeout: int
    allowed_updates: list[str]


class Door:
    """The one poller, and the way from an update to the conversation it belongs to."""

    def __init__(
        self,
        bot: Bot,
        config: Config,
        long_poll_s: float,
        at: Callable[[Place], Conversation],
        polled: Callable[[], None],
    ) -> None:
        """`at` finds the conversation of a place; `polled` is called after each poll that answered or failed."""
        self._bot = bot
        self._config = config
        self._long_poll_s = int(long_poll_s)
        self._at = at
        self._polled = polled
        self._offset = 0
        self._album = ""
        self._dispatcher = Dispatcher(disable_fsm=True)
        self._dispatcher.include_router(self._router())

    async def poll(self) -> None:
        """Take updates for ever. Raises PollingFailed after ten failures in a row, ConfigError on a dead token."""
        failures = 0
        while True:
            try:
                updates = await self._get_updates(self._long_poll_s)
            except TelegramUnauthorizedError as exc:
                raise ConfigError(HeraldError("Telegram does not accept the bot token any more", _RENEWED)) from exc
            except TelegramConflictError as exc:
                self._polled()
                log.error("another program polls with this bot's token; only one may: %s", exc.message)
                await asyncio.sleep(_CONFLICT_PATIENCE_S)
            except TelegramAPIError as exc:
                self._polled()
                failures += 1
                await self._wait_after(exc, failures)
            else:
                self._polled()
                failures = 0
                taken = self._offset
                for raw in updates:
                    await self._take(raw)
                if updates and self._offset == taken:
                    # nothing in it can be confirmed, so it comes again at once
                    await asyncio.sleep(_PATIENCE_S[-1])

    async def confirm(self) -> None:
        """Tell Telegram that everything taken so far need not be delivered again."""
        try:
            await self._get_updates(0)
        except TelegramAPIError as exc:
            log.warning("the last updates could not be confirmed and will come again: %s", exc)

    async def _get_updates(self, timeout_s: int) -> list[Any]:
        method = _RawUpdates(offset=self._offset, timeout=timeout_s, allowed_updates=["message"])
        return await self._bot(method, request_timeout=timeout_s + _POLL_SLACK_S)

    async def _wait_after(self, exc: Exception, failures: int) -> None:
        if failures >= _FAILURES_MAX:
            hint = "is this machine's network up? under systemd herald is started again"
            raise PollingFailed(f"polling Telegram failed {failures} times in a row: {exc}", hint) from exc
        patience_s = _PATIENCE_S[min(failures, len(_PATIENCE_S)) - 1]
        if isinstance(exc, TelegramRetryAfter):
            patience_s = min(exc.retry_after, _FLOOD_WAIT_MAX_S)
        log.warning("polling failed, again in %d s: %s", patience_s, exc)
        await asyncio.sleep(patience_s)

    async def _take(self, raw: object) -> None:
        """Handle one update; whatever it is, it will not come again."""
        if not isinstance(raw, dict) or type(raw.get("update_id")) is not int or raw["update_id"] < 0:
            log.warning("an update without a number was skipped")
            return
        update_id = raw["update_id"]
        update = self._parse(raw)
        if update is None:
            log.warning("an update that cannot be read was skipped update_id=%d", update_id)
        elif update.message is None or not self._is_owner(update.message):
            log.debug("dropped: not from the allow-list update_id=%d", update_id)
        else:
            try:
                await self._dispatcher.feed_update(self._bot, update)
            except Exception:  # the boundary: one update that breaks herald must not stop the polling
                log.exception("herald failed on an update update_id=%d", update_id)
                self._at(Place(update.message.chat.id)).warn(HeraldError("herald failed on this", "its log tells more"))
        self._offset = update_id + 1

    def _parse(self, raw: dict[str, Any]) -> Update | None:
        """Read an update, or at least the text in it; None for one that holds nothing to read."""
        message = raw.get("message")
        essentials = {}
        if isinstance(message, dict):
            message = _without_rich(message)
            raw = {**raw, "message": message}
            essentials = {name: message[name] for name in _ESSENTIALS if name in message}
            if "forward_origin" in message:
                essentials["forward_origin"] = _FORWARDED
        for candidate in (raw, {"update_id": raw["update_id"], "message": essentials}):
            with suppress(ValidationError, RecursionError):
                return Update.model_validate(candidate, context={"bot": self._bot})
        return None

    def _is_owner(self, message: Message) -> bool:
        if message.from_user is None or message.chat.type != ChatType.PRIVATE:
            return False
        return message.from_user.id in self._config.allowed_users

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
            router.message.register(handler, command, F.forward_origin.is_(None))
        router.message.register(self._on_text, F.text)
        router.message.register(self._on_unreadable, ~F.content_type.in_(_SERVICE_KINDS))
        return router

    async def _on_greeting(self, message: Message) -> None:
        self._at(place(message)).tell(HELP)

    async def _on_new(self, message: Message, command: CommandObject, event_update: Update) -> None:
        conversation = self._at(place(message))
        conversation.begin_anew()
        if command.args:
            prompt = incoming(message, event_update.update_id)
            conversation.put(replace(prompt, text=command.args))

    async def _on_stop(self, message: Message) -> None:
        self._at(place(message)).stop()

    async def _on_status(self, message: Message) -> None:
        self._at(place(message)).show_status()

    async def _on_text(self, message: Message, event_update: Update) -> None:
        self._at(place(message)).put(incoming(message, event_update.update_id))

    async def _on_unreadable(self, message: Message) -> None:
        # an album comes as one message per picture; one answer is enough
        if message.media_group_id is None or message.media_group_id != self._album:
            self._at(place(message)).tell(UNSUPPORTED)
        self._album = message.media_group_id or ""


def place(message: Message) -> Place:
    return Place(message.chat.id, message.message_thread_id if message.is_topic_message else None)


def incoming(message: Message, update_id: int) -> Incoming:
    """Translate a text message; a forwarded text is marked as such and can no longer be a command of the CLI."""
    assert message.text is not None
    assert message.from_user is not None
    text = f"Forwarded message:\n\n{message.text}" if message.forward_origin else message.text
    return Incoming(place(message), update_id, message.message_id, message.from_user.id, text)


_RENEWED = "copy TELEGRAM_BOT_TOKEN again from @BotFather and restart herald"
