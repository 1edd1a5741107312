"""A session that is open in a terminal: its owner decides, and nothing runs in both places at once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from herald.rehearsal.bot_api import OWNER, BotApi
from herald.rehearsal.chat import ChatMessage
from tests.conftest import Herald, Stage
from tests.processes import lives, stat
from tests.service.test_recovery import forget, kill, works

COPY = "22222222-2222-4222-8222-222222222222"
OTHER = 4343
# proc_pid_stat(5), counted from the state
START_TIME = 19


@contextmanager
def terminal(h: Stage, command: str = "exec sleep 60", **fields: object) -> Iterator[subprocess.Popen[bytes]]:
    """Have the owner's session open in another process, which registers itself as the CLI does."""
    process = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE)
    folder = h.folder / ".claude" / "sessions"
    folder.mkdir(parents=True, exist_ok=True)
    entry = {"pid": process.pid, "sessionId": h.sessions()[str(OWNER)], "cwd": "/the/project"}
    entry |= {"procStart": stat(process.pid)[START_TIME], **fields}
    (folder / f"{process.pid}.json").write_text(json.dumps(entry))
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def has_session(h: Stage) -> str:
    """Have one turn, so that there is a session, and return its id."""
    h.api.text("first")
    await h.says("one")
    await h.idle()
    return str(h.sessions()[str(OWNER)])


async def asked(h: Stage) -> ChatMessage:
    """The question, once it is in the chat."""
    await h.api.until(lambda api: any(message.buttons for message in api.messages()))
    [question] = [message for message in h.api.messages() if message.buttons]
    return question


def choose(h: Stage, question: ChatMessage, label: str) -> None:
    h.api.tap(question.message_id, question.buttons[label])


async def test_a_message_for_a_session_that_is_open_in_a_terminal_is_asked_about(herald: Herald) -> None:
    async with herald("result one") as h:
        await has_session(h)
        with terminal(h) as process:
            h.api.text("second")
            question = await asked(h)
            assert question.text.startswith(
                f"This session is open in a terminal on the machine (process {process.pid}, in /the/project) and idle."
            )
            assert list(question.buttons) == ["Fork", "Take over", "Wait"]
            assert h.prompts() == ["first"]


async def test_a_terminal_where_claude_is_at_work_is_called_so(herald: Herald) -> None:
    async with herald("result one") as h:
        await has_session(h)
        with terminal(h, status="busy"):
            h.api.text("second")
            assert "and Claude is at work there." in (await asked(h)).text


async def test_fork_goes_on_with_a_copy_and_asks_no_more(herald: Herald) -> None:
    async with herald(f"result one\n---\nsession {COPY}\nresult two\n---\nresult three") as h:
        session_id = await has_session(h)
        with terminal(h) as process:
            h.api.text("second")
            choose(h, await asked(h), "Fork")
            await h.says("→ Fork", "two")
            assert {"--fork-session", f"--resume={session_id}"} <= set(h.record("argv")[-1])
            h.api.text("third")
            await h.says("three")
            assert h.sessions() == {str(OWNER): COPY}
            assert lives(process.pid)


async def test_take_over_closes_the_terminal_and_goes_on_with_the_session(herald: Herald) -> None:
    async with herald("result one\n---\nresult two") as h:
        session_id = await has_session(h)
        with terminal(h) as process:
            h.api.text("second")
            choose(h, await asked(h), "Take over")
            await h.says("→ Take over", "two")
            assert not lives(process.pid)
            assert h.sessions() == {str(OWNER): session_id}
            assert not any("--fork-session" in argv for argv in h.record("argv"))


@pytest.mark.parametrize("choice", ["Wait", None])
async def test_a_message_begins_by_itself_when_the_terminal_is_closed(herald: Herald, choice: str | None) -> None:
    async with herald("result one\n---\nresult two") as h:
        await has_session(h)
        with terminal(h) as process:
            h.api.text("second")
            question = await asked(h)
            if choice:
                choose(h, question, choice)
                await h.says("→ Wait")
            assert h.prompts() == ["first"]
            process.kill()
            await h.says("two")
            await h.idle()
            assert len([text for text in h.api.texts() if "in a terminal" in text]) == 1


@pytest.mark.parametrize("choice", ["Wait", "Take over"])
async def test_what_was_said_in_the_terminal_is_not_unknown_to_claude(herald: Herald, choice: str) -> None:
    """A process that was warm before does not know it, and goes on beside it; only a new one reads it."""
    async with herald("result one\n---\nresult two") as h:
        session_id = await has_session(h)
        with terminal(h) as process:
            h.api.text("second")
            choose(h, await asked(h), choice)
            await h.says(f"→ {choice}")
            process.kill()
            await h.says("two")
        assert len(h.record("pid")) == 2
        assert f"--resume={session_id}" in h.record("argv")[-1]


