"""The child process: what it is given, what it may do, and that it always ends."""

from __future__ import annotations

import json
import os
import signal
from uuid import UUID

import pytest

from herald.rehearsal.bot_api import TOKEN, BotApi
from tests.conftest import Herald
from tests.processes import is_gone, lives, stat


async def test_the_child_sees_neither_heralds_settings_nor_the_prompt_in_argv(herald: Herald) -> None:
    secret = {"WHISPER_MODEL": "x", "WATCHDOG_USEC": "60000000", "CLAUDECODE": "1", "CLAUDE_CODE_ENTRYPOINT": "cli"}
    async with herald("result hi", ANTHROPIC_API_KEY="dummy", **secret) as h:
        h.api.text("a very private prompt")
        await h.says("hi")
        [env] = h.record("env")
        assert env["ANTHROPIC_API_KEY"] == "dummy"
        withheld = ("TELEGRAM_", "HERALD_", "WHISPER_", "WATCHDOG_")
        assert [name for name in env if name.startswith(withheld)] == []
        assert {"NOTIFY_SOCKET", "CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT"} & set(env) == set()
        assert TOKEN not in json.dumps(env)
        [argv] = h.record("argv")
        assert "private" not in " ".join(argv)
        assert "--replay-user-messages" in argv
        assert "--include-partial-messages" in argv


