"""sessions.json: which Claude session each chat goes on with.

One object; the key is `str(Place)`, the value the session id, or an object where the session differs from the
settings. What herald does not know in the file is kept as it is. A file that cannot be read is moved aside.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any

import orjson

from herald.errors import ConfigError, HeraldError, SessionsUnreadable
from herald.model import Place, Session

log = logging.getLogger(__name__)

_CHOICES = ("cwd", "model", "permission_mode")


class Sessions:
    """The sessions of all places; every change is on disk when the call returns."""

    def __init__(self, path: Path) -> None:
        """Read `path`; a missing file is an empty one. `trouble` then tells what could not be read, if anything.

        Raises ConfigError for a file that can be neither read nor moved aside.
        """
        self._path = path
        self._unsaved = False
        self._entries: dict[str, Any] = {}
        self.trouble: SessionsUnreadable | None = None
        try:
            self._entries = _parse(path.read_bytes())
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as exc:
            self.trouble = self._move_aside(exc)

    def get(self, place: Place) -> Session | None:
        entry = self._entries.get(str(place))
        if isinstance(entry, str):
            return Session(entry)
        if entry is None:
            return None
        return Session(entry["session_id"], *(entry.get(choice) for choice in _CHOICES))

    def put(self, place: Place, session: Session) -> None:
        """Remember `session`. Raises OSError when the disk refuses; the session then holds until a restart."""
        old = self._entries.get(str(place))
        # an entry may hold choices of a newer herald: they stay
        entry = {**(old if isinstance(old, dict) else {}), "session_id": session.session_id}
        for choice in _CHOICES:
            entry.pop(choice, None)
            if (value := getattr(session, choice)) is not None:
                entry[choice] = value
        new = entry if len(entry) > 1 else session.session_id
        if new != old or self._unsaved:
            self._entries[str(place)] = new
            self._save()

    def drop(self, place: Place) -> None:
        """Forget the session of `place`, so that the next message begins a new one."""
        if self._entries.pop(str(place), None) is not None:
            self._save()

    def _save(self) -> None:
        """Replace the file in one step: a crash leaves the old one or the new one, never half of one."""
        self._unsaved = True
        temporary = self._path.with_name(self._path.name + ".tmp")
        content = orjson.dumps(self._entries, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._unsaved = False

    def _move_aside(self, cause: Exception) -> SessionsUnreadable:
        # the pid keeps two starts in one second from replacing each other's file
        suffix = f"unreadable-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        kept = self._path.with_name(f"{self._path.name}.{suffix}")
        try:
            self._path.rename(kept)
        except OSError as exc:
            problem = HeraldError(
                f"{self._path} can be neither read nor moved aside: {exc.strerror}", "mend its rights"
            )
            raise ConfigError(problem) from cause
        log.error("sessions.json cannot be read (%s): moved to %s", cause, kept.name)
        return SessionsUnreadable(
            "the list of sessions could not be read, so every chat begins a new session",
            f"the old file is kept as {kept}",
        )


def _parse(content: bytes) -> dict[str, Any]:
    """Raises ValueError for anything that is not a sessions file."""
    entries = orjson.loads(content)
    if not isinstance(entries, dict):
        raise ValueError("not an object")  # noqa: TRY004 - the file's content is wrong, not a caller's type
    for key, entry in entries.items():
        session_id = entry.get("session_id") if isinstance(entry, dict) else entry
        if not (isinstance(session_id, str) and session_id):
            raise ValueError(f"no session id under {key}")
        if isinstance(entry, dict) and not all(isinstance(entry.get(name, ""), str) for name in _CHOICES):
            raise ValueError(f"a choice under {key} is not a text")
    return entries
