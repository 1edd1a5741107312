"""The shipped units under a real systemd: start, restart, watchdog and exit."""

from __future__ import annotations

import asyncio
from subprocess import CalledProcessError

import pytest

from tests.systemd.conftest import Install, Installed


async def test_a_message_is_answered_under_full_hardening(either: Install) -> None:
    async with either("tool Bash\nresult an answer") as h:
        await h.unit.systemctl("start", "herald")
        await h.answers("hello", "an answer")
        [transcript] = h.unit.home.glob(".claude/projects/*/*.jsonl")
        assert "an answer" in transcript.read_text()


async def test_it_is_active_only_when_telegram_answers(either: Install) -> None:
    async with either("result hi") as h:
        h.api.drop("getMe", times=1000)
        starting = asyncio.create_task(h.unit.systemctl("start", "herald"))
        await h.api.until(lambda api: any(call.method == "getMe" for call in api.calls))
        assert (await h.unit.show())["ActiveState"] == "activating"
        assert not starting.done()
        h.api.relent()
        await starting
        assert (await h.unit.show())["ActiveState"] == "active"


async def test_the_status_says_what_goes_on(either: Install) -> None:
    async with either("until go\nresult hi") as h:
        await h.unit.systemctl("start", "herald")
        assert (await h.unit.show())["StatusText"] == "idle; 0 waiting, 0 to send, 0 done"
        h.api.text("one")
        await h.unit.until(lambda now: now["StatusText"].startswith("1 working"))
        h.unit.release("go")
        await h.unit.until(lambda now: now["StatusText"] == "idle; 0 waiting, 0 to send, 1 done")


async def test_the_session_goes_on_after_a_restart(either: Install) -> None:
    async with either("result one\n---\nresult two") as h:
        await h.unit.systemctl("start", "herald")
        await h.answers("first", "one")
        before = await h.unit.show()
        await h.unit.systemctl("restart", "herald")
        await h.unit.again(before)
        await h.answers("second", "two")
        [session] = (h.unit.home / "stand-in/sessions").iterdir()
        assert f"--resume={session.name}" in h.unit.record("argv")[-1]


async def test_claude_may_restart_herald(either: Install) -> None:
    """It ends the turn that did it, which is told and not run again: that would be a loop."""
    async with either("begin Bash\nhang\n---\nresult done", HERALD_DRAIN_S="0") as h:
        await h.unit.systemctl("start", "herald")
        h.api.text("restart yourself")
        await h.unit.until(lambda _: "Bash" in h.unit.transcripts())
        before = await h.unit.show()
        await h.unit.systemctl("restart", "--no-block", "herald")
        await h.unit.again(before)
        await h.says("Herald is stopping and had to interrupt this.")
        await h.answers("next", "done")
        assert h.unit.prompts() == ["restart yourself", "next"]
        assert (await h.unit.show())["NRestarts"] == "0"


async def test_a_herald_that_is_killed_is_started_again(either: Install) -> None:
    async with either("result hi") as h:
        await h.unit.systemctl("start", "herald")
        before = await h.unit.show()
        await h.unit.systemctl("kill", "--kill-who=main", "--signal=KILL", "herald")
        assert (await h.unit.again(before))["NRestarts"] == "1"
        await h.answers("still there?", "hi")


async def test_a_herald_that_hangs_is_killed_and_started_again(either: Install) -> None:
    async with either("result hi", watchdog_s=4) as h:
        await h.unit.systemctl("start", "herald")
        before = await h.unit.show()
        await h.unit.systemctl("kill", "--kill-who=main", "--signal=STOP", "herald")
        assert (await h.unit.again(before))["NRestarts"] == "1"
        assert "Watchdog timeout" in await h.unit.journal()
        await h.answers("still there?", "hi")
        # it would hold the token
        assert not list(h.unit.home.glob("core*"))


@pytest.mark.parametrize("fault", ["hang", "refuse"])
async def test_a_silent_telegram_ends_it_in_order_before_the_watchdog_does(system: Install, fault: str) -> None:
    async with system("result hi", watchdog_s=4) as h:
        await h.unit.systemctl("start", "herald")
        before = await h.unit.show()
        if fault == "hang":
            h.api.hang("getUpdates", times=1000)
        else:
            h.api.refuse("getUpdates", 502, "Bad Gateway", times=1000)
        await h.unit.until(lambda now: now["NRestarts"] == "1")
        h.api.relent()
        await h.unit.again(before)
        journal = await h.unit.journal()
        assert "error: no poll of Telegram was answered for 3 s" in journal
        assert "status=75" in journal
        assert "Watchdog timeout" not in journal
        await h.answers("still there?", "hi")


async def test_a_token_that_telegram_refuses_fails_once_and_says_so(either: Install) -> None:
    other = "123456789:" + "x" * 35
    async with either("result hi", TELEGRAM_BOT_TOKEN=other) as h:
        with pytest.raises(CalledProcessError):
            await h.unit.systemctl("start", "herald")
        now = await h.unit.show()
        assert (now["ActiveState"], now["Result"], now["ExecMainStatus"]) == ("failed", "exit-code", "78")
        assert now["NRestarts"] == "0"
        assert "error: Telegram does not accept the bot token" in await h.unit.journal()


@pytest.mark.parametrize("script", ["spawn\nhang", "daemon\nresult hi"])
async def test_stop_leaves_nothing_behind(either: Install, script: str) -> None:
    async with either(script, HERALD_DRAIN_S="0") as h:
        await stops_in_order(h, script)


async def test_stop_leaves_nothing_behind_of_a_claude_that_does_not_listen(system: Install) -> None:
    async with system("daemon\ndeaf", HERALD_DRAIN_S="0") as h:
        await stops_in_order(h, "daemon\ndeaf")


async def stops_in_order(h: Installed, script: str) -> None:
    """It ends by itself, in time, and so does all that it and its Claude have started."""
    await h.unit.systemctl("start", "herald")
    h.api.text("go")
    leaves = "spawn" in script or "daemon" in script
    await h.unit.until(lambda _: h.unit.prompts() and (h.unit.record("spawned") or not leaves))
    control_group = h.unit.machine.path("/sys/fs/cgroup" + (await h.unit.show())["ControlGroup"])
    assert len((control_group / "cgroup.procs").read_text().split()) == 2 + leaves
    await h.unit.systemctl("stop", "herald")
    now = await h.unit.show()
    assert (now["ActiveState"], now["Result"], now["ExecMainStatus"]) == ("inactive", "success", "0")
    assert not control_group.exists()
    assert not any(h.unit.machine.lives(pid) for pid in h.unit.record("pid") + h.unit.record("spawned"))
    journal = await h.unit.journal()
    assert "Stopped herald" in journal
    # which is what the manager would say of having to help
    assert "Killing process" not in journal
    assert "timed out" not in journal
