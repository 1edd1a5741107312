"""A session is open elsewhere while the very process lives that says so."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from herald.claude.terminals import Terminal, ask_to_end, open_elsewhere
from tests.processes import stat

SESSION = "11111111-1111-4111-8111-111111111111"
# proc_pid_stat(5), counted from the state
START_TIME = 19


class Registry:
    """The folder in which running CLIs register themselves, in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.env = {"HOME": str(home)}
        self.folder = home / ".claude" / "sessions"

    def write(self, pid: int, **fields: object) -> None:
        """Register a process like the CLI does; `fields` differ from that."""
        self.folder.mkdir(parents=True, exist_ok=True)
        entry = {"pid": pid, "sessionId": SESSION, "cwd": "/work", "procStart": stat(pid)[START_TIME], **fields}
        (self.folder / f"{pid}.json").write_text(json.dumps(entry))

    def open_elsewhere(self, *own_pids: int, session: str = SESSION) -> Terminal | None:
        return open_elsewhere(self.env, session, own_pids)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Another process."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def test_a_living_process_with_the_session_is_found(registry: Registry, other: subprocess.Popen[bytes]) -> None:
    registry.write(other.pid, status="busy")
    found = registry.open_elsewhere()
    assert found == Terminal(other.pid, stat(other.pid)[START_TIME], "/work", busy=True)


@pytest.mark.parametrize("status", ["idle", None])
def test_one_that_waits_or_does_not_tell_is_not_busy(
    registry: Registry, other: subprocess.Popen[bytes], status: str | None
) -> None:
    registry.write(other.pid, status=status)
    found = registry.open_elsewhere()
    assert found is not None
    assert not found.busy


def test_the_configuration_folder_may_be_elsewhere(
    registry: Registry, other: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    registry.folder = tmp_path / "config" / "sessions"
    registry.env["CLAUDE_CONFIG_DIR"] = str(tmp_path / "config")
    registry.write(other.pid)
    assert registry.open_elsewhere() is not None


def test_ones_own_process_is_not_elsewhere(registry: Registry, other: subprocess.Popen[bytes]) -> None:
    registry.write(other.pid)
    assert registry.open_elsewhere(other.pid) is None


def test_another_session_is_another_matter(registry: Registry, other: subprocess.Popen[bytes]) -> None:
    registry.write(other.pid)
    assert registry.open_elsewhere(session="another") is None


def test_a_process_that_has_ended_counts_no_more(registry: Registry, other: subprocess.Popen[bytes]) -> None:
    registry.write(other.pid)
    other.kill()
    other.wait()
    assert registry.open_elsewhere() is None


def test_a_zombie_counts_no_more(registry: Registry) -> None:
    process = subprocess.Popen(["sleep", "60"], stdout=subprocess.PIPE)
    registry.write(process.pid)
    process.kill()
    assert process.stdout is not None
    process.stdout.read()  # its end closes the pipe, and it becomes a zombie
    while stat(process.pid)[0] != "Z":
        pass
    assert registry.open_elsewhere() is None
    process.communicate()


def test_a_process_that_has_only_the_same_number_does_not_count(
    registry: Registry, other: subprocess.Popen[bytes]
) -> None:
    registry.write(other.pid, procStart="1")
    assert registry.open_elsewhere() is None


@pytest.mark.parametrize(
    "content",
    [b"", b'{"pid": 1, "sess', b"[1]", b"\xff", b"{}", b'{"pid": "1", "sessionId": "%b"}' % SESSION.encode()],
    ids=["empty", "half", "no object", "no text", "nothing in it", "a number as text"],
)
def test_a_file_that_is_not_as_expected_is_passed_over(
    registry: Registry, other: subprocess.Popen[bytes], content: bytes
) -> None:
    registry.write(other.pid)
    (registry.folder / "1.json").write_bytes(content)
    (registry.folder / "2.json").mkdir()
    assert registry.open_elsewhere() is not None
    (registry.folder / f"{other.pid}.json").unlink()
    assert registry.open_elsewhere() is None


def test_no_folder_means_no_process(registry: Registry) -> None:
    assert registry.open_elsewhere() is None


def test_a_process_that_is_asked_to_end_gets_term(registry: Registry, other: subprocess.Popen[bytes]) -> None:
    registry.write(other.pid)
    found = registry.open_elsewhere()
    assert found is not None
    ask_to_end(found)
    assert other.wait(timeout=10) == -signal.SIGTERM
    ask_to_end(found)  # it is gone already


def test_a_process_that_has_taken_the_number_is_spared(other: subprocess.Popen[bytes]) -> None:
    ask_to_end(Terminal(other.pid, "1", "/work", busy=False))
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(timeout=0.1)
