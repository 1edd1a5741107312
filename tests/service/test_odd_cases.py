"""What must not happen when somebody forges, removes, blocks or nests something, or when two faults come together."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from herald.rehearsal.bot_api import OWNER, BotApi
from tests.conftest import Herald
from tests.service.test_recovery import cut, kill, question, transcript, works

OTHER = 4343
BOTH = f"{OWNER},{OTHER}"


def nested(depth: int) -> dict[str, Any]:
    text: dict[str, Any] = {"type": "bold", "text": "deep"}
    for _ in range(depth):
        text = {"type": "bold", "text": text}
    return {"blocks": [{"type": "paragraph", "text": text}]}


async def test_nobody_decides_about_a_turn_of_another_chat(herald: Herald, api: BotApi) -> None:
    await cut(herald, api)
    async with herald("result other", api=api, TELEGRAM_ALLOWED_USERS=BOTH) as h:
        await h.says("Herald crashed")
        h.api.text("/help", user_id=OTHER)
        await h.api.until(lambda api: api.texts(OTHER))
        theirs = h.api.messages(OTHER)[-1]
        h.api.tap(theirs.message_id, question(h).buttons["Run again"], user_id=OTHER)
        await h.api.until(lambda api: api.calls[-1].params.get("text") == "This has been decided already.")
        assert h.prompts() == ["one"]


async def test_who_is_taken_off_the_list_gets_nothing_of_what_was_left(herald: Herald, api: BotApi) -> None:
    async with herald("until never", api=api, TELEGRAM_ALLOWED_USERS=BOTH) as h:
        h.api.text("secret", user_id=OTHER)
        await works(h)
        await kill(h)
    async with herald("result hi", api=api) as h:
        h.api.text("one")
        await h.says("hi")
        await h.idle()
        assert h.api.texts(OTHER) == []
        assert any("not on the allow-list any more" in line for line in h.service.log)


@pytest.mark.parametrize("user_id", [OWNER, OTHER])
async def test_a_rich_message_hidden_anywhere_holds_nothing_up(herald: Herald, user_id: int) -> None:
    async with herald("result hi") as h:
        pinned = {"message_id": 1, "date": 1, "chat": {"id": user_id, "type": "private"}, "rich_message": nested(60)}
        h.api.send({"pinned_message": pinned}, user_id=user_id)
        h.api.text("one")
        await h.says("hi")


async def test_an_update_with_a_number_too_large_to_keep_is_skipped(herald: Herald) -> None:
    async with herald("result hi") as h:
        chat = {"id": OWNER, "type": "private", "first_name": "Ada", "is_bot": False}
        h.api.update({"message": {"message_id": 2**63, "date": 1, "from": chat, "chat": chat, "text": "x"}})
        h.api.text("one")
        await h.says("hi")


async def test_a_caption_is_no_command(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.text("one")
        await h.says("hi")
        session = h.sessions()
        h.api.upload("a.jpg", b"\xff\xd8\xff", kind="photo", caption="/new look at this")
        await h.says("I can only read text so far")
        assert h.sessions() == session


async def test_an_answer_of_one_topic_is_not_overwritten_by_that_of_another(herald: Herald) -> None:
    async with herald("result {prompt}") as h:
        h.api.drop("sendMessage")
        h.api.text("first", topic_id=11)
        await h.service.until(lambda service: any("not delivered yet" in line for line in service.log))
        h.api.text("second", topic_id=22)
        await h.says("first", "second")


async def test_stop_is_obeyed_while_nothing_can_be_written(herald: Herald) -> None:
    async with herald("text Half.\nhang\n---\nresult after") as h:
        h.api.text("one")
        await works(h)
        with closing(sqlite3.connect(h.state_dir / "herald.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            h.api.text("/stop")
            await h.says("Stopped.", "Another program holds herald.db")
            other.execute("ROLLBACK")
        h.api.text("two")
        await h.says("after")
        assert sum("cannot write" in text for text in h.api.texts()) == 1


async def test_a_prompt_waits_until_it_can_be_noted(herald: Herald, api: BotApi) -> None:
    async with herald("until go\nresult one\n---\nresult two", api=api) as h:
        h.api.text("one")
        await works(h)
        h.api.text("two")
        await h.service.until(lambda service: any("1 waiting" in state for state in service.states))
        with closing(sqlite3.connect(h.state_dir / "herald.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            h.release("go")
            await h.says("one", "Another program holds herald.db")
            assert h.prompts() == ["one"]
            other.execute("ROLLBACK")
        await h.says("two")


async def test_a_database_that_refuses_at_the_end_does_not_keep_herald(herald: Herald) -> None:
    async with herald("until never", TELEGRAM_ALLOWED_USERS=BOTH, HERALD_DRAIN_S="0") as h:
        h.api.text("one")
        await works(h)
        with closing(sqlite3.connect(h.state_dir / "herald.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            h.service.send_signal(signal.SIGTERM)
            await h.service.until(lambda service: service.ended, timeout_s=40)
        assert h.service.exit_status == 0


async def test_run_again_after_continue_gives_what_the_owner_wrote(herald: Herald, api: BotApi) -> None:
    await cut(herald, api)
    async with herald("text Half.\nbegin Bash\nuntil never", api=api) as h:
        await h.says("Herald crashed")
        asked = question(h)
        h.api.tap(asked.message_id, asked.buttons["Continue"])
        await works(h, 2)
        await h.service.until(lambda _: transcript(h).count("tool_use") > 2)
        await kill(h)
    async with herald("result done", api=api) as h:
        await h.api.until(lambda api: any(message.buttons for message in api.messages()))
        assert question(h).text.startswith("Herald crashed while Claude was busy with this: one")
        h.api.tap(question(h).message_id, question(h).buttons["Run again"])
        await h.says("done")
        assert h.prompts()[-1] == "one"


async def test_continue_in_another_session_tells_what_it_was_about(herald: Herald, api: BotApi) -> None:
    await cut(herald, api)
    async with herald("result done", api=api) as h:
        await h.says("Herald crashed")
        asked = question(h)
        h.api.text("/new")
        await h.says("Your next message begins a new session")
        h.api.tap(asked.message_id, asked.buttons["Continue"])
        await h.says("done")
        assert h.prompts()[-1].endswith("\n\none")


async def test_an_answer_that_is_there_is_delivered_after_any_number_of_crashes(herald: Herald, api: BotApi) -> None:
    await cut(herald, api)
    async with herald("until go\nresult at last", api=api) as h:
        await h.says("Herald crashed")
        h.api.tap(question(h).message_id, question(h).buttons["Run again"])
        await works(h, 2)
        h.service.send_signal(signal.SIGSTOP)
        h.release("go")
        await h.service.until(lambda _: "end_turn" in transcript(h))
        await kill(h)
    async with herald("result no", api=api) as h:
        await h.says("at last")


async def test_a_named_pipe_among_claudes_files_blocks_nothing(herald: Herald) -> None:
    async with herald("result hi\n---\nresult again") as h:
        h.api.text("one")
        await h.says("hi")
        (h.folder / ".claude" / "sessions").mkdir()
        await asyncio.to_thread(os.mkfifo, h.folder / ".claude" / "sessions" / "1.json")
        h.api.text("two")
        await h.says("again")
