"""How a running CLI tells which session it has open, in every pinned version."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from herald.claude.terminals import Terminal, ask_to_end, open_elsewhere

from .child import Child
from .messages_api import MessagesApi, Slow

pytestmark = pytest.mark.real_cli

NewChild = partial[Child]
Json = dict[str, Any]


def is_init(line: Json) -> bool:
    return line.get("subtype") == "init"


def is_streaming(line: Json) -> bool:
    return bool(line["type"] == "stream_event" and line["event"]["type"] == "content_block_delta")


async def eventually(holds: Callable[[], bool], deadline_s: float = 20.0) -> None:
    """Wait for something that only the disk can tell; raise TimeoutError after the deadline."""
    async with asyncio.timeout(deadline_s):
        while not holds():  # noqa: ASYNC110 - nothing in this process is told of it
            await asyncio.sleep(0.02)


@asynccontextmanager
async def terminal(cli: Path, environment: dict[str, str], cwd: Path, *arguments: str) -> AsyncIterator[int]:
    """Run the CLI as a person would, in a terminal; yield its pid."""
    settings = {
        "hasCompletedOnboarding": True,
        "projects": {str(cwd): {"hasTrustDialogAccepted": True}},
        "customApiKeyResponses": {"approved": ["dummy"], "rejected": []},
    }
    Path(environment["HOME"], ".claude.json").write_text(json.dumps(settings))
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(str(cli), *arguments),
        env={**environment, "TERM": "xterm"},
        cwd=cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    loop = asyncio.get_running_loop()
    loop.add_reader(ours, _drain, loop, ours)
    try:
        yield process.pid
    finally:
        loop.remove_reader(ours)
        os.close(ours)
        if process.returncode is None:
            process.kill()
        await process.wait()


def _drain(loop: asyncio.AbstractEventLoop, fd: int) -> None:
    try:
        os.read(fd, 65536)
    except OSError:  # the other end is closed
        loop.remove_reader(fd)


async def test_a_child_is_registered_from_before_its_first_prompt_until_its_end(
    child: NewChild, cli_environment: dict[str, str], messages_api: MessagesApi
) -> None:
    answer = Slow("Hello there")
    messages_api.reply(answer)
    async with child() as cli:
        pid = cli.process.pid
        path = Path(cli_environment["HOME"], ".claude", "sessions", f"{pid}.json")
        await eventually(path.exists)
        cli.prompt("go")
        init = await cli.until(is_init)
        await cli.until(is_streaming)
        found = open_elsewhere(cli_environment, init["session_id"], [])
        assert found is not None
        assert (found.pid, found.cwd) == (pid, init["cwd"])
        # the older one tells that in a terminal only
        assert found.busy == (init["claude_code_version"] != "2.1.197")
        assert open_elsewhere(cli_environment, init["session_id"], [pid]) is None
        answer.gate.set()
        await cli.result()
        await cli.end()
    assert not path.exists()


async def test_a_killed_child_leaves_its_entry_which_does_not_count(
    child: NewChild, cli_environment: dict[str, str]
) -> None:
    async with child() as cli:
        cli.prompt("go")
        session_id = (await cli.result())["session_id"]
        assert open_elsewhere(cli_environment, session_id, []) is not None
        cli.process.kill()
        await cli.process.wait()
        assert Path(cli_environment["HOME"], ".claude", "sessions", f"{cli.process.pid}.json").exists()
    assert open_elsewhere(cli_environment, session_id, []) is None


async def test_the_entry_follows_a_change_of_the_session(child: NewChild, cli_environment: dict[str, str]) -> None:
    async with child() as cli:
        cli.prompt("go")
        before = (await cli.result())["session_id"]
        cli.prompt("/clear")
        after = (await cli.result())["session_id"]
        assert after != before
        await eventually(lambda: open_elsewhere(cli_environment, after, []) is not None)
        assert open_elsewhere(cli_environment, before, []) is None


async def test_a_terminal_that_goes_on_with_a_session_is_found_and_can_be_closed(
    cli: Path, child: NewChild, cli_environment: dict[str, str], tmp_path: Path
) -> None:
    async with child() as first:
        first.prompt("go")
        session_id = (await first.result())["session_id"]
        await first.end()

    def found() -> Terminal | None:
        return open_elsewhere(cli_environment, session_id, [])

    async with terminal(cli, cli_environment, tmp_path, f"--resume={session_id}") as pid:
        await eventually(lambda: found() is not None)
        there = found()
        assert there is not None
        assert (there.pid, there.cwd, there.busy) == (pid, str(tmp_path), False)
        ask_to_end(there)
        await eventually(lambda: found() is None)


async def test_a_child_that_is_asked_to_end_has_written_its_answer(
    child: NewChild, cli_environment: dict[str, str]
) -> None:
    async with child() as cli:
        cli.prompt("go")
        session_id = (await cli.result())["session_id"]
        there = open_elsewhere(cli_environment, session_id, [])
        assert there is not None
        ask_to_end(there)
        assert await cli.process.wait() == 128 + signal.SIGTERM
    async with child(resume=session_id) as cli:
        cli.prompt("again")
        assert (await cli.result())["session_id"] == session_id