async def test_prompts_carry_a_uuid_made_of_the_update(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.text("one")
        h.api.text("one")
        await h.api.until(lambda api: len(api.texts()) == 2)
        first, second = (json.loads(line)["uuid"] for line in h.record("stdin") if "uuid" in line)
        assert first != second
        assert UUID(first).version == 5


async def test_tools_and_model_from_the_settings_reach_the_cli(herald: Herald) -> None:
    settings = {"CLAUDE_ALLOWED_TOOLS": "Read, Bash(git log:*)", "CLAUDE_DISALLOWED_TOOLS": "WebFetch"}
    async with herald("result hi", CLAUDE_MODEL="haiku", CLAUDE_PERMISSION_MODE="plan", **settings) as h:
        h.api.text("one")
        await h.says("hi")
        argv = "|".join(h.record("argv")[0])
        assert "--permission-mode|plan|--model|haiku" in argv
        assert "--allowedTools|Read|Bash(git log:*)|--disallowedTools|WebFetch" in argv


async def test_a_line_of_many_megabytes_is_tolerated(herald: Herald) -> None:
    async with herald("big 12000000\nresult survived") as h:
        h.api.text("read the picture")
        await h.says("survived")


async def test_a_permission_request_is_refused_and_told_once_with_the_setting(herald: Herald) -> None:
    async with herald("ask Bash\nask Bash\nresult went on without") as h:
        h.api.text("do it")
        await h.says("went on without")
        [notice] = [text for text in h.api.texts() if "Bash" in text]
        assert "CLAUDE_ALLOWED_TOOLS=Bash" in notice
        assert "CLAUDE_PERMISSION_MODE" in notice
        answers = [json.loads(line)["response"]["response"] for line in h.record("stdin") if "control_response" in line]
        assert [answer["behavior"] for answer in answers] == ["deny", "deny"]


async def test_a_result_that_nobody_asked_for_is_delivered(herald: Herald) -> None:
    async with herald("text It runs\nunasked\nresult The build has ended\n---\nresult next") as h:
        h.api.text("build in the background")
        await h.says("The build has ended")
        h.api.text("go on")
        await h.says("next")
        assert h.api.texts().count("The build has ended") == 1


async def test_what_nobody_asked_for_is_kept_apart_from_a_prompt_that_comes_meanwhile(herald: Herald) -> None:
    async with herald("text It runs\nunasked\ntext The build\nuntil go\nresult has ended\n---\nresult next") as h:
        h.api.text("build in the background")
        await h.says("It runs")
        h.api.text("go on")
        await h.service.until(lambda _: h.prompts() == ["build in the background", "go on"])
        h.release("go")
        await h.says("next")
        assert h.api.texts() == ["It runs", "The build\n\nhas ended", "next"]


@pytest.mark.parametrize("then", ["hang", "deaf"])
async def test_stop_ends_a_turn_that_nobody_asked_for(herald: Herald, then: str) -> None:
    async with herald(f"text It runs\nunasked\ntext So far\n{then}\n---\nresult next") as h:
        h.api.text("build in the background")
        await h.says("It runs")
        h.api.text("/stop")
        await h.says("So far", "Stopped.")
        h.api.text("go on")
        await h.says("next")


async def test_status_and_new_know_of_a_turn_that_nobody_asked_for(herald: Herald) -> None:
    async with herald("text It runs\nunasked\ntext So far\nhang\n---\nresult next") as h:
        h.api.text("build in the background")
        await h.says("It runs")
        h.api.text("/status")
        await h.says("Claude is at work by itself")
        h.api.text("/new")
        await h.says("So far", "This ended with the session.", "Your next message begins a new session.")


async def test_a_child_that_never_falls_silent_is_stopped_in_time(herald: Herald) -> None:
    async with herald("flood\n---\nresult back") as h:
        h.api.text("one")
        await h.service.until(lambda _: h.sessions())
        h.api.text("/stop")
        await h.says("Stopped.")
        h.api.text("two")
        await h.says("back")


async def test_what_ends_with_herald_is_told(herald: Herald) -> None:
    async with herald("task one\ntext It runs\nunasked\ntext So far\nhang") as h:
        h.api.text("build in the background")
        await h.says("It runs")
        await h.service.stop()
        assert h.api.texts()[1:] == [
            "So far",
            "Herald is stopping and had to interrupt this.\nThe session is kept.",
            "1 of Claude's background tasks ended with it.",
        ]


async def test_stop_interrupts_keeps_what_was_written_and_the_session_lives_on(herald: Herald) -> None:
    async with herald("text Half of the answer\nhang\n---\nresult as before") as h:
        h.api.text("think long")
        await h.service.until(lambda _: h.sessions())
        h.api.text("/stop")
        await h.says("Half of the answer", "Stopped.")
        h.api.text("and now?")
        await h.says("as before")
        assert len(h.record("pid")) == 1


async def test_stop_right_behind_a_message_stops_that_message(herald: Herald) -> None:
    async with herald("hang\n---\nresult later") as h:
        h.api.text("oh no")
        h.api.text("/stop")
        await h.says("Stopped.")
        h.api.text("better")
        await h.says("later")
        assert len(h.record("pid")) == 1


async def test_stop_ends_a_child_that_does_not_listen_and_keeps_the_session(herald: Herald) -> None:
    async with herald("deaf\n---\nresult back") as h:
        h.api.text("hang")
        await h.service.until(lambda _: h.sessions())
        h.api.text("/stop")
        await h.says("Stopped.")
        h.api.text("again")
        await h.says("back")
        assert any("KILL" in line for line in h.service.log)
        # its exit status is asyncio's to collect: 255 would say that somebody else did
        assert any("claude ended" in line and "status=-9" in line for line in h.service.log)
        assert [a for a in h.record("argv")[-1] if a.startswith("--resume=")]


async def test_stop_when_nothing_runs_says_so(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.text("/stop")
        await h.says("Nothing is running.")


async def test_a_message_queued_behind_a_stopped_turn_is_answered(herald: Herald) -> None:
    async with herald("hang\n---\nresult second answer") as h:
        h.api.text("one")
        h.api.text("two")
        await h.service.until(lambda _: h.sessions())
        h.api.text("/stop")
        await h.says("second answer")
        assert "Stopped.\n1 waiting, the next one begins now." in h.api.texts()


async def test_a_child_that_dies_in_the_middle_is_reported_with_its_last_words(herald: Herald) -> None:
    async with herald("text so far\nsay out of memory\nexit 3\n---\nresult back") as h:
        h.api.text("one")
        await h.says("so far", "Claude ended in the middle (exit status 3): out of memory.")
        h.api.text("two")
        await h.says("back")
        assert [a for a in h.record("argv")[-1] if a.startswith("--resume=")]


async def test_a_child_that_says_nothing_is_stopped_and_told(herald: Herald) -> None:
    async with herald("hang\n---\nresult back", CLAUDE_STALL_S="0.5") as h:
        h.api.text("one")
        await h.says("Claude has said nothing for")
        h.api.text("two")
        await h.says("back")


async def test_a_tool_may_be_silent_but_the_turn_has_an_end(herald: Herald) -> None:
    async with herald("begin Bash\nhang", CLAUDE_STALL_S="0.2", CLAUDE_TURN_TIMEOUT_S="1") as h:
        h.api.text("one")
        await h.says("the limit of CLAUDE_TURN_TIMEOUT_S")


async def test_retries_of_three_minutes_are_visible_in_one_message(herald: Herald) -> None:
    async with herald("retry 4\nuntil go\nresult at last") as h:
        h.api.text("one")
        await h.says("Trying again, 4 of 10.")
        assert len(h.api.texts()) == 1
        h.api.text("/status")
        await h.says("Working for")
        assert "Trying again, 4 of 10." in h.api.texts()[1]
        h.release("go")
        await h.says("at last")


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        ("authentication_failed 0 Not logged in · Please run /login", "Claude is not logged in on this machine."),
        ("authentication_failed 401 Invalid API key · Fix external API key", "Claude does not accept the API key."),
        ("billing_error 400 Credit balance is too low", "Credit balance is too low."),
        ("rate_limit 429 You've hit your 5-hour limit · resets 1:40pm (UTC)", "resets 1:40pm (UTC)."),
        ("server_error 529 API Error: Repeated 529 Overloaded errors.", "Claude's servers are overloaded."),
        ("server_error 0 API Error: Connection refused (ECONNREFUSED)", "cannot be reached from this machine."),
    ],
)
async def test_failures_are_one_clear_sentence_and_keep_the_session(herald: Herald, failure: str, told: str) -> None:
    async with herald(f"error {failure}\n---\nresult fine") as h:
        h.api.text("one")
        await h.says(told)
        await h.idle()
        assert len(h.api.texts()) == 1
        assert len(h.sessions()) == 1
        h.api.text("two")
        await h.says("fine")
        assert len(h.record("pid")) == 1


