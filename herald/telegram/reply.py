"""Everything the user sees of a turn: typing, notices, the answer, what went wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiogram import Bot
from aiogram.exceptions import AiogramError

from herald.errors import HeraldError
from herald.model import Button, Place
from herald.telegram.composer import Composer
from herald.telegram.letters import Letter, Outgoing
from herald.telegram.outbox import Outbox

log = logging.getLogger(__name__)

# Telegram shows an action for 5 s. https://core.telegram.org/bots/api#sendchataction
_TYPING_EVERY_S = 4.5
_NOTICE_LIMIT = 3000


class Reply:
    """Speaks to one place. Nothing here waits for Telegram: the outbox sends in order."""

    def __init__(self, bot: Bot, place: Place, outbox: Outbox, composer: Composer) -> None:
        self._bot = bot
        self._place = place
        self._outbox = outbox
        self._composer = composer
        self._progress: Letter | None = None

    async def composed(self, markdown: str) -> Sequence[Outgoing]:
        """Make messages of Claude's text; a word of herald's own if nothing of it is visible."""
        return await self._composer.composed(markdown) or (Letter.line("Done, without a word from Claude."),)

    def answer(self, messages: Sequence[Outgoing]) -> None:
        """Post what `composed` has made."""
        self._outbox.post(*messages)

    def notice(self, text: str, code: str = "") -> None:
        """Post one short line of herald's own; `code` follows it in a form that one tap copies."""
        self._outbox.post(self._line(text, code))

    def trouble(self, error: HeraldError) -> None:
        """Post what went wrong and what to do about it."""
        self.notice(_sentence(error))

    def ask(self, error: HeraldError, buttons: tuple[Button, ...]) -> None:
        """Post what went wrong, and the ways to go on."""
        self._outbox.post(self._line(_sentence(error), buttons=buttons))

    def decided(self, message_id: int, question: str, choice: str) -> None:
        """Take the buttons off a question and show what was chosen."""
        letter = self._line(f"{question}\n→ {choice}")
        letter.message_id = message_id
        self._outbox.post(letter)

    def progress(self, text: str) -> None:
        """Show `text` in the turn's one progress message, which is posted when first needed and edited after."""
        line = self._line(text)
        if self._progress is None:
            self._progress = line
        else:
            self._progress.html, self._progress.text = line.html, line.text
        self._outbox.show(self._progress)

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

    def _line(self, text: str, code: str = "", buttons: tuple[Button, ...] = ()) -> Letter:
        text, code = self._composer.hide(text), self._composer.hide(code)
        return Letter.line(text if len(text) <= _NOTICE_LIMIT else text[:_NOTICE_LIMIT] + "…", code, buttons)


def _sentence(error: HeraldError) -> str:
    hint = f"\n{error.hint[:1].upper()}{error.hint[1:]}." if error.hint else ""
    return f"{error.message[:1].upper()}{error.message[1:].rstrip('.')}.{hint}"
