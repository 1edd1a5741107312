"""How herald polls Telegram: through failures, conflicts and silence, and what the service manager hears of it."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from pathlib import Path

from herald.rehearsal import stand_in
from herald.rehearsal.bot_api import BotApi
from herald.rehearsal.service import Service
from tests.conftest import Herald, environment
from tests.processes import lives


async def test_ready_is_told_only_after_a_first_answered_poll(tmp_path: Path) -> None:
    program = stand_in.install(tmp_path / "claude", "result hi")
    async with BotApi() as api:
        api.drop("getMe")
        api.refuse("getUpdates", 502)
        async with Service({**environment(tmp_path, api.url), "CLAUDE_BIN": str(program)}, tmp_path) as service:
            await api.until(lambda api: any(call.status == 502 for call in api.calls))
            assert "READY=1" not in service.states
            assert await service.ready()
            assert [call.method for call in api.calls][:2] == ["getMe", "getMe"]
            assert api.calls[-1].params["timeout"] in ("0", "50")


async def test_the_status_has_the_numbers(herald: Herald) -> None:
    async with herald("until go\nresult hi") as h:
        h.api.text("one")
        h.api.text("two")
        await h.service.until(lambda service: "STATUS=1 working; 1 waiting, 0 to send, 0 done" in service.states)
        h.release("go")
        await h.service.until(lambda service: service.states[-1] == "STATUS=idle; 0 waiting, 0 to send, 2 done")


async def test_updates_that_come_again_are_taken_once(herald: Herald, api: BotApi) -> None:
    async with herald("result hi", api=api) as h:
        number = h.api.text("one")
        await h.says("hi")
        h.api.redeliver(number)
        h.api.text("/status")
        await h.says("Idle")
    async with herald("result hi", api=api) as h:
        h.api.redeliver(number)
        h.api.text("/help")
        await h.says("/new begins")
        await h.idle()
        assert h.prompts() == ["one"]


async def test_a_conflict_that_stays_is_told_once_and_polling_goes_on(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.refuse("getUpdates", 409, times=3)
        h.api.text("one")
        await h.says("hi")
        await h.says("Another program reads this bot's messages")
        h.api.text("two")
        await h.api.until(lambda api: api.texts()[-1] == "hi")
        assert sum("Another program reads this bot's messages" in text for text in h.api.texts()) == 1


async def test_a_poll_that_hangs_ends_in_order_before_the_watchdog(herald: Herald) -> None:
    """With a watchdog of 6 s, 5 s of silence are enough; a poll's own deadline would come later."""
    async with herald("hang", WATCHDOG_USEC="6000000", HERALD_DRAIN_S="0") as h:
        h.api.text("one")
        await h.service.until(lambda _: h.prompts())
        h.api.hang("getUpdates", times=10)
        await h.service.until(lambda service: service.ended, timeout_s=40)
        assert h.service.exit_status == 75
        assert any("no poll of Telegram was answered for 5 s" in line for line in h.service.log)
        await h.says("Herald is stopping and had to interrupt this.")


async def test_an_outage_is_ridden_out_and_what_was_written_meanwhile_is_answered(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.drop("getUpdates", times=3)
        h.api.text("one")
        await h.says("hi")
        h.api.text("two")
        await h.api.until(lambda api: api.texts() == ["hi", "hi"])
        assert any("polling works again" in line for line in h.service.log)


async def test_a_second_sigterm_ends_at_once_and_nothing_is_lost(herald: Herald, api: BotApi) -> None:
    async with herald("text Half.\nbegin Bash\nspawn\ndeaf", api=api, HERALD_DRAIN_S="60") as h:
        h.api.text("one")
        await h.service.until(lambda _: h.record("spawned"))
        h.service.send_signal(signal.SIGTERM)
        await h.service.until(lambda service: "STOPPING=1" in service.states)
        h.service.send_signal(signal.SIGTERM)
        await h.service.until(lambda service: service.ended, timeout_s=3)
        assert h.service.exit_status == 0
        pids = (*h.record("pid"), *h.record("spawned"))
        await h.service.until(lambda _: not any(lives(pid) for pid in pids))
    async with herald("result other", api=api) as h:
        await h.says("Herald crashed while Claude was busy with this: one")


async def test_a_chat_that_has_blocked_the_bot_is_given_up_and_the_others_go_on(herald: Herald) -> None:
    async with herald("result hi", TELEGRAM_ALLOWED_USERS="4242,4343") as h:
        h.api.refuse("sendMessage", 403, times=1)
        h.api.text("one")
        await h.service.until(lambda service: any("the chat takes no messages" in line for line in service.log))
        h.api.text("two", user_id=4343)
        await h.api.until(lambda api: api.texts(4343) == ["hi"])
        assert h.api.texts() == []


async def test_a_flood_wait_of_one_chat_holds_up_no_other(herald: Herald) -> None:
    async with herald("result hi", TELEGRAM_ALLOWED_USERS="4242,4343") as h:
        h.api.refuse("sendMessage", 429, retry_after=3)
        h.api.text("one")
        await h.service.until(lambda service: any("again in 3 s" in line for line in service.log))
        h.api.text("two", user_id=4343)
        await h.api.until(lambda api: api.texts(4343) == ["hi"])
        assert h.api.texts() == []
        await h.says("hi")


async def test_a_second_herald_with_the_same_token_is_refused(herald: Herald) -> None:
    async with herald("result hi") as h:
        other = h.folder / "other"
        other.mkdir()
        async with Service({**h.env, "HERALD_STATE_DIR": str(h.folder / "other-state")}, other) as second:
            await second.until(lambda service: service.ended)
            assert second.exit_status == 75
            assert any("another herald is running with this bot token" in line for line in second.log)


async def test_a_damaged_journal_is_moved_aside_and_told(herald: Herald, api: BotApi, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / "herald.db").write_bytes(b"not a database, but long enough to look like one" * 100)
    api.text("I was here before")
    async with herald("result hi", api=api) as h:
        await h.says("Herald's memory of what is under way was damaged")
        await h.says("hi")
        [kept] = h.state_dir.glob("herald.db.damaged-*")
        assert kept.read_bytes().startswith(b"not a database")


async def test_a_journal_of_a_newer_herald_is_left_alone(herald: Herald, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    connection = sqlite3.connect(tmp_path / "state" / "herald.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    program = stand_in.install(tmp_path / "claude", "result hi")
    env = {**environment(tmp_path, "http://127.0.0.1:9"), "CLAUDE_BIN": str(program)}
    async with Service(env, tmp_path) as service:
        assert not await service.ready()
        assert service.exit_status == 78
        assert any("was written by a newer herald" in line for line in service.log)


async def test_nothing_of_a_message_stays_in_the_journals_files_once_it_is_done(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.text("a very private prompt")
        await h.says("hi")
        await h.service.until(lambda _: not any(b"private" in p.read_bytes() for p in h.state_dir.glob("herald.db*")))


async def test_nothing_of_a_message_stays_in_the_journal_once_it_is_done(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.text("a very private prompt")
        await h.says("hi")
        await h.idle()
        await h.service.stop()
        rows = await asyncio.to_thread(
            lambda: list(sqlite3.connect(h.state_dir / "herald.db").execute("SELECT raw, prompt FROM inbox"))
        )
        assert rows == [(None, None)]
