"""What herald relies on in the CLI's stream-json protocol, checked against the CLI itself in every pinned version."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.processes import is_gone

from .child import Child
from .messages_api import Endless, MessagesApi, Slow, ToolUse

pytestmark = pytest.mark.real_cli

NewChild = partial[Child]
Json = dict[str, Any]
UNKNOWN = "649afc22-a5fb-4878-9f7a-1e861d202b4d"
TOUCH = ToolUse("Bash", {"command": "touch asked", "description": "Make a file"})
# writes its process id, then waits for a file "go"; not for long, so that a failing test leaves nothing behind
UNTIL_GO = """python3 -c "import os, time
open('pid', 'w').write(str(os.getpid()))
for _ in range(600):
    if os.path.exists('go'): break
    time.sleep(0.05)"
"""
WAITING = ToolUse("Bash", {"command": UNTIL_GO, "description": "Wait for go"})
IN_BACKGROUND = ToolUse("Bash", {**WAITING.input, "run_in_background": True})


def is_ack(line: Json) -> bool:
    return bool(line.get("isReplay"))


def is_streaming(line: Json) -> bool:
    return bool(line["type"] == "stream_event" and line["event"]["type"] == "content_block_delta")


def is_asking(line: Json) -> bool:
    return bool(line["type"] == "control_request")


async def process_id(cwd: Path) -> int:
    """The process that WAITING runs, once it runs."""
    file = cwd / "pid"
    await eventually(lambda: file.exists() and file.read_text() != "")
    return int(file.read_text())


async def eventually(holds: Callable[[], bool], deadline_s: float = 10.0) -> None:
    """Wait for something that only the system can tell; raise TimeoutError after the deadline."""
    async with asyncio.timeout(deadline_s):
        while not holds():  # noqa: ASYNC110 - nothing in this process is told of it
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("sent", ["nothing", "initialize", "a prompt"])
async def test_an_unknown_session_is_one_line_and_exit_status_1(child: NewChild, sent: str) -> None:
    async with child(resume=UNKNOWN) as cli:
        if sent == "initialize":
            cli.request("initialize")
        if sent == "a prompt":
            cli.prompt("go")
        line = await cli.until(lambda _: True)
        assert await cli.end() == 1
    assert cli.lines == [line]
    assert line["type"] == "result"
    assert line["errors"] == [f"No conversation found with session ID: {UNKNOWN}"]


async def test_the_first_line_of_a_turn_that_names_the_session_names_the_one_to_resume(child: NewChild) -> None:
    async with child() as cli:
        cli.prompt("go")
        init = await cli.until(lambda line: line.get("subtype") == "init")
        result = await cli.result()
        await cli.end()
    async with child(resume=init["session_id"]) as cli:
        cli.prompt("again")
        assert (await cli.result())["session_id"] == init["session_id"] == result["session_id"]


async def test_a_prompt_that_is_run_is_acknowledged_with_a_timestamp(child: NewChild) -> None:
    async with child() as cli:
        uuid = cli.prompt("go")
        ack = await cli.until(is_ack)
        assert ack["uuid"] == uuid
        assert "timestamp" in ack
        assert any(line.get("subtype") == "init" for line in cli.lines)


async def test_a_repeated_prompt_is_acknowledged_without_a_timestamp_and_not_run(
    child: NewChild, messages_api: MessagesApi
) -> None:
    async with child() as cli:
        uuid = cli.prompt("go")
        await cli.result()
        cli.prompt("go", uuid)
        ack = await cli.until(is_ack)
        assert ack["uuid"] == uuid
        assert "timestamp" not in ack
        await cli.end()
    assert len(messages_api.requests) == 1


async def test_a_repeated_prompt_is_recognised_after_a_resume(child: NewChild, messages_api: MessagesApi) -> None:
    async with child() as cli:
        uuid = cli.prompt("go")
        session_id = (await cli.result())["session_id"]
        await cli.end()
    async with child(resume=session_id) as cli:
        cli.prompt("go", uuid)
        assert "timestamp" not in await cli.until(is_ack)
        await cli.end()
    assert not any(line["type"] == "result" or line.get("subtype") == "init" for line in cli.lines)
    assert len(messages_api.requests) == 1


async def test_a_control_request_written_after_a_repeated_prompt_is_answered_after_its_acknowledgement(
    child: NewChild,
) -> None:
    async with child() as cli:
        uuid = cli.prompt("go")
        await cli.result()
        before = len(cli.lines)
        cli.prompt("go", uuid)
        await cli.answer(cli.request("mcp_status"))
        assert [line["uuid"] for line in cli.lines[before:] if is_ack(line)] == [uuid]


async def test_a_prompt_written_right_after_initialize_runs(child: NewChild) -> None:
    async with child() as cli:
        initialize = cli.request("initialize")
        cli.prompt("go")
        assert (await cli.answer(initialize))["response"]["commands"]
        assert not (await cli.result())["is_error"]


async def test_prompts_written_together_are_answered_one_by_one_in_order(
    child: NewChild, messages_api: MessagesApi
) -> None:
    messages_api.reply("One.")
    messages_api.reply("Two.")
    async with child() as cli:
        cli.prompt("first")
        cli.prompt("second")
        assert [(await cli.result())["result"] for _ in range(2)] == ["One.", "Two."]


async def test_interrupted_text_ends_the_turn_and_the_next_prompt_runs(
    child: NewChild, messages_api: MessagesApi
) -> None:
    messages_api.reply(Endless())
    async with child() as cli:
        cli.prompt("go")
        await cli.until(is_streaming)
        await cli.answer(cli.request("interrupt"))
        result = await cli.result()
        assert (result["subtype"], result["terminal_reason"]) == ("error_during_execution", "aborted_streaming")
        cli.prompt("next")
        assert (await cli.result())["result"] == "Hello from the stub."


async def test_a_turn_can_be_interrupted_as_soon_as_its_init_is_read(
    child: NewChild, messages_api: MessagesApi
) -> None:
    # not earlier: 2.1.328 answers an interrupt of a prompt that is still queued, then runs the prompt all the same
    messages_api.reply(Endless())
    async with child() as cli:
        cli.prompt("go")
        await cli.until(lambda line: line.get("subtype") == "init")
        cli.request("interrupt")
        assert (await cli.result())["terminal_reason"] == "aborted_streaming"


async def test_an_interrupted_tool_is_killed(child: NewChild, messages_api: MessagesApi, tmp_path: Path) -> None:
    messages_api.reply(WAITING)
    async with child("--allowedTools", "Bash") as cli:
        cli.prompt("go")
        pid = await process_id(tmp_path)
        cli.request("interrupt")
        assert (await cli.result())["terminal_reason"] == "aborted_tools"
        await eventually(lambda: is_gone(pid))


async def test_end_of_input_after_an_interrupt_leaves_no_process_behind(
    child: NewChild, messages_api: MessagesApi, tmp_path: Path
) -> None:
    messages_api.reply(IN_BACKGROUND)
    messages_api.reply(Endless())
    async with child("--allowedTools", "Bash") as cli:
        cli.prompt("go")
        pid = await process_id(tmp_path)
        await messages_api.until(lambda api: len(api.requests) == 2)
        cli.request("interrupt")
        await cli.result()
        await cli.end()
    await eventually(lambda: is_gone(pid))


async def test_an_interrupt_withdraws_the_permission_question(child: NewChild, messages_api: MessagesApi) -> None:
    messages_api.reply(TOUCH)
    async with child() as cli:
        cli.prompt("go")
        asked = await cli.until(is_asking)
        cli.request("interrupt")
        withdrawn = await cli.until(lambda line: line["type"] == "control_cancel_request")
        assert withdrawn["request_id"] == asked["request_id"]
        assert (await cli.result())["terminal_reason"] == "aborted_tools"


async def test_a_denied_permission_is_told_to_the_model_and_the_turn_goes_on(
    child: NewChild, messages_api: MessagesApi, tmp_path: Path
) -> None:
    messages_api.reply(TOUCH)
    messages_api.reply("Then not.")
    async with child() as cli:
        cli.prompt("go")
        asked = await cli.until(is_asking)
        assert asked["request"]["subtype"] == "can_use_tool"
        cli.decide(asked, behavior="deny", message="The owner said no")
        result = await cli.result()
    assert (result["is_error"], result["result"]) == (False, "Then not.")
    assert "The owner said no" in str(messages_api.requests[-1]["messages"][-1])
    assert not (tmp_path / "asked").exists()


async def test_an_allowed_permission_runs_the_tool(child: NewChild, messages_api: MessagesApi, tmp_path: Path) -> None:
    messages_api.reply(TOUCH)
    async with child() as cli:
        cli.prompt("go")
        asked = await cli.until(is_asking)
        cli.decide(asked, behavior="allow", updatedInput=asked["request"]["input"])
        await cli.result()
    assert (tmp_path / "asked").exists()


async def test_a_background_command_that_ends_makes_a_turn_whose_result_says_so(
    child: NewChild, messages_api: MessagesApi, tmp_path: Path
) -> None:
    unasked = Slow("It ended.")
    for reply in (IN_BACKGROUND, "Started.", unasked, "Yes?"):
        messages_api.reply(reply)
    async with child("--allowedTools", "Bash") as cli:
        cli.prompt("start it")
        assert "origin" not in await cli.result()
        (tmp_path / "go").touch()
        await cli.until(is_streaming)
        cli.prompt("and you?")
        unasked.gate.set()
        first, second = await cli.result(), await cli.result()
    assert (first["result"], first["origin"]["kind"]) == ("It ended.", "task-notification")
    assert second["result"] == "Yes?"
    assert "origin" not in second


async def test_a_background_task_is_announced_and_its_end_too(
    child: NewChild, messages_api: MessagesApi, tmp_path: Path
) -> None:
    messages_api.reply(IN_BACKGROUND)
    async with child("--allowedTools", "Bash") as cli:
        cli.prompt("start it")
        started = await cli.until(lambda line: line.get("subtype") == "task_started")
        await cli.result()
        (tmp_path / "go").touch()
        ended = await cli.until(lambda line: line.get("subtype") == "task_notification")
    assert (ended["task_id"], ended["status"]) == (started["task_id"], "completed")
