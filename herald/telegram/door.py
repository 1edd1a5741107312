"""Updates in: polls Telegram, drops strangers, and hands each message to its conversation.

Herald polls by itself: aiogram's polling reorders messages, moves on after a handler's exception, and one update it
cannot parse blocks the rest. Nothing here waits for a conversation or sends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from aiogram import Bot, Dispatcher, F, Router
from aiogram.enums import ChatType, ContentType
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramConflictError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.filters import Command
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
_CONFLICT_PATIENCE_S = 5

HELP = """Send me a text and Claude Code answers, in the same session until you say /new.

/new begins a new session and tells how to go on with the last one in a terminal
/stop interrupts what Claude is doing
/status tells what is going on
Other commands, such as /compact or your own, go to Claude."""
UNSUPPORTED = "I can only read text so far. Please write it."

_UNREADABLE_KINDS = frozenset(
    (
        *(ContentType.PHOTO, ContentType.VOICE, ContentType.AUDIO, ContentType.VIDEO, ContentType.VIDEO_NOTE),
        *(ContentType.DOCUMENT, ContentType.ANIMATION, ContentType.STICKER, ContentType.LOCATION, ContentType.VENUE),
        *(ContentType.CONTACT, ContentType.POLL, ContentType.DICE, ContentType.STORY, ContentType.PAID_MEDIA),
        ContentType.CHECKLIST,
    )
)


class _RawUpdates(TelegramMethod[list[dict[str, Any]]]):
    """getUpdates whose updates are not parsed yet, so that a strange one cannot spoil the others."""

    __returning__: ClassVar[Any] = list[dict[str, Any]]
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
            except (TelegramAPIError, ClientDecodeError) as exc:
                self._polled()
                failures += 1
                await self._wait_after(exc, failures)
            else:
                self._polled()
                failures = 0
                for raw in updates:
                    await self._take(raw)

    async def confirm(self) -> None:
        """Tell Telegram that everything taken so far need not be delivered again."""
        try:
            await self._get_updates(0)
        except (TelegramAPIError, ClientDecodeError) as exc:
            log.warning("the last updates could not be confirmed and will come again: %s", exc)

    async def _get_updates(self, timeout_s: int) -> list[dict[str, Any]]:
        method = _RawUpdates(offset=self._offset, timeout=timeout_s, allowed_updates=["message"])
        return await self._bot(method, request_timeout=timeout_s + _POLL_SLACK_S)

    async def _wait_after(self, exc: Exception, failures: int) -> None:
        if failures >= _FAILURES_MAX:
            hint = "is this machine's network up? under systemd herald is started again"
            raise PollingFailed(f"polling Telegram failed {failures} times in a row: {exc}", hint) from exc
        patience_s = _PATIENCE_S[min(failures, len(_PATIENCE_S)) - 1]
        if isinstance(exc, TelegramRetryAfter):
            patience_s = exc.retry_after
        log.warning("polling failed, again in %d s: %s", patience_s, exc)
        await asyncio.sleep(patience_s)

    async def _take(self, raw: Mapping[str, Any]) -> None:
        """Handle one update; whatever it is, it will not come again."""
        update_id = raw.get("update_id")
        if not isinstance(update_id, int):
            log.warning("an update without a number was skipped")
            return
        self._offset = update_id + 1
        try:
            update = Update.model_validate(raw, context={"bot": self._bot})
        except ValidationError as exc:
            log.warning(
                "an update that cannot be read was skipped update_id=%d errors=%d", update_id, exc.error_count()
            )
            return
        if not self._is_owner(update):
            log.debug("dropped: not from the allow-list update_id=%d", update_id)
            return
        try:
            await self._dispatcher.feed_update(self._bot, update)
        except Exception:  # the boundary: one update that breaks herald must not stop the polling
            log.exception("herald failed on an update update_id=%d", update_id)

    def _is_owner(self, update: Update) -> bool:
        message = update.message
        if message is None or message.from_user is None or message.chat.type != ChatType.PRIVATE:
            return False
        return message.from_user.id in self._config.allowed_users

    def _router(self) -> Router:
        router = Router()
        router.message.register(self._on_greeting, Command("start", "help"))
        router.message.register(self._on_new, Command("new"))
        router.message.register(self._on_stop, Command("stop"))
        router.message.register(self._on_status, Command("status"))
        router.message.register(self._on_text, F.text)
        router.message.register(self._on_unreadable, F.content_type.in_(_UNREADABLE_KINDS))
        return router

    async def _on_greeting(self, message: Message) -> None:
        self._at(place(message)).tell(HELP)

    async def _on_new(self, message: Message) -> None:
        self._at(place(message)).begin_anew()

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
