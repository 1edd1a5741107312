"""What the process table says of a process that a test started."""

from __future__ import annotations

from pathlib import Path


def stat(pid: int) -> list[str]:
    """The state, the parent and what follows them in proc_pid_stat(5)."""
    return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()


def lives(pid: int) -> bool:
    """Whether there is such a process and it is more than a zombie."""
    try:
        return stat(pid)[0] != "Z"
    except FileNotFoundError:
        return False


def is_gone(pid: int) -> bool:
    """Whether not even a zombie is left of it."""
    return not Path("/proc", str(pid)).exists()