async def test_a_working_folder_that_is_gone_is_named(herald: Herald) -> None:
    async with herald("result hi") as h:
        (h.folder / "work").rmdir()
        h.api.text("one")
        await h.says(f"The working folder is gone: {h.folder / 'work'}.")


async def test_an_idle_child_is_ended_and_the_session_resumed(herald: Herald) -> None:
    async with herald("result one\n---\nresult two", CLAUDE_IDLE_S="0.2") as h:
        h.api.text("one")
        await h.service.until(lambda service: any("claude ended" in line for line in service.log))
        h.api.text("two")
        await h.says("two")
        assert len(h.record("pid")) == 2
        assert [a for a in h.record("argv")[1] if a.startswith("--resume=")]


async def test_what_a_tool_left_running_ends_with_its_claude(herald: Herald) -> None:
    async with herald("spawn\nresult started", CLAUDE_IDLE_S="0.2") as h:
        h.api.text("one")
        await h.says("started")
        [left] = h.record("spawned")
        await h.service.until(lambda _: not lives(left))


async def test_stopping_herald_leaves_no_process(herald: Herald) -> None:
    async with herald("spawn\nhang", HERALD_DRAIN_S="0.2") as h:
        h.api.text("one")
        await h.service.until(lambda _: h.record("spawned"))
        assert await h.service.stop() == 0
        assert not lives(h.record("spawned")[0])
        assert not lives(h.record("pid")[0])
        await h.says("Herald is stopping and had to interrupt this.")


async def test_a_turn_that_runs_at_sigterm_may_end(herald: Herald) -> None:
    async with herald("until go\nresult finished in time") as h:
        h.api.text("one")
        h.api.text("two")
        await h.service.until(lambda _: h.record("stdin"))
        h.service.send_signal(signal.SIGTERM)
        await h.service.until(lambda service: "STOPPING=1" in service.states)
        h.release("go")
        await h.service.until(lambda service: service.ended)
        assert h.service.exit_status == 0
        assert h.api.texts()[0] == "finished in time"
        assert h.api.texts()[1] == "Herald is stopping. 1 message waits and will be answered when it is back."


async def test_a_killed_herald_leaves_no_process(herald: Herald) -> None:
    async with herald("spawn\nhang") as h:
        h.api.text("one")
        await h.service.until(lambda _: h.record("spawned"))
        h.service.send_signal(signal.SIGKILL)
        await h.service.until(lambda _: not lives(h.record("pid")[0]) and not lives(h.record("spawned")[0]))


async def test_what_outlived_a_killed_herald_is_ended_by_the_next(herald: Herald, api: BotApi) -> None:
    async with herald("spawn\nhang", api=api) as h:
        h.api.text("one")
        await h.service.until(lambda _: h.record("spawned"))
        # all at once, so that nobody can take the tool along
        os.kill(h.record("pid")[0], signal.SIGSTOP)
        h.service.send_signal(signal.SIGKILL)
        os.kill(h.record("pid")[0], signal.SIGKILL)
        await h.service.until(lambda service: service.ended)
        left = h.record("spawned")[0]
        assert lives(left)
    async with herald("result hi", api=api):
        assert not lives(left)


async def test_a_process_without_a_parent_becomes_heralds_and_is_reaped(herald: Herald) -> None:
    async with herald("daemon\nuntil go\nresult started") as h:
        h.api.text("one")
        await h.service.until(lambda _: h.record("spawned"))
        [daemon] = h.record("spawned")
        assert stat(daemon)[1] == str(h.service.pid)
        os.kill(daemon, signal.SIGKILL)
        await h.service.until(lambda _: is_gone(daemon))
        h.release("go")


async def test_a_process_that_has_lost_its_mark_ends_with_herald(herald: Herald) -> None:
    async with herald("daemon\nresult started") as h:
        h.api.text("one")
        await h.says("started")
        [daemon] = h.record("spawned")
        assert lives(daemon)
        assert await h.service.stop() == 0
        assert not lives(daemon)


async def test_a_claude_that_is_killed_is_told_and_its_tools_end(herald: Herald) -> None:
    async with herald("spawn\nuntil go\nresult started") as h:
        h.api.text("one")
        await h.service.until(lambda _: h.record("spawned"))
        os.kill(h.record("pid")[0], signal.SIGKILL)
        await h.says("Claude ended in the middle (signal 9).")
        await h.service.until(lambda _: is_gone(h.record("spawned")[0]))
