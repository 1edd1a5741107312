"""What the CLI leaves of a turn when it is killed, and what herald reads from it, in every pinned version."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from herald.claude.transcripts import Answered, Fate, NotBegun, Unfinished, fate

from .child import Child
from .messages_api import NO_CREDIT, Endless, MessagesApi, Slow, Thinking, ToolUse

pytestmark = pytest.mark.real_cli

NewChild = partial[Child]
FateOf = Callable[[str], Fate]
Json = dict[str, Any]
BASH = ("--allowedTools", "Bash")
ECHO = ToolUse("Bash", {"command": "echo hi", "description": "Say hi"})
TOUCH = ToolUse("Bash", {"command": "touch touched", "description": "Make a file"})
# not for long, so that a failing test leaves nothing behind
UNTIL_GO = "touch runs; for i in $(seq 600); do [ -e go ] && break; sleep 0.05; done"
WAITING = ToolUse("Bash", {"command": UNTIL_GO, "description": "Wait for go"})
IN_BACKGROUND = ToolUse("Bash", {**WAITING.input, "run_in_background": True})
WAITING_AGAIN = ToolUse("Bash", {"command": "touch runs-again; sleep 5", "description": "Wait"})
NO_WORDS = Unfinished("", ())
KILLED = pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
# starts a CLI as herald does, and can be killed like it
PARENT = """#!{python} -P
import subprocess, sys
sys.path.insert(0, {root!r})
from herald.claude.orphans import DieWithParent
process = subprocess.Popen([{cli!r}, *sys.argv[1:]], preexec_fn=DieWithParent())
open({pid_file!r}, "w").write(str(process.pid))
process.wait()
"""


@pytest.fixture
def fate_of(cli_environment: dict[str, str]) -> FateOf:
    """What the transcripts tell of a prompt."""
    return lambda uuid: fate(cli_environment, uuid, None, 0.0)


def is_init(line: Json) -> bool:
    return line.get("subtype") == "init"


def is_streaming(line: Json) -> bool:
    return bool(line["type"] == "stream_event" and line["event"]["type"] == "content_block_delta")


def uses_a_tool(line: Json) -> bool:
    return line["type"] == "assistant" and any(block["type"] == "tool_use" for block in line["message"]["content"])


def killing(number: str) -> ToolUse:
    """A tool whose first act is to kill the CLI that runs it."""
    command = f"touch touched; kill -{number} $PPID; sleep 1"
    return ToolUse("Bash", {"command": command, "description": "End it all"})


async def end(cli: Child, number: signal.Signals = signal.SIGKILL) -> None:
    cli.process.send_signal(number)
    await cli.process.wait()


async def to_the_end(cli: Child) -> None:
    """Read what it says until it dies."""
    with pytest.raises(EOFError):
        await cli.until(lambda _: False)
    await cli.process.wait()


async def eventually(holds: Callable[[], bool], deadline_s: float = 10.0) -> None:
    """Wait for something that only the disk can tell; raise TimeoutError after the deadline."""
    async with asyncio.timeout(deadline_s):
        while not holds():  # noqa: ASYNC110 - nothing in this process is told of it
            await asyncio.sleep(0.02)


@KILLED
async def test_killed_right_after_init(
    child: NewChild, messages_api: MessagesApi, fate_of: FateOf, number: signal.Signals
) -> None:
    messages_api.reply(Endless())
    async with child() as cli:
        uuid = cli.prompt("go")
        await cli.until(is_init)
        await end(cli, number)
    assert fate_of(uuid) in (NotBegun(), NO_WORDS)


@KILLED
async def test_killed_while_text_streams(
    child: NewChild, messages_api: MessagesApi, fate_of: FateOf, number: signal.Signals
) -> None:
    messages_api.reply("A whole block.", Endless())
    async with child() as cli:
        uuid = cli.prompt("go")
        await cli.until(is_streaming)
        await eventually(lambda: fate_of(uuid) != NotBegun())
        await end(cli, number)
    # a message is written when it is complete
    assert fate_of(uuid) == NO_WORDS


@KILLED
async def test_killed_while_a_tool_runs(
    child: NewChild, messages_api: MessagesApi, fate_of: FateOf, number: signal.Signals
) -> None:
    messages_api.reply(Thinking("hm"), "First.", "Second.", WAITING)
    async with child(*BASH) as cli:
        uuid = cli.prompt("go")
        cut = Unfinished("First.\n\nSecond.", (f"Bash: {UNTIL_GO}",))
        await eventually(lambda: fate_of(uuid) == cut)
        await end(cli, number)
    assert fate_of(uuid) == cut


@KILLED
async def test_killed_between_a_tools_result_and_the_answer(
    child: NewChild, messages_api: MessagesApi, fate_of: FateOf, number: signal.Signals
) -> None:
    messages_api.reply("Let me see.", ECHO)
    messages_api.reply(Endless())
    async with child(*BASH) as cli:
        uuid = cli.prompt("go")
        await messages_api.until(lambda api: len(api.requests) == 2)
        cut = Unfinished("Let me see.", ("Bash: echo hi",))
        await eventually(lambda: fate_of(uuid) == cut)
        await end(cli, number)
    assert fate_of(uuid) == cut


async def test_killed_as_soon_as_the_result_is_read(child: NewChild, fate_of: FateOf) -> None:
    async with child() as cli:
        uuid = cli.prompt("go")
        version = (await cli.until(is_init))["claude_code_version"]
        await cli.result()
        await end(cli)
    answered = Answered("Hello from the stub.")
    if version == "2.1.197":
        # it writes after the result
        assert fate_of(uuid) in (NotBegun(), NO_WORDS, answered)
    else:
        assert fate_of(uuid) == answered


async def test_killed_after_two_turns(child: NewChild, messages_api: MessagesApi, fate_of: FateOf) -> None:
    messages_api.reply(Thinking("hm"), "Let me see.", ECHO)
    messages_api.reply("It said hi.", "That is all.")
    messages_api.reply("Two.")
    async with child(*BASH) as cli:
        first, second = cli.prompt("one"), cli.prompt("two")
        await cli.result()
        await cli.result()
        await eventually(lambda: isinstance(fate_of(second), Answered))
        await end(cli)
    assert fate_of(first) == Answered("Let me see.\n\nIt said hi.\n\nThat is all.")
    assert fate_of(second) == Answered("Two.")


@pytest.mark.parametrize("turns_before", [0, 1])
async def test_term_loses_nothing_even_of_a_tool_that_has_just_begun(
    child: NewChild, messages_api: MessagesApi, fate_of: FateOf, turns_before: int
) -> None:
    for _ in range(turns_before):
        messages_api.reply("Yes.")
    messages_api.reply("Now.", killing("TERM"))
    async with child(*BASH) as cli:
        for _ in range(turns_before):
            cli.prompt("before")
            await cli.result()
        uuid = cli.prompt("go")
        await to_the_end(cli)
    assert fate_of(uuid) == Unfinished("Now.", ("Bash: touch touched; kill -TERM $PPID; sleep 1",))


async def test_a_tool_is_told_before_it_runs_even_where_kill_leaves_nothing_on_disk(
    child: NewChild, messages_api: MessagesApi, fate_of: FateOf, tmp_path: Path
) -> None:
    messages_api.reply("Yes.")
    messages_api.reply(killing("KILL"))
    async with child(*BASH) as cli:
        cli.prompt("before")
        await cli.result()
        uuid = cli.prompt("go")
        await to_the_end(cli)
    assert (tmp_path / "touched").exists()
    assert any(uses_a_tool(line) for line in cli.lines)
    assert not isinstance(fate_of(uuid), Answered)


async def test_term_right_after_the_result_leaves_the_answer(child: NewChild, fate_of: FateOf) -> None:
    async with child() as cli:
        uuid = cli.prompt("go")
        await cli.result()
        await end(cli, signal.SIGTERM)
    assert fate_of(uuid) == Answered("Hello from the stub.")


async def test_the_death_of_its_parent_leaves_a_turn_that_is_cut(
    cli: Path, cli_environment: dict[str, str], messages_api: MessagesApi, fate_of: FateOf, tmp_path: Path
) -> None:
    parent, pid_file = tmp_path / "parent", tmp_path / "pid"
    root = str(Path(__file__).parents[2])
    parent.write_text(PARENT.format(python=sys.executable, root=root, cli=str(cli), pid_file=str(pid_file)))
    parent.chmod(0o700)
    messages_api.reply("Let me see.", WAITING)
    async with Child(parent, cli_environment, tmp_path, *BASH) as child:
        uuid = child.prompt("go")
        await eventually((tmp_path / "runs").exists)
        await end(child)
        await eventually(lambda: not Path("/proc", pid_file.read_text()).exists())
    assert fate_of(uuid) == Unfinished("Let me see.", (f"Bash: {UNTIL_GO}",))


async def test_an_interrupted_turn(child: NewChild, messages_api: MessagesApi, fate_of: FateOf) -> None:
    messages_api.reply(Slow("Partly written"))
    async with child() as cli:
        uuid = cli.prompt("go")
        await cli.until(is_streaming)
        cli.request("interrupt")
        await cli.result()
        await cli.end()
    assert fate_of(uuid) == Unfinished("Partly", ())


async def test_an_api_error_is_no_answer(child: NewChild, messages_api: MessagesApi, fate_of: FateOf) -> None:
    messages_api.reply("Let me see.", ECHO)
    messages_api.fail(NO_CREDIT)
    async with child(*BASH) as cli:
        uuid = cli.prompt("go")
        await cli.result()
        await cli.end()
    assert fate_of(uuid) == Unfinished("Let me see.\n\nCredit balance is too low", ("Bash: echo hi",))


@pytest.mark.parametrize(
    ("block", "cut"),
    [(Endless(), NO_WORDS), (WAITING, Unfinished("", (f"Bash: {UNTIL_GO}",)))],
    ids=["text", "a tool"],
)
async def test_a_cut_turn_stays_cut_when_the_session_is_resumed(
    child: NewChild, messages_api: MessagesApi, fate_of: FateOf, block: Endless | ToolUse, cut: Unfinished
) -> None:
    messages_api.reply(block)
    async with child(*BASH) as cli:
        uuid = cli.prompt("go")
        session_id = (await cli.until(is_init))["session_id"]
        # the prompt is on disk before the model is asked
        await cli.until(lambda line: line["type"] == "stream_event")
        await eventually(lambda: fate_of(uuid) == cut)
        await end(cli)
    messages_api.reply("Another answer.")
    async with child(resume=session_id) as cli:
        other = cli.prompt("another")
        await cli.result()
        await cli.end()
    assert fate_of(uuid) == cut
    assert fate_of(other) == Answered("Another answer.")


async def test_a_forked_session_keeps_its_turns_apart(
    child: NewChild, messages_api: MessagesApi, cli_environment: dict[str, str]
) -> None:
    messages_api.reply("One.")
    messages_api.reply("Two.")
    async with child() as cli:
        first = cli.prompt("one")
        session_id = (await cli.result())["session_id"]
        await cli.end()
    async with child("--fork-session", resume=session_id) as cli:
        second = cli.prompt("two")
        copy_id = (await cli.result())["session_id"]
        await cli.end()
    for session in (session_id, copy_id):
        assert fate(cli_environment, first, session, 0.0) == Answered("One.")
    assert fate(cli_environment, second, copy_id, 0.0) == Answered("Two.")


async def test_a_warm_process_does_not_know_what_another_adds_and_leaves_it_out_for_good(
    child: NewChild, messages_api: MessagesApi
) -> None:
    """Why a session that was open elsewhere must be resumed by a new process."""
    async with child() as warm:
        warm.prompt("one")
        session_id = (await warm.result())["session_id"]
        async with child(resume=session_id) as other:
            other.prompt("two, elsewhere")
            await other.result()
            await other.end()
        warm.prompt("three")
        await warm.result()
        await warm.end()
    async with child(resume=session_id) as later:
        later.prompt("four")
        await later.result()
        await later.end()
    for request in messages_api.requests[-2:]:
        asked = json.dumps(request["messages"])
        assert "one" in asked
        assert "three" in asked
        assert "two, elsewhere" not in asked


async def test_a_prompt_that_was_folded_into_a_running_turn(
    child: NewChild, messages_api: MessagesApi, fate_of: FateOf, tmp_path: Path
) -> None:
    messages_api.reply("Let me see.", WAITING)
    messages_api.reply("Both are done.")
    async with child(*BASH) as cli:
        first = cli.prompt("go")
        await eventually((tmp_path / "runs").exists)
        second = cli.prompt("and this", priority="next")
        # its answer tells that the prompt was read
        await cli.answer(cli.request("mcp_status"))
        (tmp_path / "go").touch()
        await cli.result()
        await cli.end()
    assert fate_of(first) == Answered("Let me see.\n\nBoth are done.")
    assert fate_of(second) == Answered("Both are done.")


@pytest.mark.parametrize(("command", "words"), [("/context", "## Context Usage"), ("/compact", "")])
async def test_a_command_of_the_clis_own(child: NewChild, fate_of: FateOf, command: str, words: str) -> None:
    async with child() as cli:
        cli.prompt("hello")
        version = (await cli.until(is_init))["claude_code_version"]
        await cli.result()
        uuid = cli.prompt(command)
        await cli.result()
        await cli.end()
    found = fate_of(uuid)
    if version == "2.1.197":
        # it keeps the words, but not under the prompt's uuid; they change nothing, or can be said again
        assert found == NotBegun()
    else:
        assert isinstance(found, Answered)
        assert found.markdown.startswith(words)


async def test_a_command_from_a_file_is_a_turn(
    child: NewChild, messages_api: MessagesApi, fate_of: FateOf, tmp_path: Path
) -> None:
    folder = tmp_path / ".claude" / "commands"
    folder.mkdir(parents=True)
    (folder / "doit.md").write_text("Please do it: $ARGUMENTS\n")
    messages_api.reply("Doing it.", WAITING)
    async with child(*BASH) as cli:
        uuid = cli.prompt("/doit now")
        cut = Unfinished("Doing it.", (f"Bash: {UNTIL_GO}",))
        await eventually(lambda: fate_of(uuid) == cut)
        await end(cli)
    assert fate_of(uuid) == cut


async def test_a_tool_runs_even_where_no_transcript_can_be_written(
    child: NewChild, messages_api: MessagesApi, fate_of: FateOf, cli_environment: dict[str, str], tmp_path: Path
) -> None:
    projects = Path(cli_environment["HOME"], ".claude", "projects")
    projects.parent.mkdir()
    projects.touch()
    messages_api.reply(TOUCH)
    async with child(*BASH) as cli:
        uuid = cli.prompt("go")
        assert not (await cli.result())["is_error"]
        await cli.end()
    assert (tmp_path / "touched").exists()
    with pytest.raises(NotADirectoryError):
        fate_of(uuid)


async def test_what_claude_does_when_a_background_task_ends_is_no_part_of_the_turn_before(
    child: NewChild, messages_api: MessagesApi, fate_of: FateOf, tmp_path: Path
) -> None:
    unasked = Slow("It has ended.")
    for reply in (IN_BACKGROUND, "It runs.", unasked, "Yes?"):
        messages_api.reply(reply)
    async with child(*BASH) as cli:
        first = cli.prompt("start it")
        await cli.result()
        (tmp_path / "go").touch()
        await cli.until(is_streaming)
        second = cli.prompt("and you?")
        unasked.gate.set()
        await cli.result()
        await cli.result()
        await cli.end()
    assert fate_of(first) == Answered("It runs.")
    assert fate_of(second) == Answered("Yes?")


async def test_killed_in_a_turn_of_its_own_the_prompt_before_stays_answered(
    child: NewChild, messages_api: MessagesApi, fate_of: FateOf, tmp_path: Path
) -> None:
    for reply in (IN_BACKGROUND, "It runs.", WAITING_AGAIN):
        messages_api.reply(reply)
    async with child(*BASH) as cli:
        uuid = cli.prompt("start it")
        await cli.result()
        (tmp_path / "go").touch()
        await eventually((tmp_path / "runs-again").exists)
        await end(cli, signal.SIGTERM)
    assert fate_of(uuid) == Answered("It runs.")
