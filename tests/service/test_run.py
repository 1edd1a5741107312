"""How herald starts, refuses to start, speaks to the service manager, and ends."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from herald.rehearsal import stand_in
from herald.rehearsal.bot_api import TOKEN, BotApi
from herald.rehearsal.service import Service
from tests.conftest import Herald, environment

ROOT = Path(__file__).parents[2]


async def test_ready_and_stopping_are_told_to_systemd(herald: Herald) -> None:
    async with herald("result hi") as h:
        assert await h.service.stop() == 0
        assert h.service.states[0] == "READY=1"
        assert h.service.states[-1] == "STOPPING=1"


async def test_the_watchdog_is_fed_by_polls(herald: Herald) -> None:
    async with herald("result hi", WATCHDOG_USEC="4000000") as h:
        await h.service.until(lambda service: service.states.count("WATCHDOG=1") >= 2)
        polls = [call.params["timeout"] for call in h.api.calls if call.method == "getUpdates"]
        assert polls[:2] == ["0", "1"]


async def test_what_was_taken_is_confirmed_at_the_end(herald: Herald, api: BotApi) -> None:
    async with herald("result hi", api=api) as h:
        update_id = h.api.text("/help")
        await h.says("/new")
        await h.service.stop()
        assert h.api.calls[-1].method == "getUpdates"
        assert h.api.calls[-1].params["offset"] == str(update_id + 1)
        assert h.api.calls[-1].params["timeout"] == "0"
    async with herald("result hi", api=api) as h:
        h.api.text("hello")
        await h.says("hi")
        await h.idle()
        assert sum("/new" in text for text in h.api.texts()) == 1


def test_every_problem_is_reported_at_once_each_with_a_hint(tmp_path: Path) -> None:
    settings = {
        "TELEGRAM_BOT_TOKEN": "secret-but-wrong",
        "TELEGRAM_ALLOWED_USERS": "@ada",
        "CLAUDE_BIN": "/nowhere/claude",
        "CLAUDE_WORK_DIR": "/nowhere",
        "CLAUDE_IDLE_S": "soon",
    }
    ended = run_herald(tmp_path, settings)
    assert ended.returncode == 78
    for name in ("TELEGRAM_BOT_TOKEN", "TELEGRAM_ALLOWED_USERS", "/nowhere/claude", "CLAUDE_WORK_DIR", "CLAUDE_IDLE_S"):
        assert name in ended.stderr
    assert ended.stderr.count("error: ") == ended.stderr.count("hint: ") == 5
    assert "secret-but-wrong" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_token_in_a_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    ended = run_herald(tmp_path, {"CLAUDE_BIN": f"/bin/{TOKEN}"})
    assert ended.returncode == 78
    assert "/bin/<token>" in ended.stderr
    assert TOKEN not in ended.stderr


def test_without_any_setting_herald_says_what_it_needs(tmp_path: Path) -> None:
    ended = run_herald(tmp_path, {"CLAUDE_BIN": sys.executable})
    assert ended.returncode == 78
    assert "TELEGRAM_BOT_TOKEN is not set" in ended.stderr
    assert "TELEGRAM_ALLOWED_USERS is empty" in ended.stderr


def test_settings_come_from_the_env_file_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CLAUDE_BIN=/from/the/file\nTELEGRAM_ALLOWED_USERS=1\n")
    ended = run_herald(tmp_path, {})
    assert "/from/the/file" in ended.stderr
    assert "TELEGRAM_ALLOWED_USERS" not in ended.stderr


async def test_a_token_that_telegram_refuses_ends_with_78_and_one_sentence(tmp_path: Path) -> None:
    async with BotApi() as api:
        program = stand_in.install(tmp_path / "claude", "result hi")
        other = "123456789:" + "x" * 35
        settings = {"TELEGRAM_BOT_TOKEN": other, "TELEGRAM_API_BASE": api.url, "TELEGRAM_ALLOWED_USERS": "1"}
        ended = await asyncio.to_thread(run_herald, tmp_path, settings | {"CLAUDE_BIN": str(program)})
    assert ended.returncode == 78
    assert "error: Telegram does not accept the bot token" in ended.stderr
    assert other not in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_a_second_copy_ends_with_75_and_one_sentence(herald: Herald) -> None:
    async with herald("result hi") as h:
        ended = await asyncio.to_thread(run_herald, h.folder, h.env)
        assert ended.returncode == 75
        assert "another herald is running" in ended.stderr
        h.api.text("still there?")
        await h.says("hi")


async def test_another_poller_is_named_in_the_log_and_polling_goes_on(herald: Herald) -> None:
    async with herald("result hi") as h:
        conflict = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
        h.api.refuse("getUpdates", 409, conflict)
        h.api.text("one")
        await h.says("hi")
        h.api.text("two")
        await h.api.until(lambda api: len(api.texts()) == 2)
        assert any("another program polls with this bot's token" in line for line in h.service.log)


async def test_polling_goes_on_after_failures(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.drop("getUpdates")
        h.api.refuse("getUpdates", 502, "Bad Gateway")
        h.api.text("one")
        await h.says("hi")
        h.api.text("two")
        await h.api.until(lambda api: len(api.texts()) == 2)


async def test_telegram_that_is_away_at_the_start_is_waited_for(tmp_path: Path) -> None:
    program = stand_in.install(tmp_path / "claude", "result hi")
    async with BotApi() as api:
        api.drop("getMe")
        async with Service({**environment(tmp_path, api.url), "CLAUDE_BIN": str(program)}, tmp_path) as service:
            assert await service.ready()
            assert any("Telegram cannot be reached, trying again" in line for line in service.log)


async def test_the_token_is_never_in_the_log(herald: Herald) -> None:
    async with herald("result hi", HERALD_LOG_LEVEL="debug") as h:
        h.api.drop("sendMessage")
        h.api.text("one")
        await h.says("hi")
        await h.service.stop()
        assert any("not delivered yet" in line for line in h.service.log)
        assert TOKEN not in "\n".join(h.service.log)
        assert TOKEN.partition(":")[2] not in "\n".join(h.service.log)


async def test_the_log_can_be_json_and_holds_no_prompt(herald: Herald) -> None:
    async with herald("result a private answer", HERALD_LOG_FORMAT="json", HERALD_LOG_LEVEL="debug") as h:
        h.api.text("a private prompt")
        await h.says("a private answer")
        await h.service.stop()
        entries = [json.loads(line) for line in h.service.log]
        assert {"level", "logger", "message"} <= set(entries[0])
        assert "private" not in json.dumps(entries)


async def test_the_state_folder_is_for_its_owner_only(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.text("one")
        await h.says("hi")
        assert h.state_dir.stat().st_mode & 0o777 == 0o700
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in h.state_dir.iterdir())


def test_bot_py_is_the_same_as_herald_run(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(ROOT / "bot.py")],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 78
    assert "TELEGRAM_BOT_TOKEN is not set" in ended.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["try", "--help"]])
def test_help_needs_no_settings_and_no_aiogram(arguments: list[str], tmp_path: Path) -> None:
    code = f"import sys, herald.cli\ntry: herald.cli.main({arguments})\nfinally: assert 'aiogram' not in sys.modules"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "usage: herald" in ended.stdout


def run_herald(folder: Path, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `herald run` in `folder` to its end, with nothing of this machine's settings."""
    return subprocess.run(
        [sys.executable, "-m", "herald.cli", "run"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
