"""CLAUDE_MAX_PROCESSES: never more children than that; idle ones make room for who waits, in the order of asking."""

from __future__ import annotations

import signal
from functools import partial

import pytest

from herald.rehearsal.bot_api import OWNER
from tests.conftest import Herald, Stage
from tests.processes import lives

OTHER, THIRD = 4343, 4444
BUSY = "Other chats keep Claude busy."


@pytest.fixture
def shared(herald: Herald) -> Herald:
    """A herald of three users; `CLAUDE_MAX_PROCESSES` is 1 unless it is given."""
    users = f"{OWNER},{OTHER},{THIRD}"
    return partial(herald, TELEGRAM_ALLOWED_USERS=users, CLAUDE_MAX_PROCESSES="1")


async def shows(h: Stage, user_id: int, text: str) -> None:
    """Wait until this user's phone shows the text."""
    await h.api.until(lambda api: any(text in shown for shown in api.texts(user_id)))


async def given(h: Stage, *prompts: str) -> None:
    """Wait until Claude has been given exactly these."""
    await h.service.until(lambda _: h.prompts() == list(prompts))


async def idle_after(h: Stage, count: int) -> None:
    """Wait until so many messages are done, and nothing else is to be done."""
    await h.service.until(lambda service: service.idle and f" {count} done" in service.states[-1])


def living(h: Stage) -> list[int]:
    """The children that live, in the order of their start."""
    return [pid for pid in h.record("pid") if lives(pid)]


async def test_a_chat_that_finds_no_process_is_told_and_served_when_there_is_one(shared: Herald) -> None:
    async with shared("until go\nresult one\n---\nresult two") as h:
        h.api.text("first")
        await given(h, "first")
        h.api.text("second", user_id=OTHER)
        await shows(h, OTHER, BUSY)
        assert "CLAUDE_MAX_PROCESSES=1 allows no more" in h.api.texts(OTHER)[0]
        assert h.api.texts() == []
        h.release("go")
        await shows(h, OTHER, "two")
        assert h.api.texts() == ["one"]
        assert h.api.texts(OTHER)[1:] == ["two"]


async def test_an_idle_process_is_ended_for_another_chat_without_a_word(shared: Herald) -> None:
    async with shared("result one\n---\nresult two") as h:
        h.api.text("first")
        await shows(h, OWNER, "one")
        await h.idle()
        h.api.text("second", user_id=OTHER)
        await shows(h, OTHER, "two")
        [first, second] = h.record("pid")
        assert not lives(first)
        assert lives(second)
        assert h.api.texts() == ["one"]


async def test_a_chat_whose_process_was_ended_goes_on_with_its_session(shared: Herald) -> None:
    async with shared("result one\n---\nresult two\n---\nresult three") as h:
        h.api.text("first")
        await shows(h, OWNER, "one")
        h.api.text("second", user_id=OTHER)
        await shows(h, OTHER, "two")
        h.api.text("third")
        await shows(h, OWNER, "three")
        assert f"--resume={h.sessions()[str(OWNER)]}" in h.record("argv")[-1]


async def test_the_process_that_was_not_used_for_longest_is_ended(shared: Herald) -> None:
    async with shared("result done", CLAUDE_MAX_PROCESSES="2") as h:
        for number, user_id in enumerate((OWNER, OTHER, OWNER), 1):
            h.api.text("hi", user_id=user_id)
            await idle_after(h, number)
        [owners, others] = h.record("pid")
        h.api.text("hi", user_id=THIRD)
        await shows(h, THIRD, "done")
        assert lives(owners)
        assert not lives(others)


async def test_those_who_wait_are_served_in_their_order(shared: Herald) -> None:
    async with shared("until go\nresult one\n---\nresult two") as h:
        h.api.text("first")
        await given(h, "first")
        for user_id in (THIRD, OTHER):
            h.api.text(f"from {user_id}", user_id=user_id)
            await shows(h, user_id, BUSY)
        h.release("go")
        await given(h, "first", f"from {THIRD}", f"from {OTHER}")
        await shows(h, OTHER, "two")


