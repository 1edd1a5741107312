"""The rehearsal keeps updates like Telegram: until they are confirmed, for one poll at a time."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from herald.rehearsal.bot_api import TOKEN, BotApi
from tests.rehearsal.conftest import Ask

CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


async def test_an_update_stays_until_a_higher_offset_confirms_it(api: BotApi, ask: Ask) -> None:
    first, second = api.text("one"), api.text("two")
    assert [update["update_id"] for update in await ask("getUpdates")] == [first, second]
    assert [update["update_id"] for update in await ask("getUpdates", limit=1)] == [first]
    assert [update["update_id"] for update in await ask("getUpdates", offset=second)] == [second]
    assert await ask("getUpdates", offset=second + 1) == []
    assert await ask("getUpdates") == []


async def test_a_negative_offset_keeps_the_last_updates(api: BotApi, ask: Ask) -> None:
    _, second, third = (api.text(text) for text in ("one", "two", "three"))
    assert [update["update_id"] for update in await ask("getUpdates", offset=-2)] == [second, third]
    assert [update["update_id"] for update in await ask("getUpdates")] == [second, third]


async def test_one_answer_holds_at_most_a_hundred_updates_and_four_megabytes(api: BotApi, ask: Ask) -> None:
    for _ in range(101):
        api.text("x")
    assert len(await ask("getUpdates", limit=1000)) == 100
    await ask("getUpdates", offset=api.text("x" * 3_000_000))
    api.text("x" * 3_000_000)
    assert len(await ask("getUpdates")) == 1


async def test_a_long_poll_ends_with_the_next_update(api: BotApi, ask: Ask) -> None:
    poll = asyncio.create_task(ask("getUpdates", timeout=1000))
    await api.until(lambda api: api.calls)
    api.text("wake up")
    assert [update["message"]["text"] for update in await asyncio.wait_for(poll, 2)] == ["wake up"]


async def test_a_second_poll_ends_the_first(api: BotApi, ask: Ask) -> None:
    first = asyncio.create_task(ask("getUpdates", timeout=50))
    await api.until(lambda api: len(api.calls) == 1)
    second = asyncio.create_task(ask("getUpdates", timeout=50))
    assert await first == f"409 {CONFLICT}"
    api.text("for the second")
    assert len(await second) == 1


async def test_a_poll_whose_client_left_takes_no_update_along(
    api: BotApi, http: aiohttp.ClientSession, ask: Ask
) -> None:
    update_id = api.text("confirmed")
    gone = {"offset": update_id + 1, "timeout": 50}
    with pytest.raises(TimeoutError):
        await http.post(f"{api.url}/bot{TOKEN}/getUpdates", json=gone, timeout=aiohttp.ClientTimeout(total=0.05))
    await ask("getUpdates", offset=update_id + 1)  # meanwhile the server sees that the client left
    api.redeliver(update_id)
    assert len(await ask("getUpdates", offset=update_id + 1)) == 1


async def test_only_allowed_updates_are_queued(api: BotApi, ask: Ask) -> None:
    api.update({"message_reaction": {}})
    await ask("getUpdates", allowed_updates=["callback_query", "message_reaction"])
    api.text("not asked for")
    api.update({"message_reaction": {"made": "up"}})
    assert [list(update)[1] for update in await ask("getUpdates")] == ["message_reaction"]


async def test_a_confirmed_update_can_come_again(api: BotApi, ask: Ask) -> None:
    update_id = api.text("once")
    await ask("getUpdates", offset=update_id + 1)
    api.redeliver(update_id)
    assert [update["update_id"] for update in await ask("getUpdates", offset=update_id + 1)] == [update_id]
    assert await ask("getUpdates", offset=update_id + 1) == []


async def test_dropping_pending_updates_empties_the_queue(api: BotApi, ask: Ask) -> None:
    api.text("old")
    await ask("deleteWebhook")
    assert (await ask("getWebhookInfo"))["pending_update_count"] == 1
    await ask("deleteWebhook", drop_pending_updates=True)
    assert await ask("getUpdates") == []


async def test_a_command_is_marked_as_one(api: BotApi, ask: Ask) -> None:
    api.text("😀 /start now a/b")
    assert (await ask("getUpdates"))[0]["message"]["entities"] == [{"type": "bot_command", "offset": 3, "length": 6}]
