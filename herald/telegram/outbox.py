"""What goes out to one place: messages in order, each until Telegram has taken it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramRetryAfter,
)
from aiogram.types import LinkPreviewOptions

from herald.formatting import Piece, render
from herald.model import Place

log = logging.getLogger(__name__)

_PATIENCE_S = (1, 2, 4, 8, 15, 30)
_GIVE_UP_S = 3600.0
# Characters; rendering this much takes about 0.1 s.
_LONG_ANSWER = 20_000

_LOST = "Telegram has refused a part of the answer, as plain text too. /status names the session that holds it."
_REFUSED = Piece(html=_LOST, text=_LOST, width_utf16=len(_LOST))


@dataclass(slots=True)
class Letter:
    """One message. `message_id` is there once Telegram has taken it; posting it again then edits it."""

    piece: Piece
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Claude's Markdown, as many messages as it takes; `otherwise` is sent if nothing of it is visible."""

    markdown: str
    otherwise: Piece


class Outbox:
    """Sends what is posted, in order; a flood wait or an outage delays it, and only that of this place."""

    def __init__(self, bot: Bot, place: Place, changed: Callable[[], None]) -> None:
        """`changed` is called when `pending` has changed."""
        self._bot = bot
        self._place = place
        self._changed = changed
        self.pending = 0
        self._posted: asyncio.Queue[Letter | Answer] = asyncio.Queue()
        self._preview = LinkPreviewOptions(is_disabled=True)

    def post(self, item: Letter | Answer) -> None:
        self._posted.put_nowait(item)
        self.pending += 1
        self._changed()

    async def flushed(self) -> None:
        """Return when everything posted so far has been sent or given up."""
        await self._posted.join()

    async def run(self) -> None:
        while True:
            item = await self._posted.get()
            try:
                for letter in await self._letters(item):
                    await self._deliver(letter)
            except Exception:  # the boundary: one message that cannot be sent must not hold up the next
                log.exception("a message was not delivered place=%s", self._place)
            finally:
                self._posted.task_done()
                self.pending -= 1
                self._changed()

    async def _letters(self, item: Letter | Answer) -> list[Letter]:
        if isinstance(item, Letter):
            return [item]
        if len(item.markdown) < _LONG_ANSWER:
            pieces = render(item.markdown)
        else:
            # a megabyte takes seconds: polling and /stop must not wait for it
            pieces = await asyncio.to_thread(render, item.markdown)
        return [Letter(piece) for piece in pieces or [item.otherwise]]

    async def _deliver(self, letter: Letter) -> None:
        try:
            await self._persist(letter, html=True)
        except TelegramBadRequest as exc:
            if letter.message_id is not None:
                # an edit: the text is the same as before, or the user has deleted the message
                log.info("edit refused place=%s: %s", self._place, exc.message)
                return
            log.warning("html refused, sending plain text place=%s: %s", self._place, exc.message)
            await self._deliver_plain(letter)

    async def _deliver_plain(self, letter: Letter) -> None:
        try:
            await self._persist(letter, html=False)
        except TelegramBadRequest as exc:
            log.error(
                "plain text refused too place=%s width=%d: %s", self._place, letter.piece.width_utf16, exc.message
            )
            await self._persist(Letter(_REFUSED), html=False)

    async def _persist(self, letter: Letter, *, html: bool) -> None:
        """Send until Telegram answers; raises TelegramBadRequest when it refuses the message as such."""
        clock = asyncio.get_running_loop().time
        give_up_at = clock() + _GIVE_UP_S
        attempt = 0
        while True:
            try:
                await self._send(letter, html=html)
                return
            except TelegramForbiddenError as exc:
                log.error("the chat takes no messages from the bot place=%s: %s", self._place, exc.message)
                return
            except TelegramRetryAfter as exc:
                patience_s: float = exc.retry_after
                give_up_at += patience_s
                log.warning("Telegram asks to wait, again in %d s place=%s", patience_s, self._place)
            except TelegramBadRequest:
                raise
            except TelegramAPIError as exc:
                patience_s = _PATIENCE_S[min(attempt, len(_PATIENCE_S) - 1)]
                log.warning("not delivered yet, again in %d s place=%s: %s", patience_s, self._place, exc)
            if clock() + patience_s > give_up_at:
                log.error("a message is given up after an hour of failures place=%s", self._place)
                return
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
