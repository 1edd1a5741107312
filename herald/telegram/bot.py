"""The connection to Telegram: aiogram's Bot, its first contact, and the command menu."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import orjson
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.methods import TelegramMethod
from aiogram.types import BotCommand, User

from herald.config import Config
from herald.errors import ConfigError, HeraldError

log = logging.getLogger(__name__)

T = TypeVar("T")

_REQUEST_S = 20
# a stop of herald waits for it
_TAP_S = 3
_PATIENCE_S = (1, 2, 4, 8, 15)
_COMMANDS = {
    "new": "begin a new session",
    "stop": "stop what Claude is doing",
    "status": "what is going on",
    "help": "how to use me",
    "start": "say hello",
}


class _Session(AiohttpSession):
    """Makes one failure of the network out of every answer that is not the Bot API's.

    A proxy's or a hotel's page, a cut body, a null where a result should be: aiogram lets them out as TypeError,
    UnicodeDecodeError or an error that quotes the whole answer, which may be the owner's texts.
    """

    async def make_request(self, bot: Bot, method: TelegramMethod[T], timeout: int | None = None) -> T:
        try:
            result = await super().make_request(bot, method, timeout)
        except (ClientDecodeError, ValueError, TypeError, AttributeError) as exc:
            message = f"what came back is not an answer of the Bot API ({type(exc).__name__})"
            raise TelegramNetworkError(method, message) from None
        if result is None:
            raise TelegramNetworkError(method, "the Bot API answered with nothing")
        return result


@asynccontextmanager
async def connected(config: Config) -> AsyncIterator[Bot]:
    """Yield a Bot for the token and Bot API server in `config`; nothing is sent yet."""
    server = TelegramAPIServer.from_base(config.api_base)
    session = _Session(api=server, json_loads=orjson.loads, timeout=_REQUEST_S)
    try:
        yield Bot(config.bot_token, session=session)
    finally:
        await session.close()


def acknowledge(bot: Bot, tasks: asyncio.TaskGroup, tap_id: str, text: str) -> None:
    """Answer the tap on a button, so that it stops turning; `text` is shown for a moment. Does not wait."""
    tasks.create_task(_acknowledge(bot, tap_id, text), name="acknowledge")


async def _acknowledge(bot: Bot, tap_id: str, text: str) -> None:
    try:
        await bot.answer_callback_query(tap_id, text=text or None, request_timeout=_TAP_S)
    except TelegramAPIError as exc:
        # Telegram takes an answer for some seconds only
        log.debug("a tap could not be answered: %s", exc)


async def greet(bot: Bot) -> User:
    """Ask Telegram who the bot is, and set its command menu. A network that is down is waited for.

    Raises ConfigError when Telegram does not accept the token.
    """
    attempt = 0
    while True:
        try:
            me = await bot.get_me()
            await bot.set_my_commands([BotCommand(command=name, description=text) for name, text in _COMMANDS.items()])
            return me
        # a token of the right shape that Telegram never gave out is answered "Not Found"
        except (TelegramUnauthorizedError, TelegramNotFound) as exc:
            hint = "copy TELEGRAM_BOT_TOKEN again from @BotFather; it changes when you revoke it"
            raise ConfigError(HeraldError("Telegram does not accept the bot token", hint)) from exc
        except TelegramAPIError as exc:
            patience_s = _PATIENCE_S[min(attempt, len(_PATIENCE_S) - 1)]
            if isinstance(exc, TelegramRetryAfter):
                patience_s = exc.retry_after
            log.warning("Telegram cannot be reached, trying again in %d s; is the network up? %s", patience_s, exc)
            await asyncio.sleep(patience_s)
            attempt += 1
