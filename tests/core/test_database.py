"""herald.db: what is written survives, a disk that refuses delays and loses nothing, damage is moved aside."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from herald.errors import ConfigError, HeraldError, StateUnwritable
from herald.storage.database import Database

POST = "INSERT INTO outbox (id, bot_id, place, parcel) VALUES (?, 1, '42', ?)"
PAGE_BYTES = 4096
# opens the file named by its argument; what follows it uses `database`
OPENED = """
import sys
from pathlib import Path
from herald.storage.database import Database

database = Database(Path(sys.argv[1]), print)
"""


class Room:
    """A folder with a herald.db, and what has been told about it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "herald.db"
        self.told: list[HeraldError] = []

    def open(self, tell: Callable[[HeraldError], None] | None = None) -> Database:
        return Database(self.path, tell or self.told.append)

    @property
    def wal(self) -> Path:
        return self.path.with_name("herald.db-wal")

    def damaged(self) -> list[Path]:
        """The main files that were moved aside."""
        return [
            path for path in self.path.parent.glob("herald.db.damaged-*") if path.suffix[-4:] not in ("-wal", "-shm")
        ]

    def filled(self) -> None:
        """Write a file of many pages, and close it."""
        with closing(self.open()) as database, database.atomic():
            for number in range(200):
                post(database, number, b"x" * 500)

    def overwrite(self, start: int, length: int) -> None:
        with self.path.open("r+b") as file:
            file.seek(start)
            file.write(b"\xa5" * length)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def post(database: Database, number: int, parcel: bytes = b"") -> None:
    database.write(POST, number, parcel)


def posted(database: Database) -> list[int]:
    """The numbers in the order in which they were written."""
    return [number for (number,) in database.read("SELECT id FROM outbox ORDER BY rowid")]


@contextmanager
def full_disk(room: Room) -> Iterator[None]:
    """Let no file grow; a full disk is the same to SQLite, which cannot write the next page. setrlimit(2)"""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room.wal.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_is_written_is_there_after_a_restart(room: Room) -> None:
    with closing(room.open()) as database:
        post(database, 1)
    with closing(room.open()) as database:
        assert posted(database) == [1]
        assert database.trouble is None
    assert room.told == []


def test_nobody_else_can_read_any_of_its_files(room: Room) -> None:
    with closing(room.open()) as database:
        post(database, 1)
        modes = {path.name: path.stat().st_mode & 0o777 for path in room.path.parent.iterdir()}
    assert modes == {"herald.db": 0o600, "herald.db-wal": 0o600, "herald.db-shm": 0o600}


def test_a_file_that_others_could_read_becomes_private(room: Room) -> None:
    room.filled()
    room.path.chmod(0o644)
    with closing(room.open()):
        assert room.path.stat().st_mode & 0o777 == 0o600


