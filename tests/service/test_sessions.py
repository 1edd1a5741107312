"""Sessions survive restarts, expiry is noticed, nothing is overwritten."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from herald.rehearsal.bot_api import OWNER, BotApi
from tests.conftest import Herald, Stage

UNKNOWN = "11111111-2222-4333-8444-555555555555"


async def test_the_session_goes_on_in_one_warm_process(herald: Herald) -> None:
    async with herald("result one\n---\nresult two") as h:
        h.api.text("first")
        h.api.text("second")
        await h.says("one", "two")
        assert len(h.record("pid")) == 1


async def test_the_session_id_is_saved_as_a_plain_string_when_the_turn_starts(herald: Herald) -> None:
    async with herald("until go\nresult done") as h:
        h.api.text("hi")
        await h.service.until(lambda _: h.sessions())
        [session_file] = (h.claude_folder / "sessions").iterdir()
        assert h.sessions() == {str(OWNER): session_file.name}
        assert (h.state_dir / "sessions.json").stat().st_mode & 0o777 == 0o600
        h.release("go")


async def test_a_restart_resumes_the_session(herald: Herald, api: BotApi) -> None:
    async with herald("result one", api=api) as h:
        h.api.text("first")
        await h.says("one")
        session_id = h.sessions()[str(OWNER)]
    async with herald("result two", api=api) as h:
        h.api.text("second")
        await h.says("two")
        assert f"--resume={session_id}" in h.record("argv")[-1]
        assert h.sessions() == {str(OWNER): session_id}


async def test_killing_herald_in_the_middle_loses_no_session_id(herald: Herald, api: BotApi) -> None:
    async with herald("until never", api=api) as h:
        h.api.text("first")
        await h.service.until(lambda _: h.sessions())
        session_id = h.sessions()[str(OWNER)]
        h.service.send_signal(signal.SIGKILL)
        await h.service.until(lambda service: service.ended)
    async with herald("result back again", api=api) as h:
        h.api.text("second")
        await h.says("back again")
        assert f"--resume={session_id}" in h.record("argv")[-1]


async def test_two_messages_before_the_first_id_is_known_share_one_session(herald: Herald) -> None:
    async with herald("result one\n---\nresult two", CLAUDE_IDLE_S="0") as h:
        h.api.text("first")
        h.api.text("second")
        await h.says("one", "two")
        assert len(list((h.claude_folder / "sessions").iterdir())) == 1


async def test_an_id_that_changes_is_kept(herald: Herald) -> None:
    async with herald(f"session {UNKNOWN}\nresult cleared") as h:
        h.api.text("/clear")
        await h.says("cleared")
        await h.idle()
        assert h.sessions() == {str(OWNER): UNKNOWN}


async def test_the_predecessors_file_is_read_and_what_herald_does_not_know_is_kept(
    herald: Herald, tmp_path: Path
) -> None:
    other = {"session_id": "a", "effort": "high", "later": [1]}
    prepare(tmp_path, {str(OWNER): UNKNOWN, "77": "plain", "-5/6": other})
    async with herald(f"session {UNKNOWN[:-1]}6\nresult hi") as h:
        known_to_claude(h, UNKNOWN)
        h.api.text("hello")
        await h.says("hi")
        assert f"--resume={UNKNOWN}" in h.record("argv")[-1]
        await h.idle()
        assert h.sessions() == {str(OWNER): f"{UNKNOWN[:-1]}6", "77": "plain", "-5/6": other}


async def test_a_session_with_its_own_folder_and_mode_is_resumed_with_them(herald: Herald, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    entry = {"session_id": UNKNOWN, "cwd": str(folder), "model": "haiku", "permission_mode": "plan"}
    prepare(tmp_path, {str(OWNER): entry})
    async with herald("result hi") as h:
        known_to_claude(h, UNKNOWN)
        h.api.text("hello")
        await h.says("hi")
        assert h.record("cwd") == [str(folder)]
        argv = " ".join(h.record("argv")[-1])
        assert "--permission-mode plan --model haiku" in argv
        assert h.sessions() == {str(OWNER): entry}


async def test_a_message_that_comes_again_after_a_restart_is_not_run_twice(herald: Herald, api: BotApi) -> None:
    async with herald("result one", api=api) as h:
        update_id = h.api.text("delete it all")
        await h.says("one")
    async with herald("result two", api=api) as h:
        h.api.redeliver(update_id)
        h.api.text("go on")
        await h.says("two")
        assert h.api.texts() == ["one", "two"]
        assert any("delivered again, not taken again" in line for line in h.service.log)


async def test_an_unreadable_file_is_moved_aside_and_told(herald: Herald, api: BotApi, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "sessions.json").write_text('{"4242": "half')
    api.text("I was here before")
    async with herald("result hi", api=api) as h:
        await h.says("The list of sessions could not be read")
        [kept] = h.state_dir.glob("sessions.json.unreadable-*")
        assert kept.read_text() == '{"4242": "half'
        assert any("sessions.json cannot be read" in line for line in h.service.log)


async def test_an_expired_session_begins_anew_and_answers_the_same_prompt_once(herald: Herald, tmp_path: Path) -> None:
    prepare(tmp_path, {str(OWNER): UNKNOWN, "77": "other"})
    async with herald("result fresh") as h:
        h.api.text("hello")
        await h.says("fresh")
        await h.idle()
        assert h.api.texts() == ["Claude does not know the earlier session any more: a new one begins here.", "fresh"]
        assert len(h.record("pid")) == 2
        assert [a for a in h.record("argv")[-1] if a.startswith("--resume")] == []
        assert h.sessions()[str(OWNER)] != UNKNOWN
        assert h.sessions()["77"] == "other"


async def test_a_failure_that_is_not_expiry_keeps_the_session(herald: Herald, tmp_path: Path) -> None:
    prepare(tmp_path, {str(OWNER): UNKNOWN})
    async with herald("error server_error 529 No conversation found is not at the beginning here") as h:
        known_to_claude(h, UNKNOWN)
        h.api.text("hello")
        await h.says("Claude's servers are overloaded.")
        assert h.sessions() == {str(OWNER): UNKNOWN}
        assert len(h.record("pid")) == 1


async def test_new_names_the_session_it_leaves_and_how_to_resume_it(herald: Herald) -> None:
    async with herald("result one") as h:
        h.api.text("first")
        await h.says("one")
        session_id = h.sessions()[str(OWNER)]
        h.api.text("/new")
        await h.says(f"cd {h.folder / 'work'} && claude --resume {session_id}")
        assert h.api.messages()[-1].entities[-1]["type"] == "code"
        assert h.sessions() == {}
        h.api.text("second")
        await h.api.until(lambda api: len(api.texts()) == 3)
        await h.idle()
        assert h.sessions()[str(OWNER)] != session_id


async def test_new_waits_for_what_was_asked_before_it(herald: Herald) -> None:
    async with herald("until go\nresult one\n---\nresult two") as h:
        h.api.text("first")
        h.api.text("/new")
        h.api.text("second")
        await h.service.until(lambda _: h.prompts() == ["first"])
        h.release("go")
        await h.says("two")
        beginnings = [text[:25] for text in h.api.texts()]
        assert beginnings == ["A new session begins afte", "one", "Your next message begins ", "two"]
        assert len(list((h.claude_folder / "sessions").iterdir())) == 2


async def test_what_follows_new_is_the_first_prompt_of_the_new_session(herald: Herald) -> None:
    async with herald("result one\n---\nresult two") as h:
        h.api.text("first")
        await h.says("one")
        h.api.text("/new please mend the tests")
        await h.says("two")
        assert h.prompts() == ["first", "please mend the tests"]
        assert len(list((h.claude_folder / "sessions").iterdir())) == 2


async def test_new_without_a_session_says_what_comes_next(herald: Herald) -> None:
    async with herald("result one") as h:
        h.api.text("/new")
        await h.says("Your next message begins a new session.")


def prepare(folder: Path, sessions: dict[str, object]) -> None:
    (folder / "state").mkdir()
    (folder / "state" / "sessions.json").write_text(json.dumps(sessions))


def known_to_claude(h: Stage, session_id: str) -> None:
    (h.claude_folder / "sessions" / session_id).touch()