async def test_stop_gives_the_message_up_and_its_buttons_do_nothing_more(herald: Herald) -> None:
    async with herald("result one\n---\nresult two") as h:
        await has_session(h)
        with terminal(h) as process:
            h.api.text("second")
            question = await asked(h)
            h.api.text("/stop")
            await h.says("Stopped before it began.")
            await h.idle()
            choose(h, question, "Take over")
            await h.api.until(lambda api: api.calls[-1].params.get("text") == "This has been decided already.")
            assert lives(process.pid)
        assert h.prompts() == ["first"]


async def test_what_comes_meanwhile_follows_in_order(herald: Herald) -> None:
    async with herald("result one\n---\nresult two\n---\nresult three") as h:
        await has_session(h)
        with terminal(h) as process:
            h.api.text("second")
            await asked(h)
            h.api.text("third")
            await h.service.until(lambda service: "1 waiting" in service.states[-1])
            process.kill()
            await h.says("two", "three")
        assert h.prompts() == ["first", "second", "third"]


async def test_a_message_that_waits_for_a_terminal_outlives_a_restart(herald: Herald, api: BotApi) -> None:
    async with herald("result one", api=api) as h:
        await has_session(h)
        with terminal(h) as process:
            h.api.text("second")
            await asked(h)
            assert await h.service.stop() == 0
            async with herald("result two", api=api) as h:
                await api.until(lambda api: sum("in a terminal" in text for text in api.texts()) == 2)
                assert h.prompts() == ["first"]
                process.kill()
                await h.says("two")
                assert h.prompts() == ["first", "second"]


async def test_new_comes_after_the_message_that_waits(herald: Herald) -> None:
    async with herald("result one\n---\nresult two") as h:
        await has_session(h)
        with terminal(h):
            h.api.text("second")
            await asked(h)
            h.api.text("/new")
            await h.says("A new session begins after the present answer. /stop ends that now.")
            h.api.text("/stop")
            await h.says("Stopped before it began.", "Your next message begins a new session.")
            h.api.text("third")
            await h.says("two")
        assert h.prompts() == ["first", "third"]


async def test_a_turn_that_runs_already_is_not_disturbed(herald: Herald) -> None:
    async with herald("result one\n---\nuntil go\nresult two") as h:
        await has_session(h)
        h.api.text("second")
        await h.service.until(lambda _: len(h.prompts()) == 2)
        with terminal(h):
            h.release("go")
            await h.says("two")
            assert not any(message.buttons for message in h.api.messages())


async def test_another_chat_gets_the_process_of_one_that_waits_for_a_terminal(herald: Herald) -> None:
    users = f"{OWNER},{OTHER}"
    async with herald("result one\n---\nresult two", CLAUDE_MAX_PROCESSES="1", TELEGRAM_ALLOWED_USERS=users) as h:
        await has_session(h)
        with terminal(h):
            h.api.text("second")
            await asked(h)
            h.api.text("hello", user_id=OTHER)
            await h.api.until(lambda api: "two" in api.texts(OTHER))


async def test_a_terminal_that_does_not_end_is_asked_about_again(herald: Herald) -> None:
    async with herald("result one\n---\nresult two") as h:
        await has_session(h)
        with terminal(h, "trap '' TERM; echo deaf; exec sleep 60") as process:
            assert process.stdout is not None
            process.stdout.readline()
            h.api.text("second")
            choose(h, first := await asked(h), "Take over")
            await h.api.until(lambda api: api.messages()[-1].buttons and api.messages()[-1] != first)
            choose(h, await asked(h), "Fork")
            await h.says("two")
            assert lives(process.pid)


async def test_status_tells_that_the_owner_is_to_choose(herald: Herald) -> None:
    async with herald("result one") as h:
        await has_session(h)
        with terminal(h):
            h.api.text("second")
            await asked(h)
            h.api.text("/status")
            await h.says("Waiting for your choice")


async def test_a_button_of_a_question_from_before_a_restart_still_counts(herald: Herald, api: BotApi) -> None:
    async with herald("result one", api=api) as h:
        await has_session(h)
        with terminal(h):
            h.api.text("second")
            question = await asked(h)
            assert await h.service.stop() == 0
            async with herald(f"session {COPY}\nresult two", api=api) as h:
                await api.until(lambda api: sum("in a terminal" in text for text in api.texts()) == 2)
                choose(h, question, "Fork")
                await h.says("two")


async def test_a_stop_while_a_terminal_holds_what_a_crash_has_left_is_no_further_crash(
    herald: Herald, api: BotApi, tmp_path: Path
) -> None:
    async with herald("until never", api=api) as h:
        h.api.text("one")
        await works(h)
        await h.service.until(lambda _: h.sessions())
        await kill(h)
    forget(tmp_path)
    with terminal(h):
        async with herald("result no", api=api) as h:
            await asked(h)
    async with herald("result fine", api=api) as h:
        await h.says("fine")
        assert not any("crashed 2 times" in text for text in h.api.texts())
