"""The one poller: asks Telegram for updates, rides out failures, and confirms only what the door has taken.

Herald polls by itself: aiogram's polling reorders messages, moves on after a handler's exception, and one update it
cannot parse blocks the rest.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any, ClassVar

from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramConflictError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.methods.base import TelegramMethod

from herald.errors import ConfigError, HeraldError, PollingFailed, StateUnwritable
from herald.systemd import Pulse
from herald.telegram.door import Door
from herald.telegram.outage import Outage

log = logging.getLogger(__name__)

# What a request may take beyond the long poll before it counts as failed.
_POLL_SLACK_S = 10
_FLOOD_WAIT_MAX_S = 600
_CONFLICT_PATIENCE_S = 5.0
# The poll of a herald that was just killed is still open at Telegram, so the first conflicts mean little.
_CONFLICTS_TOLD_FROM = 3
_DISK_PATIENCE_S = 5.0


class _RawUpdates(TelegramMethod[list[Any]]):
    """getUpdates whose updates are not parsed yet, so that a strange one cannot spoil the others."""

    __returning__: ClassVar[Any] = list[Any]
    __api_method__: ClassVar[str] = "getUpdates"

    offset: int
    timeout: int
    allowed_updates: list[str]


class Poller:
    """Takes updates for ever, in `poll`. Outages, floods and conflicts are waited for."""

    def __init__(
        self, bot: Bot, door: Door, long_poll_s: float, pulse: Pulse, told: Callable[[HeraldError], None]
    ) -> None:
        """`pulse` is told of each poll that has ended, `told` what the owners need to know."""
        self._bot = bot
        self._door = door
        self._long_poll_s = int(long_poll_s)
        self._pulse = pulse
        self._told = told
        self._outage = Outage()
        self._conflicts = 0

    async def reach(self) -> None:
        """Make a first, short poll; it is tried until Telegram answers. Raises as `poll` does."""
        while not await self._poll_once(timeout_s=0):
            pass

    async def poll(self) -> None:
        """Raises PollingFailed when a fresh start is worth a try, ConfigError on a dead token."""
        while True:
            await self._poll_once(self._long_poll_s)

    async def confirm(self) -> None:
        """Tell Telegram that everything taken so far need not be delivered again."""
        try:
            await self._get_updates(0)
        except TelegramAPIError as exc:
            log.warning("the last updates could not be confirmed and will come again: %s", exc)

    async def _poll_once(self, timeout_s: int) -> bool:
        """Poll, and wait if that was no success; tell whether it was one."""
        try:
            updates = await self._get_updates(timeout_s)
        except TelegramUnauthorizedError as exc:
            raise ConfigError(HeraldError("Telegram does not accept the bot token any more", _RENEWED)) from exc
        except TelegramConflictError as exc:
            await self._wait(self._after_conflict(exc), answered=True)
            return False
        except TelegramRetryAfter as exc:
            patience_s = min(exc.retry_after, _FLOOD_WAIT_MAX_S)
            log.warning("Telegram asks to wait before the next poll, again in %d s", patience_s)
            await self._wait(patience_s, answered=True)
            return False
        except TelegramAPIError as exc:
            await self._wait(self._after_failure(exc), answered=False)
            return False
        if self._outage.failures:
            log.info("polling works again after %d failures", self._outage.failures)
        self._outage.over()
        self._conflicts = 0
        await self._wait(0.0 if await self._took(updates) else _DISK_PATIENCE_S, answered=True)
        return True

    async def _took(self, updates: list[Any]) -> bool:
        """Hand the updates on; False if they must come again after a while."""
        before = self._door.offset
        try:
            await self._door.take(updates)
        except StateUnwritable as exc:
            log.warning("updates stay at Telegram: %s", exc.message)
            return False
        # nothing in them can be confirmed, so they come again at once
        return not updates or self._door.offset != before

    async def _get_updates(self, timeout_s: int) -> list[Any]:
        method = _RawUpdates(offset=self._door.offset, timeout=timeout_s, allowed_updates=["message", "callback_query"])
        return await self._bot(method, request_timeout=timeout_s + _POLL_SLACK_S)

    def _after_conflict(self, exc: TelegramConflictError) -> float:
        log.error("another program polls with this bot's token; only one may: %s", exc.message)
        self._conflicts += 1
        if self._conflicts == _CONFLICTS_TOLD_FROM:
            hint = "end it, or give it a bot of its own; until then messages may go there"
            self._told(HeraldError("another program reads this bot's messages", hint))
        return _CONFLICT_PATIENCE_S

    def _after_failure(self, exc: TelegramAPIError) -> float:
        now = asyncio.get_running_loop().time()
        patience_s = self._outage.failed(now, random.random())  # noqa: S311 - it only spreads retries
        if self._outage.is_hopeless(now):
            hint = "is this machine's network up? under systemd herald is started again"
            raise PollingFailed(f"polling Telegram failed {self._outage.failures} times in a row: {exc}", hint) from exc
        log.warning("polling failed, again in %.1f s: %s", patience_s, exc)
        return patience_s

    async def _wait(self, patience_s: float, *, answered: bool) -> None:
        self._pulse.polled(patience_s, patience_s + self._long_poll_s + _POLL_SLACK_S, answered=answered)
        if patience_s:
            await asyncio.sleep(patience_s)


_RENEWED = "copy TELEGRAM_BOT_TOKEN again from @BotFather and restart herald"