def test_the_file_of_a_newer_herald_is_left_as_it_is(room: Room) -> None:
    room.filled()
    with closing(sqlite3.connect(room.path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    before = room.path.read_bytes()
    with pytest.raises(ConfigError, match="was written by a newer herald") as caught:
        room.open()
    assert [problem.hint for problem in caught.value.problems] == [
        "update herald, or give this one a HERALD_STATE_DIR of its own"
    ]
    assert room.path.read_bytes() == before
    assert [path.name for path in room.path.parent.iterdir()] == ["herald.db"]


def test_a_folder_in_the_place_of_the_file_stops_the_start(room: Room) -> None:
    room.path.mkdir()
    with pytest.raises(ConfigError, match="cannot be used"):
        room.open()


# Damage that is there at the start


@pytest.mark.parametrize("kept_bytes", [100, PAGE_BYTES, 10 * PAGE_BYTES + 1])
def test_a_file_that_was_cut_off_is_moved_aside(room: Room, kept_bytes: int) -> None:
    room.filled()
    content = room.path.read_bytes()[:kept_bytes]
    room.path.write_bytes(content)
    assert_moved_aside(room, content)


@pytest.mark.parametrize("page", [0, 1, 5, 20])
def test_a_file_with_a_page_overwritten_is_moved_aside(room: Room, page: int) -> None:
    room.filled()
    room.overwrite(page * PAGE_BYTES, PAGE_BYTES)
    assert_moved_aside(room, room.path.read_bytes())


def test_a_file_that_is_something_else_is_moved_aside(room: Room) -> None:
    room.path.write_bytes(b"garbage" * 2000)
    assert_moved_aside(room, b"garbage" * 2000)


def assert_moved_aside(room: Room, content: bytes) -> None:
    """The file is kept as it was, its owner can be told, and a new one works."""
    with closing(room.open()) as database:
        [kept] = room.damaged()
        assert kept.read_bytes() == content
        assert database.trouble is not None
        assert database.trouble.message.startswith("herald's memory of what is under way was damaged")
        assert database.trouble.hint == f"the old file is kept as {kept}"
        assert posted(database) == []
        post(database, 1)
    with closing(room.open()) as database:
        assert database.trouble is None
        assert posted(database) == [1]


def test_what_was_not_yet_in_a_damaged_file_is_kept_with_it(room: Room) -> None:
    """A -wal that is left behind would be played into the new file."""
    room.filled()
    # killed: the -wal stays
    run(room, OPENED + f"database.write({POST!r}, 999, b'')\nimport os\nos._exit(0)")
    wal = room.wal.read_bytes()
    room.path.write_bytes(b"garbage" * 2000)
    with closing(room.open()) as database:
        assert posted(database) == []
    [kept] = room.damaged()
    assert kept.with_name(kept.name + "-wal").read_bytes() == wal


def test_a_damaged_file_that_cannot_be_moved_aside_stops_the_start(room: Room) -> None:
    room.path.write_bytes(b"garbage" * 2000)
    # where it would go, now and in the next seconds, there is a folder; rights do not keep root from anything
    for ahead_s in range(10):
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(time.time() + ahead_s))
        room.path.with_name(f"herald.db.damaged-{stamp}-{os.getpid()}").mkdir()
    with pytest.raises(ConfigError, match="is damaged and cannot be moved aside"):
        room.open()
    assert room.path.read_bytes() == b"garbage" * 2000


# Damage that shows later


@contextmanager
def damaged_under_way(room: Room, tell: Callable[[HeraldError], None] | None = None) -> Iterator[Database]:
    """A file that breaks while it is open."""
    room.filled()
    with closing(room.open(tell)) as database:
        damage(room)
        yield database


def damage(room: Room) -> None:
    """Overwrite the whole file, and see to it that nobody has it in memory."""
    with closing(sqlite3.connect(room.path, isolation_level=None)) as other:
        other.execute("DELETE FROM outbox WHERE id = 0")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    room.overwrite(0, room.path.stat().st_size)


def test_a_write_that_meets_damage_is_repeated_in_a_new_file(room: Room) -> None:
    with damaged_under_way(room) as database:
        post(database, 7)
        assert posted(database) == [7]
        assert len(room.damaged()) == 1
        assert [error.hint for error in room.told] == [f"the old file is kept as {room.damaged()[0]}"]
    with closing(room.open()) as database:
        assert posted(database) == [7]


def test_a_write_that_must_not_fail_is_repeated_in_a_new_file(room: Room) -> None:
    with damaged_under_way(room) as database:
        database.write_now([(POST, (7, b"")), (POST, (8, b""))])
        assert posted(database) == [7, 8]
        assert len(room.told) == 1


def test_a_look_that_meets_damage_finds_nothing_and_the_next_write_works(room: Room) -> None:
    with damaged_under_way(room) as database:
        assert posted(database) == []
        post(database, 7)
        assert posted(database) == [7]
        assert len(room.told) == 1


@pytest.mark.parametrize("meet", ["write", "write_now", "read"])
def test_who_is_told_of_damage_can_have_that_written_at_once(room: Room, meet: str) -> None:
    """Herald tells its owner through the outbox, which is in the same file."""

    def tell(error: HeraldError) -> None:
        room.told.append(error)
        post(database, 100 + len(room.told))

    with damaged_under_way(room, tell) as database:
        match meet:
            case "write":
                post(database, 1)
            case "write_now":
                database.write_now([(POST, (1, b""))])
            case _:
                posted(database)
        assert [error.message[:15] for error in room.told] == ["herald's memory"]
        assert set(posted(database)) - {1} == {101}


def test_what_was_refused_before_the_damage_is_written_once(room: Room) -> None:
    def tell(error: HeraldError) -> None:
        room.told.append(error)
        post(database, 100_000 + len(room.told))

    room.filled()
    with closing(room.open(tell)) as database:
        with full_disk(room):
            post(database, 200_000)
        damage(room)
        database.write_now([(POST, (200_001, b""))])
        assert sorted(posted(database)) == [100_001, 100_002, 200_000, 200_001]
        assert len(room.told) == 2


def test_damage_on_a_full_disk_loses_nothing_that_is_written_from_then_on(room: Room) -> None:
    with damaged_under_way(room) as database:
        with full_disk(room):
            post(database, 1)
            with pytest.raises(StateUnwritable):
                database.write_now([(POST, (2, b""))])
            with pytest.raises(StateUnwritable):
                posted(database)
            post(database, 3)
        post(database, 4)
        assert posted(database) == [1, 3, 4]
        assert len(room.damaged()) == 1
        assert len(room.told) == 2


# A disk that refuses


def test_what_a_full_disk_refuses_is_kept_told_once_and_written_in_order_later(room: Room) -> None:
    with closing(room.open()) as database:
        with full_disk(room):
            for number in (3, 1, 2):
                post(database, number)
            database.retry()
            assert posted(database) == []
        assert [str(error).partition(":")[0] for error in room.told] == ["herald cannot write to its state folder"]
        assert "make room" in room.told[0].hint
        database.write("UPDATE outbox SET parcel = ? WHERE id = 3", b"changed")
        assert database.read("SELECT id, parcel FROM outbox ORDER BY id") == [(1, b""), (2, b""), (3, b"changed")]


def test_retry_writes_what_was_refused_once(room: Room) -> None:
    with closing(room.open()) as database:
        with full_disk(room):
            post(database, 1)
        database.retry()
        assert posted(database) == [1]
        database.retry()
        assert posted(database) == [1]


def test_a_disk_that_is_full_again_is_told_again(room: Room) -> None:
    with closing(room.open()) as database:
        for number in (1, 2):
            with full_disk(room):
                post(database, number)
            database.retry()
        assert len(room.told) == 2


def test_what_cannot_be_written_now_is_an_error_told_once_and_not_kept(room: Room) -> None:
    with closing(room.open()) as database:
        with full_disk(room):
            for _ in range(2):
                with pytest.raises(StateUnwritable, match="cannot write to its state folder"):
                    database.write_now([(POST, (1, b""))])
            assert len(room.told) == 1
        database.retry()
        assert posted(database) == []


def test_what_was_refused_before_comes_before_what_is_written_now(room: Room) -> None:
    with closing(room.open()) as database:
        with full_disk(room):
            post(database, 1)
            with pytest.raises(StateUnwritable):
                database.write_now([("DELETE FROM outbox WHERE id = ?", (1,))])
        database.write_now([("UPDATE outbox SET parcel = ? WHERE id = 1", (b"changed",))])
        database.retry()
        assert database.read("SELECT id, parcel FROM outbox") == [(1, b"changed")]
        # and only once
        database.write_now([("DELETE FROM outbox", ())])
        database.retry()
        assert posted(database) == []


def test_what_is_refused_until_the_end_is_lost_and_logged(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    database = room.open()
    with full_disk(room):
        post(database, 1)
        database.close()
    assert "changes that could not be written before the end: 1" in caplog.text
    with closing(room.open()) as database:
        assert posted(database) == []


def test_what_was_refused_is_written_at_the_end_if_there_is_room_by_then(room: Room) -> None:
    with closing(room.open()) as database, full_disk(room):
        post(database, 1)
    with closing(room.open()) as database:
        assert posted(database) == [1]


def test_a_disk_that_is_full_at_the_start_is_named(room: Room) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(StateUnwritable, match="cannot be used") as caught:
            room.open()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "is the disk full" in caught.value.hint
    with closing(room.open()) as database:
        assert database.trouble is None


# One transaction


def test_what_belongs_together_is_not_seen_in_part(room: Room) -> None:
    with closing(room.open()) as database, closing(room.open()) as reader:
        with database.atomic():
            post(database, 1)
            with database.atomic():
                post(database, 2)
            assert posted(reader) == []
            post(database, 3)
        assert posted(reader) == [1, 2, 3]


def test_what_was_written_before_a_failure_is_kept(room: Room) -> None:
    with closing(room.open()) as database:
        with suppress(ZeroDivisionError), database.atomic():
            post(database, 1)
            with database.atomic():
                post(database, 2)
                raise ZeroDivisionError
        assert posted(database) == [1, 2]
        post(database, 3)
        assert posted(database) == [1, 2, 3]


def test_a_block_without_a_write_does_nothing(room: Room) -> None:
    with closing(room.open()) as database:
        with database.atomic():
            pass
        assert posted(database) == []


def test_what_belongs_together_is_refused_together(room: Room) -> None:
    with closing(room.open()) as database:
        with full_disk(room), database.atomic():
            post(database, 1, b"x" * PAGE_BYTES)
            post(database, 2)
        assert posted(database) == []
        assert len(room.told) == 1
        database.retry()
        assert posted(database) == [1, 2]


def test_a_kill_in_the_middle_leaves_none_of_what_belongs_together(room: Room) -> None:
    script = (
        OPENED
        + f"""
with database.atomic():
    database.write({POST!r}, 1, b"")
    print("in the middle", flush=True)
    sys.stdin.read()
"""
    )
    killed(room, script)
    with closing(room.open()) as database:
        assert database.trouble is None
        assert posted(database) == []


@pytest.mark.parametrize("groups", [1, 7, 40])
def test_a_kill_at_any_time_leaves_whole_groups_and_all_that_were_done(room: Room, groups: int) -> None:
    script = (
        OPENED
        + f"""
for group in range(1_000_000):
    with database.atomic():
        for number in range(20):
            database.write({POST!r}, group * 20 + number, b"x" * 400)
    print(group, flush=True)
"""
    )
    done = killed(room, script, lines=groups)
    with closing(room.open()) as database:
        assert database.trouble is None
        numbers = posted(database)
    assert len(numbers) % 20 == 0
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 20 * done


# Two processes


def test_two_processes_write_into_one_file_at_once(room: Room) -> None:
    script = (
        OPENED
        + f"""
sys.stdin.readline()
for number in range(100):
    database.write({POST!r}, number * 2 + int(sys.argv[2]), b"")
database.close()
"""
    )
    room.open().close()
    with started(room, script, "0") as one, started(room, script, "1") as other:
        for writer in (one, other):
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        # what it is told would be printed
        assert [writer.communicate(timeout=20)[0] for writer in (one, other)] == ["", ""]
        assert (one.returncode, other.returncode) == (0, 0)
    with closing(room.open()) as database:
        assert sorted(posted(database)) == list(range(200))


def started(room: Room, script: str, *arguments: str) -> subprocess.Popen[str]:
    """Run a script with the file as its first argument."""
    return subprocess.Popen(
        [sys.executable, "-c", script, str(room.path), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(room: Room, script: str) -> None:
    with started(room, script) as process:
        process.communicate(timeout=20)


def killed(room: Room, script: str, lines: int = 1) -> int:
    """Kill a script after it has printed so many lines; return how many it had printed by then."""
    with started(room, script) as process:
        assert process.stdout is not None
        for _ in range(lines):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        return lines + len(process.stdout.readlines())
