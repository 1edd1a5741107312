"""One running herald per state folder, and per bot on this machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import sys
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


@contextmanager
def only_one_with(bot_token: str, api_base: str) -> Iterator[None]:
    """Hold the name of this bot on this machine; the kernel lets go of it even after a kill. Linux only.

    Raises AlreadyRunning when another process holds it: two pollers would take each other's messages.
    """
    if sys.platform != "linux":
        yield  # Telegram's own 409 tells of a second poller, a little later
        return
    # a name that tells nothing about the token; unix(7), "abstract"
    digest = hashlib.sha256(f"{api_base} {bot_token}".encode()).hexdigest()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as holder:
        try:
            holder.bind(f"\0herald-{digest[:32]}")
        except OSError as exc:
            raise AlreadyRunning(
                "another herald is running with this bot token on this machine",
                "stop that one first; a second herald needs a bot of its own from @BotFather",
            ) from exc
        yield


def _make_private(state_dir: Path) -> None:
    """Take the others' rights away, but not from a folder that holds more than herald's own things."""
    if state_dir.stat().st_mode & 0o077 == 0:
        return
    names = {path.name for path in state_dir.iterdir()}
    if names and not names & {"lock", "sessions.json", "herald.db"}:
        problem = HeraldError(f"the state folder {state_dir} holds other things", "give herald a folder of its own")
        raise ConfigError(problem)
    state_dir.chmod(0o700)
