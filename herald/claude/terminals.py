"""Which sessions are open in another process, such as a terminal: two at once would lose one's messages silently.

A running CLI registers itself as `sessions/<pid>.json` below its configuration folder, with the session it is in and
its own start time, and keeps that right through /resume and /clear. The file outlives a kill, so it counts only while
that very process lives. Measured on 2.1.197 and 2.1.328; without a terminal 2.1.197 does not tell whether it is busy.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from herald.claude.transcripts import configuration_folder

_PROC = Path("/proc")
# proc_pid_stat(5), counted from what follows the name
_STATE, _START_TIME = 0, 19


@dataclass(frozen=True, slots=True)
class Terminal:
    """A process that has a session open. `started` is the kernel's word for when it began."""

    pid: int
    started: str
    cwd: str
    busy: bool


def open_elsewhere(env: Mapping[str, str], session_id: str, own_pids: Collection[int]) -> Terminal | None:
    """Find a living process with this session other than `own_pids`; None if there is none, or no /proc to tell."""
    for path in (configuration_folder(env) / "sessions").glob("*.json"):
        if not path.is_file():
            continue  # a named pipe would block
        terminal = _read(path, session_id)
        if terminal is not None and terminal.pid not in own_pids and _lives(terminal):
            return terminal
    return None


def ask_to_end(terminal: Terminal) -> None:
    """Send TERM, which the CLI obeys in order; a process that has taken its number meanwhile is spared."""
    if _lives(terminal):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(terminal.pid, signal.SIGTERM)


def _read(path: Path, session_id: str) -> Terminal | None:
    with suppress(OSError, orjson.JSONDecodeError):
        match orjson.loads(path.read_bytes()):
            case {"pid": int(pid), "sessionId": str(found), "procStart": str(started), **rest} if found == session_id:
                return Terminal(pid, started, str(rest.get("cwd", "")), rest.get("status") == "busy")
    return None


def _lives(terminal: Terminal) -> bool:
    with suppress(OSError):
        fields = (_PROC / str(terminal.pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return fields[_STATE] != "Z" and fields[_START_TIME] == terminal.started
    return False
