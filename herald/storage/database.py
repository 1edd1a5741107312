"""herald.db: one SQLite connection, short transactions, a schema with a version, and what to do when the disk refuses.

WAL with synchronous=FULL: what is committed survives a kill and a power cut. https://sqlite.org/wal.html
A write that the disk refuses is kept in memory and tried again; a damaged file is moved aside and a new one begun.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from herald.errors import ConfigError, HeraldError, StateUnwritable

log = logging.getLogger(__name__)

# Each entry brings the schema to the next version; an entry that was released never changes.
_MIGRATIONS = (
    """
    CREATE TABLE inbox (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        bot_id INTEGER NOT NULL,
        update_id INTEGER NOT NULL,
        place TEXT NOT NULL,
        state TEXT NOT NULL,
        raw BLOB,
        prompt TEXT,
        text TEXT,
        attempt INTEGER NOT NULL DEFAULT 0,
        session_id TEXT,
        given_at REAL,
        acted INTEGER NOT NULL DEFAULT 0,
        crashes INTEGER NOT NULL DEFAULT 0,
        UNIQUE (bot_id, update_id)
    );
    CREATE INDEX inbox_open ON inbox (state) WHERE state != 'done';
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY,
        bot_id INTEGER NOT NULL,
        place TEXT NOT NULL,
        parcel BLOB NOT NULL,
        behind INTEGER
    );
    CREATE TABLE chats (
        bot_id INTEGER NOT NULL,
        chat_id INTEGER NOT NULL,
        last_id INTEGER NOT NULL,
        last_own_id INTEGER NOT NULL,
        PRIMARY KEY (bot_id, chat_id)
    );
    """,
)
# Another process may look into the file, but never for long.
_BUSY_S = 1.0
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# What the disk, or whoever else uses it, may say; anything else is a mistake of herald's own.
_REFUSALS = (
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN),
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM),
)

Statement = tuple[str, Sequence[Any]]


class Database:
    """The open file. Everything is called from the event loop's thread, and nothing takes longer than one fsync."""

    def __init__(self, path: Path, told: Callable[[HeraldError], None]) -> None:
        """Open `path`, made if it is missing. `told` is given what is wrong with the file later, once each time.

        `trouble` tells of a damaged file that was moved aside now. Raises ConfigError for a file that a newer herald
        has written, or that can be neither used nor moved aside; StateUnwritable where the disk refuses.
        """
        self._path = path
        self._told = told
        self._backlog: list[Statement] = []
        self._gathered: list[Statement] | None = None
        self._is_refused = False
        self._is_untidy = False
        self.trouble: HeraldError | None = None
        try:
            self._connection: sqlite3.Connection | None = self._open_or_replace()
        except sqlite3.DatabaseError as exc:
            raise StateUnwritable(
                f"{path} cannot be used: {exc}", "is the disk full, or does another program hold it?"
            ) from exc
        except OSError as exc:
            raise ConfigError(
                HeraldError(f"{path} cannot be used: {exc.strerror}", "is it a file, and yours?")
            ) from exc

    def read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows; [] where the file has turned out to be damaged. Raises StateUnwritable."""
        try:
            return self._connected().execute(sql, values).fetchall()
        except sqlite3.DatabaseError as exc:
            if _is_refusal(exc):
                raise StateUnwritable(*_words(exc)) from exc
            if not _is_damage(exc):
                raise
            self._begin_anew(exc)
            return []

    def write(self, sql: str, *values: object) -> None:
        """Write, at the latest when the enclosing `atomic` ends; what the disk refuses is kept and tried again."""
        if self._gathered is not None:
            self._gathered.append((sql, values))
        else:
            self._write_or_keep([(sql, values)])

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Make one transaction of all that is written in the block, whatever way it ends."""
        if self._gathered is not None:
            yield
            return
        self._gathered = []
        try:
            yield
        finally:
            gathered, self._gathered = self._gathered, None
            self._write_or_keep(gathered)

    def write_now(self, statements: Sequence[Statement]) -> None:
        """Write these in one transaction of their own. Raises StateUnwritable, and then nothing is kept."""
        kept = len(self._backlog)
        self._backlog += statements
        try:
            self._commit(self._backlog)
        except sqlite3.DatabaseError as exc:
            del self._backlog[kept:]
            if not _is_refusal(exc):
                raise
            self._tell_refusal(exc)
            raise StateUnwritable(*_words(exc)) from exc
        self._accepted()

    def retry(self) -> None:
        """Try again what the disk has refused; at the latest the next write does so too."""
        if self._backlog:
            self._write_or_keep([])

    def tidy(self) -> None:
        """Take what is forgotten out of the write-ahead log too, where it would stay until that is used again."""
        self.retry()
        if self._is_untidy and not self._is_refused and self._connection is not None:
            self._is_untidy = False
            with suppress(sqlite3.DatabaseError):  # somebody reads just now: the next time
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self.retry()
        if self._backlog:
            log.error("changes that could not be written before the end: %d", len(self._backlog))
        if self._connection is not None:
            self._connection.close()

    def _write_or_keep(self, statements: list[Statement]) -> None:
        self._backlog += statements
        if not self._backlog:
            return
        try:
            self._commit(self._backlog)
        except sqlite3.DatabaseError as exc:
            if not _is_refusal(exc):
                raise
            self._tell_refusal(exc)
        else:
            self._accepted()

    def _tell_refusal(self, exc: sqlite3.DatabaseError) -> None:
        """Tell the owners once until the disk takes something again; what they are told is written too."""
        if not self._is_refused:
            self._is_refused = True
            log.error("herald.db cannot be written, what is new stays in memory: %s", exc)
            self._told(HeraldError(*_words(exc)))

    def _accepted(self) -> None:
        self._backlog.clear()
        self._is_untidy = True
        if self._is_refused:
            self._is_refused = False
            log.info("herald.db can be written again")

    def _commit(self, statements: Sequence[Statement]) -> None:
        try:
            self._execute(statements)
        except sqlite3.DatabaseError as exc:
            if not _is_damage(exc):
                raise
            self._begin_anew(exc)
            self._execute(statements)

    def _execute(self, statements: Sequence[Statement]) -> None:
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            for sql, values in statements:
                connection.execute(sql, values)

    def _begin_anew(self, cause: sqlite3.DatabaseError) -> None:
        """The file is damaged: what is under way goes on from memory, with a new file as soon as there can be one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        # who is told may write that down
        self._told(self._move_aside(cause))

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = self._open()
            except OSError as exc:
                raise _error(str(exc), sqlite3.SQLITE_CANTOPEN) from exc
        return self._connection

    def _open_or_replace(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.DatabaseError as exc:
            if not _is_damage(exc):
                raise
            self.trouble = self._move_aside(exc)
        return self._open()

    def _open(self) -> sqlite3.Connection:
        # SQLite gives its -wal and -shm files the mode of the main file
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        self._path.chmod(0o600)
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            # what is forgotten must not stay readable in free pages
            connection.execute("PRAGMA secure_delete = ON")
            if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise _error(found, sqlite3.SQLITE_CORRUPT)
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(_MIGRATIONS):
            hint = "update herald, or give this one a HERALD_STATE_DIR of its own"
            raise ConfigError(HeraldError(f"{self._path} was written by a newer herald", hint))
        for number, script in enumerate(_MIGRATIONS[version:], version + 1):
            # executescript commits first; the transaction inside makes each step whole
            connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")

    def _move_aside(self, cause: Exception) -> HeraldError:
        suffix = f"damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        kept = self._path.with_name(f"{self._path.name}.{suffix}")
        try:
            self._path.rename(kept)
            for ending in ("-wal", "-shm"):
                side = self._path.with_name(self._path.name + ending)
                if side.exists():
                    side.rename(kept.with_name(kept.name + ending))
        except OSError as exc:
            problem = HeraldError(
                f"{self._path} is damaged and cannot be moved aside: {exc.strerror}", "mend its rights"
            )
            raise ConfigError(problem) from cause
        log.error("herald.db is damaged (%s): moved to %s", cause, kept.name)
        return HeraldError(
            "herald's memory of what is under way was damaged: a message from just before may have to be sent again",
            f"the old file is kept as {kept}",
        )


def _is_damage(exc: sqlite3.DatabaseError) -> bool:
    return _primary_code(exc) in _DAMAGE


def _is_refusal(exc: sqlite3.DatabaseError) -> bool:
    return _primary_code(exc) in _REFUSALS


def _primary_code(exc: sqlite3.DatabaseError) -> int:
    """Return the lowest byte of the code, 0 where Python itself complains. https://sqlite.org/rescode.html"""
    return int(getattr(exc, "sqlite_errorcode", 0)) & 0xFF


def _error(message: str, code: int) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(message)
    error.sqlite_errorcode = code
    return error


def _words(exc: sqlite3.DatabaseError) -> tuple[str, str]:
    cure = "make room on its disk"
    if _primary_code(exc) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        cure = "another program holds herald.db"
    elif _primary_code(exc) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        cure = "mend the rights of the folder and its disk"
    hint = f"{cure}; nothing is lost, but answers and messages may be late until then"
    return f"herald cannot write to its state folder: {exc}", hint
