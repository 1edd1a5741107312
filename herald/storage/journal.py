"""The journal: which messages came in and what became of them, which are to go out, in herald.db.

A message is `received` (recorded, not looked at yet), `queued` (waits for its turn), `given` (to Claude, under the
uuid of its `attempt`), `asked` (cut short; its owner has buttons to decide) or `done`. `received` and `given` are
found only after a crash. What is done is kept without its text, so that a second delivery is recognised.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from herald.model import Place
from herald.storage.database import Database, Statement

# Telegram keeps updates for a day; nobody sends this many a day.
_REMEMBERED = 1000
_NUMBERS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Delivery:
    """An update as Telegram delivered it; `message_id` is that of the owner's message, None for a tap."""

    update_id: int
    place: Place
    message_id: int | None
    raw: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a message that is not done.

    `prompt` is what its owner wrote, `text` what Claude gets in this attempt; `acted` tells that Claude has used a tool
    for it, `crashes` how many have found it in herald's hands.
    """

    update_id: int
    place: Place
    state: str
    raw: bytes
    prompt: str
    text: str
    attempt: int
    session_id: str | None
    given_at: float
    acted: bool
    crashes: int


@dataclass(frozen=True, slots=True)
class Stored:
    """One bundle of messages that is still to be sent; if a part has been, its message has a number above `behind`."""

    number: int
    place: Place
    parcel: bytes
    behind: int


_COLUMNS = "update_id, place, state, raw, prompt, text, attempt, session_id, given_at, acted, crashes"


class Journal:
    """Inbox and outbox of one bot. What the disk refuses is written later, unless a method says that it raises."""

    def __init__(self, database: Database, bot_id: int) -> None:
        self._database = database
        self._bot_id = bot_id
        # by chat: the highest number known, and the highest of herald's own; in memory, to be there on a full disk too
        self._last = {
            chat_id: (last_id, last_own_id)
            for chat_id, last_id, last_own_id in database.read(
                "SELECT chat_id, last_id, last_own_id FROM chats WHERE bot_id = ?", bot_id
            )
        }
        # the newest last; more than lie between a message and the search for it
        self._numbers: dict[tuple[int, int], None] = {}
        self.settled = 0  # since the start
        self._next_number: int = database.read("SELECT coalesce(max(id), 0) + 1 FROM outbox")[0][0]

    def atomic(self) -> AbstractContextManager[None]:
        """Make one transaction of all that is written in the block."""
        return self._database.atomic()

    # The inbox

    def record(self, deliveries: Sequence[Delivery]) -> set[int]:
        """Write down what Telegram delivered; return the update ids that are new. Raises StateUnwritable."""
        new = {delivery.update_id: delivery for delivery in deliveries if not self._knows(delivery.update_id)}
        statements: list[Statement] = [
            (
                "INSERT OR IGNORE INTO inbox (bot_id, update_id, place, state, raw) VALUES (?, ?, ?, 'received', ?)",
                (self._bot_id, delivery.update_id, str(delivery.place), delivery.raw),
            )
            for delivery in new.values()
        ]
        statements += [
            self._saw(delivery.place, delivery.message_id)
            for delivery in new.values()
            if delivery.message_id is not None
        ]
        if statements:
            statements.append(
                (
                    "DELETE FROM inbox WHERE state = 'done' AND seq <= (SELECT max(seq) FROM inbox) - ?",
                    (_REMEMBERED,),
                )
            )
            self._database.write_now(statements)
        return set(new)

    def queued(self, update_id: int) -> None:
        self._set(update_id, "state = 'queued'")

    def queued_again(self, update_id: int, text: str, attempt: int) -> None:
        """The owner wants `text` to run after the message was cut short."""
        self._set(update_id, "state = 'queued', text = ?, attempt = ?, crashes = 0", text, attempt)

    def given(self, update_id: int, text: str, attempt: int, session_id: str | None) -> None:
        """Claude is about to get it: from here on it may have had effects. Raises StateUnwritable."""
        sql = (
            "UPDATE inbox SET state = 'given', prompt = coalesce(prompt, ?), text = ?, attempt = ?, session_id = ?,"
            " given_at = ?, acted = 0 WHERE bot_id = ? AND update_id = ?"
        )
        values = (text, text, attempt, session_id, time.time(), self._bot_id, update_id)
        self._database.write_now([(sql, values)])

    def spared(self, update_id: int) -> None:
        """The start after a crash ended in order before it came to this message: that was no further crash."""
        self._set(update_id, "crashes = crashes - 1")

    def started(self, update_id: int, session_id: str) -> None:
        """Claude works on it in this session."""
        self._set(update_id, "session_id = ?", session_id)

    def acted(self, update_id: int) -> None:
        """Claude uses a tool for it, which may change something."""
        self._set(update_id, "acted = 1")

    def asked(self, update_id: int) -> None:
        """It was cut short, and its owner decides."""
        self._set(update_id, "state = 'asked'")

    def settle(self, update_id: int) -> None:
        """It has been answered or explained; its text is forgotten."""
        self.settled += 1
        self._set(update_id, "state = 'done', raw = NULL, prompt = NULL, text = NULL")

    def entry(self, update_id: int) -> Entry | None:
        """Find a message that is not done."""
        entries = self._entries("AND update_id = ?", update_id)
        return entries[0] if entries else None

    def after_a_start(self) -> list[Entry]:
        """Return what the herald before this one has left to do, in order of arrival.

        What it had in its hands was there when it crashed, and is counted: what was given to Claude, and the first
        one that was received and not handled. Call this once, before anything is taken.
        """
        sql = (
            "UPDATE inbox SET crashes = crashes + 1 WHERE bot_id = ? AND (state = 'given' OR seq ="
            " (SELECT min(seq) FROM inbox WHERE bot_id = ? AND state = 'received'))"
        )
        self._database.write(sql, self._bot_id, self._bot_id)
        return self._entries("AND state != 'asked'")

    def _entries(self, condition: str, *values: object) -> list[Entry]:
        rows = self._database.read(
            f"SELECT {_COLUMNS} FROM inbox WHERE bot_id = ? AND state != 'done' {condition} ORDER BY seq",  # noqa: S608
            *(self._bot_id, *values),
        )
        return [_entry(*row) for row in rows]

    def _knows(self, update_id: int) -> bool:
        sql = "SELECT 1 FROM inbox WHERE bot_id = ? AND update_id = ?"
        return bool(self._database.read(sql, self._bot_id, update_id))

    def _set(self, update_id: int, change: str, *values: object) -> None:
        sql = f"UPDATE inbox SET {change} WHERE bot_id = ? AND update_id = ?"  # noqa: S608 - no value in it
        self._database.write(sql, *values, self._bot_id, update_id)

    # The outbox

    def post(self, place: Place, parcel: bytes) -> int:
        """Keep a bundle until `sent` or `dropped`, and return its number."""
        number = self._next_number
        self._next_number += 1
        values = (number, self._bot_id, str(place), parcel, self.last_number(place))
        self._database.write("INSERT INTO outbox VALUES (?, ?, ?, ?, ?)", *values)
        return number

    def sent(self, number: int, place: Place, message_id: int | None, rest: bytes | None) -> None:
        """Telegram has taken a part of a bundle as `message_id` (None for an edit); `rest` is still to be sent."""
        with self._database.atomic():
            self.replace(number, rest)
            if message_id is not None:
                self.saw(place, message_id)

    def replace(self, number: int, rest: bytes | None) -> None:
        """Go on with `rest` instead; None when nothing is left of the bundle."""
        if rest is None:
            self._database.write("DELETE FROM outbox WHERE id = ?", number)
        else:
            self._database.write("UPDATE outbox SET parcel = ? WHERE id = ?", rest, number)

    def unsent(self) -> list[Stored]:
        """Return the bundles that are still to be sent, in the order they were posted."""
        rows = self._database.read(
            "SELECT id, place, parcel, behind FROM outbox WHERE bot_id = ? ORDER BY id", self._bot_id
        )
        return [
            Stored(number, (where := Place.parse(place)), parcel, max(behind or 0, self._last_ids(where)[1]))
            for number, place, parcel, behind in rows
        ]

    def saw(self, place: Place, message_id: int) -> None:
        """Remember the number of a message of herald's own."""
        sql, values = self._saw(place, message_id, own_id=message_id)
        self._database.write(sql, *values)

    def knows_number(self, place: Place, message_id: int) -> bool:
        """Tell whether a message of this number is known, the owner's or herald's own, since the start."""
        return (place.chat_id, message_id) in self._numbers

    def last_number(self, place: Place) -> int:
        """Return the highest message number known where this chat's come from; 0 if none is.

        Telegram numbers the messages of all private chats of a bot together, and those of each group by themselves.
        """
        if place.chat_id < 0:
            return self._last_ids(place)[0]
        return max((last_id for chat_id, (last_id, _) in self._last.items() if chat_id > 0), default=0)

    def _last_ids(self, place: Place) -> tuple[int, int]:
        return self._last.get(place.chat_id, (0, 0))

    def _saw(self, place: Place, message_id: int, own_id: int = 0) -> Statement:
        self._numbers[place.chat_id, message_id] = None
        if len(self._numbers) > _NUMBERS_KEPT:
            del self._numbers[next(iter(self._numbers))]
        last_id, last_own_id = self._last_ids(place)
        self._last[place.chat_id] = (max(last_id, message_id), max(last_own_id, own_id))
        return (
            "INSERT INTO chats VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " last_id = max(last_id, excluded.last_id), last_own_id = max(last_own_id, excluded.last_own_id)",
            (self._bot_id, place.chat_id, message_id, own_id),
        )


def _entry(
    update_id: int,
    place: str,
    state: str,
    raw: bytes,
    prompt: str | None,
    text: str | None,
    attempt: int,
    session_id: str | None,
    given_at: float | None,
    acted: int,
    crashes: int,
) -> Entry:
    """Read a row of the inbox, whose columns these are."""
    where = Place.parse(place)
    begun = (attempt, session_id, given_at or 0.0, bool(acted))
    return Entry(update_id, where, state, raw, prompt or "", text or "", *begun, crashes)
