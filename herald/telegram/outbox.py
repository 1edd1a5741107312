"""What goes out to one place: messages in order, each until Telegram has taken it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from aiogram import Bot
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.types import LinkPreviewOptions

from herald.formatting import Piece
from herald.model import Place

log = logging.getLogger(__name__)

_PATIENCE_S = (1, 2, 4, 8, 15, 30)
_GIVE_UP_S = 3600.0


@dataclass(slots=True)
class Letter:
    """One message. `message_id` is there once Telegram has taken it; posting it again then edits it."""

    piece: Piece
    message_id: int | None = None


class Outbox:
    """Sends letters one after the other; a flood wait or an outage delays them, and only those of this place."""

    def __init__(self, bot: Bot, place: Place, changed: Callable[[], None]) -> None:
        """`changed` is called when `pending` has changed."""
        self._bot = bot
        self._place = place
        self._changed = changed
        self.pending = 0
        self._letters: asyncio.Queue[Letter] = asyncio.Queue()
        self._preview = LinkPreviewOptions(is_disabled=True)

    def post(self, letter: Letter) -> None:
        self._letters.put_nowait(letter)
        self.pending += 1
        self._changed()

    async def flushed(self) -> None:
        """Return when everything posted so far has been sent or given up."""
        await self._letters.join()

    async def run(self) -> None:
        while True:
            letter = await self._letters.get()
            try:
                await self._deliver(letter)
            except Exception:  # the boundary: one message that cannot be sent must not hold up the next
                log.exception("a message was not delivered place=%s width=%d", self._place, letter.piece.width_utf16)
            finally:
                self._letters.task_done()
                self.pending -= 1
                self._changed()

    async def _deliver(self, letter: Letter) -> None:
        try:
            await self._persist(letter, html=True)
        except TelegramBadRequest as exc:
            if letter.message_id is not None:
                # an edit: the text is the same as before, or the user has deleted the message
                log.info("edit refused place=%s: %s", self._place, exc.message)
                return
            log.warning("html refused, sending plain text place=%s: %s", self._place, exc.message)
            await self._persist(letter, html=False)

    async def _persist(self, letter: Letter, *, html: bool) -> None:
        """Send until Telegram answers; raises TelegramBadRequest when it refuses the message as such."""
        clock = asyncio.get_running_loop().time
        give_up_at = clock() + _GIVE_UP_S
        attempt = 0
        while True:
            try:
                return await self._send(letter, html=html)
            except TelegramForbiddenError as exc:
                log.error("the chat takes no messages from the bot place=%s: %s", self._place, exc.message)
                return None
            except TelegramRetryAfter as exc:
                patience_s: float = exc.retry_after
            except TelegramBadRequest:
                raise
            except (TelegramNetworkError, TelegramServerError, ClientDecodeError) as exc:
                patience_s = _PATIENCE_S[min(attempt, len(_PATIENCE_S) - 1)]
                log.warning("not delivered yet, again in %d s place=%s: %s", patience_s, self._place, exc)
            except TelegramAPIError as exc:
                raise TelegramBadRequest(exc.method, exc.message) from exc
            if clock() + patience_s > give_up_at:
                log.error("a message is given up after an hour place=%s", self._place)
                return None
            await asyncio.sleep(patience_s)
            attempt += 1

    async def _send(self, letter: Letter, *, html: bool) -> None:
        text = letter.piece.html if html else letter.piece.text
        parse_mode = "HTML" if html else None
        if letter.message_id is not None:
            await self._bot.edit_message_text(
                text,
                chat_id=self._place.chat_id,
                message_id=letter.message_id,
                parse_mode=parse_mode,
                link_preview_options=self._preview,
            )
            return
        message = await self._bot.send_message(
            self._place.chat_id,
            text,
            message_thread_id=self._place.topic_id,
            parse_mode=parse_mode,
            link_preview_options=self._preview,
        )
        letter.message_id = message.message_id
