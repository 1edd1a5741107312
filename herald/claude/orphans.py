"""What Claude's tools leave behind: processes that outlive their `claude`, found, ended and reaped.

The CLI's shells begin a session of their own, so ending its process group does not reach them. Herald is therefore
the child subreaper (prctl(2)): an orphan becomes herald's child. Each carries a mark in its environment that names
the herald and the `claude` it came from, so that what a killed herald left is found by the next one.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4, uuid5

log = logging.getLogger(__name__)

# The name of the mark in a process's environment; a process keeps it unless it empties its environment.
MARK = "CLAUDE_BRIDGE_CHILD"

_HERALDS = UUID("8f3c6c55-0b52-4c0f-9c5e-6d5f0d0f7a31")
_PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_HAS_PRCTL = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True)
_TERM_PATIENCE_S = 2.0
_KILL_PATIENCE_S = 2.0
_LOOK_EVERY_S = 0.02


def adopt() -> None:
    """Make this process the parent of every descendant whose own parent dies. Linux only; elsewhere nothing happens."""
    if _HAS_PRCTL:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)


class DieWithParent:
    """A `preexec_fn`: the child gets TERM when its parent dies, so that even a kill -9 leaves nothing behind."""

    def __init__(self) -> None:
        self._parent_pid = os.getpid()

    def __call__(self) -> None:
        if _HAS_PRCTL:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != self._parent_pid:
            os._exit(1)  # it died before prctl took effect


def reap(spare: Collection[int]) -> None:
    """Collect the adopted processes that have ended, so that none stays a zombie.

    `spare` are the pids that herald started itself: asyncio must be the one to collect those.
    """
    for process in _processes():
        if process.parent == os.getpid() and process.state == "Z" and process.pid not in spare:
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)


def below(pid: int) -> set[int]:
    """Find the descendants of `pid`, without itself."""
    parents = {process.pid: process.parent for process in _processes()}
    found: set[int] = set()
    generation = {pid}
    while generation:
        generation = {child for child, parent in parents.items() if parent in generation} - found
        found |= generation
    return found


def herald_mark(state_dir: Path) -> str:
    """Return what the marks of all children of the herald with this state folder begin with."""
    return str(uuid5(_HERALDS, str(state_dir)))


def child_mark(herald: str) -> str:
    """Return a new mark for a child of the herald with this mark."""
    return f"{herald}/{uuid4()}"


def marked(mark: str) -> set[int]:
    """Find the processes whose mark begins so; those of other users cannot be looked into and are left out."""
    needle = f"\0{MARK}={mark}".encode()
    found = set()
    # Claude may be the one who starts herald: neither it nor what is above it is left over
    spared = _ancestors() | {os.getpid()}
    for process in _processes():
        if process.pid in spared:
            continue
        with suppress(OSError):
            if needle in b"\0" + (_PROC / str(process.pid) / "environ").read_bytes():
                found.add(process.pid)
    return found


def _ancestors() -> set[int]:
    parents = {process.pid: process.parent for process in _processes()}
    found: set[int] = set()
    pid = os.getpid()
    while (pid := parents.get(pid, 0)) > 0 and pid not in found:
        found.add(pid)
    return found


def kill(pids: set[int]) -> None:
    """End these processes at once."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


async def end(pids: set[int]) -> None:
    """End these processes: TERM, then KILL for those still there."""
    if not pids:
        return
    log.info("ending what claude or its tools left running: %d processes", len(pids))
    for number, patience_s in ((signal.SIGTERM, _TERM_PATIENCE_S), (signal.SIGKILL, _KILL_PATIENCE_S)):
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        pids = await _still_there(pids, patience_s)
        if not pids:
            return
    log.error("processes that cannot be ended: %s", sorted(pids))


async def _still_there(pids: set[int], patience_s: float) -> set[int]:
    """Wait until none of `pids` lives or `patience_s` is over; return those that do."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        living = {process.pid for process in _processes() if process.state != "Z"} & pids
        if not living or asyncio.get_running_loop().time() > deadline:
            return living
        await asyncio.sleep(_LOOK_EVERY_S)


class _Process(NamedTuple):
    pid: int
    parent: int
    state: str


def _processes() -> list[_Process]:
    """Read the process table from /proc; [] where there is none. proc_pid_stat(5) gives the format."""
    found = []
    for entry in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            # the name stands in parentheses and may itself hold spaces and parentheses
            state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            found.append(_Process(int(entry.name), int(parent), state))
    return found
