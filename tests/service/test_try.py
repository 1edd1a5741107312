"""`herald try`: the whole path without Telegram, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp


def test_a_question_is_answered_through_the_whole_path(tmp_path: Path) -> None:
    ended = herald_try(tmp_path, "--scripted", "hello", "there")
    assert ended.returncode == 0, ended.stderr
    assert "You wrote:\n" in ended.stdout
    assert "hello there" in ended.stdout
    assert "**" not in ended.stdout
    assert "scripted stand-in" in ended.stderr


def test_a_file_is_named_in_the_terminal(tmp_path: Path) -> None:
    ended = herald_try(tmp_path, "--scripted", "word " * 2000, HERALD_MAX_MESSAGES="1")
    assert "[file answer.md, 10" in ended.stdout
    assert ended.stdout.endswith(" bytes] The whole answer; in the chat it would be 3 messages.\n")


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    ended = herald_try(tmp_path, "--scripted", "hello")
    assert ended.returncode == 0, ended.stderr
    assert list((tmp_path / "tmp").iterdir()) == []
    assert processes_in(tmp_path) == []


def test_without_claude_the_stand_in_answers_and_says_why(tmp_path: Path) -> None:
    ended = herald_try(tmp_path, "hello")
    assert ended.returncode == 0, ended.stderr
    assert "Claude is not installed here" in ended.stderr


def test_a_claude_that_is_not_logged_in_is_not_used(tmp_path: Path) -> None:
    not_logged_in = install(tmp_path, """echo '{"loggedIn": false}'; exit 1""")
    ended = herald_try(tmp_path, "hello", CLAUDE_BIN=str(not_logged_in))
    assert ended.returncode == 0, ended.stderr
    assert "Claude is not logged in here" in ended.stderr


def test_a_claude_that_is_logged_in_is_used(tmp_path: Path) -> None:
    started = 'case "$1" in auth) echo \'{"loggedIn": true}\';; *) echo "I was used" >&2; exit 4;; esac'
    install(tmp_path, started)
    ended = herald_try(tmp_path, "hello", CLAUDE_BIN="~/claude")
    assert f"Claude Code answers: {tmp_path / 'claude'}" in ended.stderr
    assert "I was used" in ended.stdout


def test_claude_sees_nothing_of_a_real_bots_settings(tmp_path: Path) -> None:
    token = "123456789:" + "x" * 35
    (tmp_path / ".env").write_text(f"TELEGRAM_BOT_TOKEN={token}\nHERALD_LOG_LEVEL=info\nOTHER=passed on\n")
    program = install(tmp_path, f'env >> {tmp_path}/seen; [ "$1" != auth ] || echo \'{{"loggedIn": true}}\'')
    herald_try(tmp_path, "hello", CLAUDE_BIN=str(program))
    seen = (tmp_path / "seen").read_text()
    assert seen.count("OTHER=passed on") == 2
    assert token not in seen
    assert "TELEGRAM_" not in seen
    assert "HERALD_" not in seen


def test_an_empty_question_is_named(tmp_path: Path) -> None:
    ended = herald_try(tmp_path, "--scripted", " ")
    assert ended.returncode == 1
    assert "error: the text is empty" in ended.stderr


def test_settings_of_a_real_bot_are_not_touched(tmp_path: Path) -> None:
    real = {"TELEGRAM_BOT_TOKEN": "1:real", "TELEGRAM_ALLOWED_USERS": "7", "HERALD_STATE_DIR": str(tmp_path / "mine")}
    ended = herald_try(tmp_path, "--scripted", "hello", **real)
    assert ended.returncode == 0, ended.stderr
    assert not (tmp_path / "mine").exists()


async def test_the_chat_page_is_served_until_a_signal(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "herald.cli", "try", "--scripted"),
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        url = (await process.stdout.readline()).decode().strip()
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert response.status == 200
            assert "<html" in await response.text()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert list((tmp_path / "tmp").iterdir()) == []
    assert processes_in(tmp_path) == []


def install(folder: Path, script: str) -> Path:
    program = folder / "claude"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    return program


def environment(folder: Path) -> dict[str, str]:
    (folder / "tmp").mkdir(exist_ok=True)
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(folder), "TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}


def herald_try(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "herald.cli", "try", *arguments],
        cwd=folder,
        env=environment(folder) | settings,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def processes_in(folder: Path) -> list[str]:
    """The processes whose command line or environment names `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            described = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in described and int(entry.name) != os.getpid():
            found.append(described.decode(errors="replace"))
    return found
