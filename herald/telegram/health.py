"""Whether Telegram can be reached: asked once a minute, shown in the service manager's status."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiogram import Bot
from aiogram.exceptions import TelegramAPIError

log = logging.getLogger(__name__)

_EVERY_S = 60.0
_REQUEST_S = 20


class Health:
    """`reachable` is what the last ping says. It never feeds the watchdog."""

    def __init__(self, bot: Bot, changed: Callable[[], None]) -> None:
        self._bot = bot
        self._changed = changed
        self.reachable = True

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            reachable = await self._ping()
            if reachable != self.reachable:
                self.reachable = reachable
                self._changed()

    async def _ping(self) -> bool:
        try:
            await self._bot.get_me(request_timeout=_REQUEST_S)
        except TelegramAPIError as exc:
            log.warning("Telegram does not answer a ping: %s", exc)
            return False
        return True