async def test_stop_gives_up_waiting_and_the_next_one_is_served(shared: Herald) -> None:
    async with shared("until go\nresult one\n---\nresult two") as h:
        h.api.text("first")
        await given(h, "first")
        for user_id in (OTHER, THIRD):
            h.api.text(f"from {user_id}", user_id=user_id)
            await shows(h, user_id, BUSY)
        h.api.text("/stop", user_id=OTHER)
        await shows(h, OTHER, "Stopped before it began.")
        h.release("go")
        await shows(h, THIRD, "two")
        await h.idle()
        assert h.prompts() == ["first", f"from {THIRD}"]


async def test_what_waits_for_a_process_outlives_a_restart(shared: Herald) -> None:
    async with shared("until never") as h:
        h.api.text("first")
        await given(h, "first")
        h.api.text("second", user_id=OTHER)
        await shows(h, OTHER, BUSY)
        h.service.send_signal(signal.SIGKILL)
        await h.service.until(lambda service: service.ended)
        async with shared("result done", api=h.api) as h:
            await shows(h, OTHER, "done")


async def test_a_process_that_has_died_leaves_its_place(shared: Herald) -> None:
    async with shared("until go\nexit 3\n---\nresult two") as h:
        h.api.text("first")
        await given(h, "first")
        h.api.text("second", user_id=OTHER)
        await shows(h, OTHER, BUSY)
        h.release("go")
        await shows(h, OTHER, "two")


async def test_new_leaves_the_place_to_who_waits(shared: Herald) -> None:
    async with shared("result one\n---\nresult two", CLAUDE_MAX_PROCESSES="1") as h:
        h.api.text("first")
        await shows(h, OWNER, "one")
        h.api.text("/new")
        await shows(h, OWNER, "Your next message begins a new session.")
        assert living(h) == []
        h.api.text("second", user_id=OTHER)
        await shows(h, OTHER, "two")


async def test_there_are_never_more_processes_than_allowed(shared: Herald) -> None:
    async with shared("result done") as h:
        users = (OWNER, OTHER, THIRD)
        for number in range(4):
            for user_id in users:
                h.api.text(f"{number} from {user_id}", user_id=user_id)
        most = 0

        def all_answered(_: object) -> bool:
            nonlocal most
            most = max(most, len(living(h)))
            return all(h.api.texts(user_id).count("done") == 4 for user_id in users)

        await h.service.until(all_answered)
        assert most == 1
        assert sorted(h.prompts()) == sorted(f"{number} from {user_id}" for number in range(4) for user_id in users)


async def test_as_many_chats_as_allowed_work_at_once(shared: Herald) -> None:
    async with shared("until go\nresult done", CLAUDE_MAX_PROCESSES="2") as h:
        h.api.text("one")
        await given(h, "one")
        h.api.text("two", user_id=OTHER)
        await given(h, "one", "two")
        h.api.text("three", user_id=THIRD)
        await shows(h, THIRD, BUSY)
        assert len(living(h)) == 2
        h.release("go")
        for user_id in (OWNER, OTHER, THIRD):
            await shows(h, user_id, "done")
        assert len(h.record("pid")) == 3


async def test_a_process_with_a_task_in_the_background_is_not_ended_for_another_chat(shared: Herald) -> None:
    async with shared("task t1\nresult one\n---\nresult two") as h:
        h.api.text("first")
        await shows(h, OWNER, "one")
        h.api.text("second", user_id=OTHER)
        await shows(h, OTHER, BUSY)
        [pid] = h.record("pid")
        assert lives(pid)


async def test_an_idle_process_makes_room_where_an_older_one_has_a_task(shared: Herald) -> None:
    async with shared("task t1\nresult one\n---\nresult two\n---\nresult three", CLAUDE_MAX_PROCESSES="2") as h:
        h.api.text("first")
        await shows(h, OWNER, "one")
        h.api.text("second", user_id=OTHER)
        await shows(h, OTHER, "two")
        await h.idle()
        h.api.text("third", user_id=THIRD)
        await h.api.until(lambda api: "three" in api.texts(THIRD))
