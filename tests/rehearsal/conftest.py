"""What the tests of the rehearsal's Bot API share: a server, a client, and a way to ask."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import aiohttp
import pytest

from herald.rehearsal.bot_api import TOKEN, BotApi

Ask = Callable[..., Coroutine[Any, Any, Any]]


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as api:
        yield api


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


@pytest.fixture
def ask(api: BotApi, http: aiohttp.ClientSession) -> Ask:
    """Call a method; the answer is its result, or "<code> <description>" where it is refused."""

    async def ask(method: str, **params: object) -> Any:
        async with http.post(f"{api.url}/bot{TOKEN}/{method}", json=params) as response:
            envelope = await response.json()
        if envelope["ok"]:
            return envelope["result"]
        assert envelope["error_code"] == response.status
        return f"{response.status} {envelope['description']}"

    return ask
