"""Everything the user sees of a turn: typing, notices, the answer, what went wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiogram import Bot
from aiogram.exceptions import AiogramError

from herald.errors import HeraldError
from herald.formatting import Piece, escape
from herald.model import Place
from herald.telegram.letters import Answer, Letter
from herald.telegram.outbox import Outbox

log = logging.getLogger(__name__)

# Telegram shows an action for 5 s. https://core.telegram.org/bots/api#sendchataction
_TYPING_EVERY_S = 4.5
_NOTICE_LIMIT = 3000


class Reply:
    """Speaks to one place. Nothing here waits for Telegram: the outbox sends in order."""

    def __init__(self, bot: Bot, place: Place, outbox: Outbox, hide: Callable[[str], str]) -> None:
        """`hide` takes the secrets out of a text."""
        self._bot = bot
        self._place = place
        self._outbox = outbox
        self._hide = hide
        self._progress: Letter | None = None

    def answer(self, markdown: str) -> None:
        """Post Claude's text, as many messages as it takes; a word of herald's own if nothing of it is visible."""
        self._outbox.post(Answer(markdown, otherwise=_notice("Done, without a word from Claude.")))

    def notice(self, text: str, code: str = "") -> None:
        """Post one short line of herald's own; `code` follows it in a form that one tap copies."""
        self._outbox.post(Letter(_notice(self._hide(text), self._hide(code))))

    def trouble(self, error: HeraldError) -> None:
        """Post what went wrong and what to do about it."""
        hint = f"\n{error.hint[:1].upper()}{error.hint[1:]}." if error.hint else ""
        self.notice(f"{error.message[:1].upper()}{error.message[1:].rstrip('.')}.{hint}")

    def progress(self, text: str) -> None:
        """Show `text` in the turn's one progress message, which is posted when first needed and edited after."""
        if self._progress is None:
            self._progress = Letter(_notice(self._hide(text)))
        else:
            self._progress.piece = _notice(self._hide(text))
        self._outbox.post(self._progress)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Show "typing" while the block runs; the block's progress message is its own."""
        self._progress = None
        typing = asyncio.create_task(self._keep_typing(), name=f"typing-{self._place}")
        try:
            yield
        finally:
            typing.cancel()
            await asyncio.gather(typing, return_exceptions=True)

    async def _keep_typing(self) -> None:
        while True:
            try:
                await self._bot.send_chat_action(self._place.chat_id, "typing", message_thread_id=self._place.topic_id)
            except AiogramError as exc:
                log.debug("typing not shown place=%s: %s", self._place, exc)
            await asyncio.sleep(_TYPING_EVERY_S)


def _notice(text: str, code: str = "") -> Piece:
    text = text if len(text) <= _NOTICE_LIMIT else text[:_NOTICE_LIMIT] + "…"
    html = escape(text) + (f"\n<code>{escape(code)}</code>" if code else "")
    plain = text + (f"\n{code}" if code else "")
    return Piece(html=html, text=plain, width_utf16=len(plain.encode("utf-16-le")) // 2)
