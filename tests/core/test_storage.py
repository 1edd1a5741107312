"""sessions.json: atomic, tolerant, never overwritten."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from herald.errors import AlreadyRunning, ConfigError
from herald.model import Place, Session
from herald.storage.lock import locked
from herald.storage.sessions import Sessions

HERE, TOPIC = Place(42), Place(-5, 6)


def content(path: Path) -> object:
    return json.loads(path.read_text())


def test_a_session_like_the_settings_is_a_plain_string_any_other_an_object(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    sessions = Sessions(path)
    sessions.put(HERE, Session("a"))
    sessions.put(TOPIC, Session("b", cwd="/x"))
    assert content(path) == {"42": "a", "-5/6": {"session_id": "b", "cwd": "/x"}}
    assert Sessions(path).get(HERE) == Session("a")
    assert Sessions(path).get(TOPIC) == Session("b", cwd="/x")
    assert Sessions(path).get(Place(1)) is None


def test_a_choice_that_is_taken_back_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    path.write_text(json.dumps({"42": {"session_id": "a", "model": "m", "effort": "high"}}))
    Sessions(path).put(HERE, Session("a"))
    assert content(path) == {"42": {"session_id": "a", "effort": "high"}}


def test_a_dropped_session_is_gone_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    path.write_text(json.dumps({"42": "a", "43": "b"}))
    Sessions(path).drop(HERE)
    assert content(path) == {"43": "b"}


@pytest.mark.parametrize(
    "damaged",
    [b"", b"{", b"[]", b'{"42": 17}', b'{"42": ""}', b'{"42": {}}', b'{"42": {"session_id": "a", "cwd": 5}}', b"\xff"],
)
def test_a_damaged_file_is_moved_aside_whole(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "sessions.json"
    path.write_bytes(damaged)
    sessions = Sessions(path)
    assert sessions.trouble is not None
    assert sessions.get(HERE) is None
    sessions.put(HERE, Session("new"))
    [kept] = tmp_path.glob("sessions.json.unreadable-*")
    assert kept.read_bytes() == damaged
    assert str(kept) in sessions.trouble.hint


def test_a_save_that_fails_leaves_the_old_file_and_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    path.write_text('{"42": "old"}')
    sessions = Sessions(path)
    blocker = tmp_path / "sessions.json.tmp"
    blocker.mkdir()
    with pytest.raises(OSError, match="directory"):
        sessions.put(HERE, Session("new"))
    assert content(path) == {"42": "old"}
    assert sessions.get(HERE) == Session("new")
    blocker.rmdir()
    sessions.put(HERE, Session("new"))
    assert content(path) == {"42": "new"}


def test_a_file_that_can_be_neither_read_nor_moved_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "sessions.json"
    path.mkdir()
    if os.geteuid() == 0:
        # root may rename anything: a mount point is what even root cannot move
        pytest.skip("as root every file can be moved aside")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ConfigError):
            Sessions(path)
    finally:
        tmp_path.chmod(0o700)


def test_the_lock_is_held_by_one_and_let_go_at_the_end(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(AlreadyRunning), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "photos").mkdir()
    with pytest.raises(ConfigError, match="holds other things"), locked(tmp_path):
        pass
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_an_empty_folder_or_heralds_own_becomes_private(tmp_path: Path) -> None:
    for _ in range(2):
        tmp_path.chmod(0o755)
        with locked(tmp_path):
            assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="the state folder cannot be used"), locked(tmp_path / "file" / "state"):
        pass
