"""The state folder and the lock in it: one running herald per folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from herald.errors import AlreadyRunning, ConfigError, HeraldError


@contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    """Make `state_dir` (0700) if needed and hold its lock; the kernel lets go of it even after a kill.

    Raises AlreadyRunning when another process holds it, ConfigError when the folder cannot be used.
    """
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private(state_dir)
        descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        problem = HeraldError(f"the state folder cannot be used: {exc}", "HERALD_STATE_DIR names it")
        raise ConfigError(problem) from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(descriptor)
        raise AlreadyRunning(
            f"another herald is running with the state folder {state_dir}",
            "stop that one first, or give this one a HERALD_STATE_DIR of its own",
        ) from exc
    try:
        yield
    finally:
        os.close(descriptor)


def _make_private(state_dir: Path) -> None:
    """Take the others' rights away, but not from a folder that holds more than herald's own things."""
    if state_dir.stat().st_mode & 0o077 == 0:
        return
    names = {path.name for path in state_dir.iterdir()}
    if names and not names & {"lock", "sessions.json"}:
        problem = HeraldError(f"the state folder {state_dir} holds other things", "give herald a folder of its own")
        raise ConfigError(problem)
    state_dir.chmod(0o700)
