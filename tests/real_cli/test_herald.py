"""Herald with the real CLI: the whole path from the phone to the Messages API and back."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from herald.rehearsal.bot_api import OWNER, BotApi
from tests.conftest import Herald, Stage
from tests.processes import is_gone, lives

from .messages_api import BROKEN, OVERLOADED, Endless, MessagesApi, Slow, ToolUse

pytestmark = pytest.mark.real_cli

UNKNOWN = "649afc22-a5fb-4878-9f7a-1e861d202b4d"
RealHerald = Callable[..., AbstractAsyncContextManager[Stage]]
ECHO = ToolUse("Bash", {"command": "echo from-the-shell", "description": "Say something"})
TOUCH = ToolUse("Bash", {"command": "touch made-by-claude", "description": "Make a file"})
# a process that would live for a minute, which notes its id so that the test can look for it
LINGER = "python3 -c \"import os, signal; open('pid', 'w').write(str(os.getpid())); signal.alarm(60); signal.pause()\""
LINGERING = ToolUse("Bash", {"command": LINGER, "description": "Linger"})
SOON_OVER = ToolUse("Bash", {"command": "read line < go", "description": "Wait", "run_in_background": True})


@pytest.fixture
def real_herald(herald: Herald, cli: Path, cli_environment: dict[str, str]) -> RealHerald:
    """`herald`, with the real CLI and its environment."""
    return partial(herald, CLAUDE_BIN=str(cli), **cli_environment)


async def test_a_text_is_answered_and_a_restart_goes_on_with_the_session(
    real_herald: RealHerald, messages_api: MessagesApi, api: BotApi
) -> None:
    messages_api.reply("Nice to meet you")
    async with real_herald(api=api) as h:
        h.api.text("my name is Ada")
        await h.says("Nice to meet you")
        session_id = h.sessions()[str(OWNER)]
    messages_api.reply("You are **Ada**")
    async with real_herald(api=api) as h:
        h.api.text("who am I?")
        await h.says("You are Ada")
        assert h.sessions() == {str(OWNER): session_id}
    assert "my name is Ada" in json.dumps(messages_api.requests[-1])


async def test_an_allowed_tool_runs(real_herald: RealHerald, messages_api: MessagesApi) -> None:
    messages_api.reply("Let me see.", ECHO)
    messages_api.reply("It said hello.")
    async with real_herald(CLAUDE_ALLOWED_TOOLS="Bash(echo:*)") as h:
        h.api.text("run it")
        await h.says("Let me see.\n\nIt said hello.")
        assert "from-the-shell" in json.dumps(messages_api.requests[-1])


async def test_a_tool_that_is_not_allowed_is_refused_and_named(
    real_herald: RealHerald, messages_api: MessagesApi
) -> None:
    messages_api.reply(TOUCH)
    messages_api.reply("I could not make it.")
    async with real_herald() as h:
        h.api.text("make a file")
        await h.says("Refused: Bash. CLAUDE_ALLOWED_TOOLS=Bash allows it", "I could not make it.")
        assert not (h.folder / "work" / "made-by-claude").exists()


async def test_an_expired_session_is_replaced_and_the_prompt_answered_once(
    real_herald: RealHerald, messages_api: MessagesApi, tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "sessions.json").write_text(json.dumps({str(OWNER): UNKNOWN}))
    messages_api.reply("A fresh start")
    async with real_herald() as h:
        h.api.text("hello again")
        await h.says("A fresh start")
        await h.idle()
        assert h.api.texts()[0].startswith("Claude does not know the earlier session any more")
        assert len(messages_api.requests) == 1
        assert h.sessions()[str(OWNER)] != UNKNOWN


async def test_stop_interrupts_the_text_and_the_session_lives_on(
    real_herald: RealHerald, messages_api: MessagesApi
) -> None:
    messages_api.reply(Endless())
    messages_api.reply("Still here")
    async with real_herald() as h:
        h.api.text("count to infinity")
        await messages_api.until(lambda api: len(api.requests) == 1)
        await h.service.until(lambda _: h.sessions())
        h.api.text("/stop")
        await h.says("Stopped.")
        h.api.text("are you there?")
        await h.says("Still here")
        assert sum("claude started" in line for line in h.service.log) == 1


async def test_stop_right_behind_a_message_stops_that_message(
    real_herald: RealHerald, messages_api: MessagesApi
) -> None:
    messages_api.reply(Endless())
    async with real_herald() as h:
        h.api.text("oh no")
        h.api.text("/stop")
        await h.says("Stopped.")
        await h.idle()
        # on a busy machine Claude has written a word by then, which is kept
        assert h.api.texts()[-1].startswith("Stopped.")
        assert not any("Nothing is running" in text for text in h.api.texts())


async def test_stop_ends_a_running_tool(real_herald: RealHerald, messages_api: MessagesApi) -> None:
    messages_api.reply(LINGERING)
    async with real_herald(CLAUDE_ALLOWED_TOOLS="Bash") as h:
        h.api.text("linger")
        pid = await lingering(h)
        h.api.text("/stop")
        await h.says("Stopped.")
        await h.service.until(lambda _: is_gone(pid))


async def test_stopping_herald_ends_claude_and_its_tools(real_herald: RealHerald, messages_api: MessagesApi) -> None:
    messages_api.reply(LINGERING)
    async with real_herald(CLAUDE_ALLOWED_TOOLS="Bash", HERALD_DRAIN_S="0") as h:
        h.api.text("linger")
        pid = await lingering(h)
        assert await h.service.stop() == 0
        assert is_gone(pid)
        assert is_gone(claude_pid(h))
        await h.says("Herald is stopping and had to interrupt this.")


async def test_killing_herald_leaves_no_claude_and_loses_no_session(
    real_herald: RealHerald, messages_api: MessagesApi, api: BotApi
) -> None:
    messages_api.reply("First")
    messages_api.reply(Endless())
    messages_api.reply("Where were we?")
    async with real_herald(api=api) as h:
        h.api.text("one")
        await h.says("First")
        session_id = h.sessions()[str(OWNER)]
        h.api.text("two")
        await messages_api.until(lambda api: len(api.requests) == 2)
        h.service.send_signal(signal.SIGKILL)
        await h.service.until(lambda _: is_gone(claude_pid(h)))
    async with real_herald(api=api) as h:
        h.api.text("three")
        await h.says("Where were we?")
        assert h.sessions() == {str(OWNER): session_id}


async def test_a_message_delivered_again_after_a_restart_is_not_run_twice(
    real_herald: RealHerald, messages_api: MessagesApi, api: BotApi
) -> None:
    messages_api.reply("Done once")
    async with real_herald(api=api) as h:
        update_id = h.api.text("delete everything")
        await h.says("Done once")
    async with real_herald(api=api) as h:
        h.api.redeliver(update_id)
        await h.service.until(lambda service: any("delivered again" in line for line in service.log))
        assert len(messages_api.requests) == 1


async def test_a_message_that_only_claude_remembers_is_not_run_twice(
    real_herald: RealHerald, messages_api: MessagesApi, api: BotApi
) -> None:
    messages_api.reply("Done once")
    async with real_herald(api=api) as h:
        update_id = h.api.text("delete everything")
        await h.says("Done once")
    (h.state_dir / "herald.db").unlink()
    async with real_herald(api=api) as h:
        h.api.redeliver(update_id)
        await h.says("Claude had this message before, and its answer is not known.")
        assert len(messages_api.requests) == 1


async def test_a_turn_that_a_crash_has_cut_is_asked_about_and_goes_on(
    real_herald: RealHerald, messages_api: MessagesApi, api: BotApi
) -> None:
    messages_api.reply("Let me see.", LINGERING)
    async with real_herald(CLAUDE_ALLOWED_TOOLS="Bash", api=api) as h:
        h.api.text("find the bug")
        pid = await lingering(h)
        h.service.send_signal(signal.SIGKILL)
        await h.service.until(lambda _: is_gone(claude_pid(h)))
    messages_api.reply("Found it.")
    async with real_herald(CLAUDE_ALLOWED_TOOLS="Bash", api=api) as h:
        await h.says("Let me see.", "Herald crashed while Claude was busy with this: find the bug")
        [question] = [message for message in h.api.messages() if message.buttons]
        assert "It had used Bash: python3 -c" in question.text
        assert not lives(pid)
        assert len(messages_api.requests) == 1
        h.api.tap(question.message_id, question.buttons["Continue"])
        await h.says("Found it.")
        assert "find the bug" in json.dumps(messages_api.requests[-1])


async def test_an_answer_that_a_crash_has_kept_from_herald_is_delivered(
    real_herald: RealHerald, messages_api: MessagesApi, api: BotApi
) -> None:
    slow = Slow("One word and another")
    messages_api.reply(slow)
    async with real_herald(api=api) as h:
        h.api.text("say something")
        await messages_api.until(lambda api: len(api.requests) == 1)
        await h.service.until(lambda _: h.sessions())
        h.service.send_signal(signal.SIGSTOP)
        slow.gate.set()
        await h.service.until(lambda _: any('"end_turn"' in path.read_text() for path in transcripts(h)))
        h.service.send_signal(signal.SIGKILL)
        await h.service.until(lambda service: service.ended)
    async with real_herald(api=api) as h:
        await h.says("and another")
        await h.idle()
        assert len(messages_api.requests) == 1
        assert len(h.api.texts()) == 1


async def test_what_claude_says_when_a_background_task_ends_is_delivered(
    real_herald: RealHerald, messages_api: MessagesApi
) -> None:
    messages_api.reply(SOON_OVER)
    messages_api.reply("It runs in the background.")
    messages_api.reply("The background task has ended.")
    async with real_herald(CLAUDE_ALLOWED_TOOLS="Bash", CLAUDE_IDLE_S="0") as h:
        os.mkfifo(h.folder / "work" / "go")
        h.api.text("begin")
        await h.says("It runs in the background.")
        await h.idle()
        # no child outlives its turn here, unless it has a task
        (h.folder / "work" / "go").write_text("now\n")
        await h.says("The background task has ended.")


async def test_without_a_login_the_user_is_told_what_to_do(real_herald: RealHerald, messages_api: MessagesApi) -> None:
    async with real_herald(ANTHROPIC_API_KEY="") as h:
        h.api.text("hello")
        await h.says("Claude is not logged in on this machine.")
        assert h.sessions() != {}


@pytest.mark.parametrize("failure", [BROKEN, OVERLOADED])
async def test_retries_are_shown_and_stop_ends_them(
    real_herald: RealHerald, messages_api: MessagesApi, failure: object
) -> None:
    messages_api.fail(BROKEN if failure is BROKEN else OVERLOADED, times=20)
    async with real_herald() as h:
        h.api.text("hello")
        await h.says("Trying again, 3 of 10. /stop ends it.")
        h.api.text("/stop")
        await h.says("Stopped.")


async def test_a_command_of_the_cli_answers(real_herald: RealHerald, messages_api: MessagesApi) -> None:
    messages_api.reply("hi")
    async with real_herald() as h:
        h.api.text("hello")
        await h.says("hi")
        h.api.text("/context")
        await h.says("Context Usage")


def transcripts(h: Stage) -> list[Path]:
    return list(Path(h.env["HOME"]).glob(".claude/projects/*/*.jsonl"))


async def lingering(h: Stage) -> int:
    """The process id of LINGERING, once it runs."""
    file = h.folder / "work" / "pid"
    await h.service.until(lambda _: file.exists() and file.read_text())
    return int(file.read_text())


def claude_pid(h: Stage) -> int:
    [line] = [line for line in h.service.log if "claude started" in line]
    return int(line.partition("pid=")[2])
