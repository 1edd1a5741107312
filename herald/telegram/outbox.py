"""What goes out to one place: messages in order, each until Telegram has taken it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramNotFound,
    TelegramRetryAfter,
)

from herald.formatting import Piece
from herald.model import Place
from herald.telegram.letters import Answer, Composer, Letter, Outgoing

log = logging.getLogger(__name__)

_PATIENCE_S = (1, 2, 4, 8, 15, 30)
_GIVE_UP_S = 3600.0
# Characters; rendering this much takes about 0.1 s.
_LONG_ANSWER = 20_000

# "Not found" is what a Bot API server says to a method that it does not know yet, such as sendRichMessage.
_REFUSALS = (TelegramBadRequest, TelegramNotFound, TelegramEntityTooLarge)

_LOST = "Telegram has refused a part of the answer, as plain text too. /status names the session that holds it."
_REFUSED = Piece(html=_LOST, text=_LOST, width_utf16=len(_LOST))


class Outbox:
    """Sends what is posted, in order; a flood wait or an outage delays it, and only that of this place."""

    def __init__(self, bot: Bot, place: Place, composer: Composer, changed: Callable[[], None]) -> None:
        """`changed` is called when `pending` has changed."""
        self._bot = bot
        self._place = place
        self._composer = composer
        self._changed = changed
        self.pending = 0
        self._posted: asyncio.Queue[Letter | Answer] = asyncio.Queue()

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
                for outgoing in await self._composed(item):
                    await self._deliver(outgoing)
            except Exception:  # the boundary: one message that cannot be sent must not hold up the next
                log.exception("a message was not delivered place=%s", self._place)
            finally:
                self._posted.task_done()
                self.pending -= 1
                self._changed()

    async def _composed(self, item: Letter | Answer) -> Sequence[Outgoing]:
        if isinstance(item, Letter):
            return [item]
        if len(item.markdown) < _LONG_ANSWER:
            return self._composer.compose(item)
        # a megabyte takes seconds: polling and /stop must not wait for it
        return await asyncio.to_thread(self._composer.compose, item)

    async def _deliver(self, outgoing: Outgoing) -> None:
        if isinstance(outgoing, Letter):
            await self._deliver_letter(outgoing)
            return
        try:
            await self._persist(outgoing.send, _REFUSALS)
        except _REFUSALS as exc:
            kind = type(outgoing).__name__
            log.warning("%s refused, sending messages place=%s: %s", kind, self._place, exc.message)
            for message in outgoing.otherwise:
                await self._deliver(message)

    async def _deliver_letter(self, letter: Letter) -> None:
        try:
            await self._persist(letter.send)
        except TelegramBadRequest as exc:
            if letter.message_id is not None:
                # an edit: the text is the same as before, or the user has deleted the message
                log.info("edit refused place=%s: %s", self._place, exc.message)
                return
            log.warning("html refused, sending plain text place=%s: %s", self._place, exc.message)
            await self._deliver_plain(letter)

    async def _deliver_plain(self, letter: Letter) -> None:
        try:
            await self._persist(partial(letter.send, html=False))
        except TelegramBadRequest as exc:
            log.error(
                "plain text refused too place=%s width=%d: %s", self._place, letter.piece.width_utf16, exc.message
            )
            await self._persist(partial(Letter(_REFUSED).send, html=False))

    async def _persist(
        self,
        send: Callable[[Bot, Place], Awaitable[None]],
        refusals: tuple[type[TelegramAPIError], ...] = (TelegramBadRequest,),
    ) -> None:
        """Send until Telegram answers; raises one of `refusals` when it refuses the message as such."""
        clock = asyncio.get_running_loop().time
        give_up_at = clock() + _GIVE_UP_S
        attempt = 0
        while True:
            try:
                await send(self._bot, self._place)
                return
            except TelegramForbiddenError as exc:
                log.error("the chat takes no messages from the bot place=%s: %s", self._place, exc.message)
                return
            except TelegramRetryAfter as exc:
                patience_s: float = exc.retry_after
                give_up_at += patience_s
                log.warning("Telegram asks to wait, again in %d s place=%s", patience_s, self._place)
            except refusals:
                raise
            except TelegramAPIError as exc:
                patience_s = _PATIENCE_S[min(attempt, len(_PATIENCE_S) - 1)]
                log.warning("not delivered yet, again in %d s place=%s: %s", patience_s, self._place, exc)
            if clock() + patience_s > give_up_at:
                log.error("a message is given up after an hour of failures place=%s", self._place)
                return
            await asyncio.sleep(patience_s)
            attempt += 1
