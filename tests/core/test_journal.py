"""The journal: a delivery counts once, what became of it is known after a restart, and what is done leaves no text."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from herald.errors import HeraldError
from herald.model import Place
from herald.storage.database import Database
from herald.storage.journal import Delivery, Entry, Journal, Stored

HERE, TOPIC, THERE = Place(42), Place(42, 7), Place(43)
BOT, OTHER_BOT = 1, 2
SECRET = "the owner's own words"


class Memory:
    """A herald.db that can be closed and opened again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = self._open()

    def journal(self, bot_id: int = BOT) -> Journal:
        return Journal(self.database, bot_id)

    def restarted(self, bot_id: int = BOT) -> Journal:
        """The journal as the next herald finds it."""
        self.database.close()
        self.database = self._open()
        return self.journal(bot_id)

    def _open(self) -> Database:
        return Database(self.path, _never)


def _never(error: HeraldError) -> None:
    raise error  # nothing is wrong with the disk here


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    memory = Memory(tmp_path / "herald.db")
    yield memory
    memory.database.close()


@pytest.fixture
def journal(memory: Memory) -> Journal:
    return memory.journal()


def delivery(update_id: int, place: Place = HERE, message_id: int | None = None) -> Delivery:
    return Delivery(update_id, place, message_id, f"update {update_id}: {SECRET}".encode())


def states(journal: Journal, *update_ids: int) -> list[str | None]:
    """None is one that is done."""
    return [entry.state if (entry := journal.entry(number)) else None for number in update_ids]


# The inbox


def test_a_delivery_is_new_once(memory: Memory, journal: Journal) -> None:
    assert journal.record([delivery(1), delivery(2)]) == {1, 2}
    assert journal.record([delivery(2), delivery(3)]) == {3}
    assert journal.record([]) == set()
    assert memory.restarted().record([delivery(1), delivery(3), delivery(4)]) == {4}


def test_a_delivery_that_comes_twice_in_one_answer_is_new_once(memory: Memory, journal: Journal) -> None:
    assert journal.record([delivery(1), delivery(1)]) == {1}
    assert [entry.update_id for entry in memory.restarted().after_a_start()] == [1]


def test_what_is_done_is_recognised_when_it_comes_again(memory: Memory, journal: Journal) -> None:
    journal.record([delivery(1)])
    journal.settle(1)
    assert journal.record([delivery(1)]) == set()
    journal = memory.restarted()
    assert journal.record([delivery(1)]) == set()
    assert states(journal, 1) == [None]


def test_a_message_is_known_in_each_of_its_states(memory: Memory, journal: Journal) -> None:
    before = time.time()
    journal.record([delivery(1, TOPIC)])
    received = Entry(1, TOPIC, "received", delivery(1).raw, "", "", 0, None, 0.0, acted=False, crashes=0)
    assert journal.entry(1) == received
    journal.queued(1)
    assert journal.entry(1) == replace(received, state="queued")
    journal.given(1, "go", 0, None)
    given = journal.entry(1)
    assert given is not None
    assert before <= given.given_at <= time.time()
    assert given == replace(received, state="given", prompt="go", text="go", given_at=given.given_at)
    journal.started(1, "session")
    journal.acted(1)
    cut = replace(given, session_id="session", acted=True)
    assert journal.entry(1) == cut
    journal.asked(1)
    assert memory.restarted().entry(1) == replace(cut, state="asked")


def test_a_message_that_is_run_again_is_another_attempt(journal: Journal) -> None:
    journal.record([delivery(1)])
    journal.given(1, "go", 0, "session")
    journal.acted(1)
    journal.asked(1)
    journal.queued_again(1, "go on", 1)
    again = journal.entry(1)
    assert again is not None
    assert (again.state, again.prompt, again.text, again.attempt) == ("queued", "go", "go on", 1)
    journal.given(1, "go on", 1, "session")
    once_more = journal.entry(1)
    assert once_more is not None
    # what the attempt before did is settled
    assert not once_more.acted


def test_a_start_finds_what_is_not_done_in_the_order_of_arrival(memory: Memory, journal: Journal) -> None:
    # Telegram's numbers may begin anew after a week of silence
    journal.record([delivery(900), delivery(901), delivery(5), delivery(6)])
    journal.queued(901)
    journal.given(900, "go", 0, None)
    journal.settle(5)
    left = memory.restarted().after_a_start()
    assert [(entry.update_id, entry.state) for entry in left] == [(900, "given"), (901, "queued"), (6, "received")]


def test_what_waits_for_its_owner_is_not_taken_up(memory: Memory, journal: Journal) -> None:
    journal.record([delivery(1)])
    journal.asked(1)
    journal = memory.restarted()
    assert journal.after_a_start() == []
    assert states(journal, 1) == ["asked"]


def test_only_what_was_in_heralds_hands_is_counted_as_there_at_a_crash(memory: Memory, journal: Journal) -> None:
    journal.record([delivery(number) for number in range(1, 6)])
    journal.queued(2)
    journal.given(3, "go", 0, None)
    journal.asked(4)
    journal.settle(5)
    for _ in range(2):
        journal = memory.restarted()
        left = journal.after_a_start()
    assert [(entry.state, entry.crashes) for entry in left] == [("received", 2), ("queued", 0), ("given", 2)]
    asked = journal.entry(4)
    assert asked is not None
    assert asked.crashes == 0


def test_nothing_of_the_text_is_kept_of_what_is_done(memory: Memory, journal: Journal) -> None:
    journal.record([delivery(1), delivery(2)])
    journal.given(1, SECRET, 0, "session")
    assert SECRET.encode() in content(memory)
    journal.settle(1)
    journal.settle(2)
    assert len(memory.database.read("SELECT * FROM inbox")) == 2
    # closing brings all of it into the file, in whose free pages nothing is left either
    memory.database.close()
    assert SECRET.encode() not in content(memory)


def test_what_is_done_is_counted_from_the_start(memory: Memory, journal: Journal) -> None:
    journal.record([delivery(1), delivery(2)])
    journal.settle(1)
    journal.settle(2)
    assert journal.settled == 2
    assert memory.restarted().settled == 0


def test_what_is_done_is_forgotten_when_a_thousand_came_after_it(memory: Memory, journal: Journal) -> None:
    journal.record([delivery(1), delivery(2)])
    journal.settle(1)
    journal.record([delivery(number) for number in range(3, 1001)])
    assert journal.record([delivery(1001)]) == {1001}
    # the oldest that is done goes, one that is not done stays
    assert journal.record([delivery(1), delivery(2)]) == {1}
    assert states(journal, 2) == ["received"]
    assert memory.database.read("SELECT count(*) FROM inbox") == [(1001,)]


# The outbox


def test_what_is_to_be_sent_is_kept_in_its_order_until_it_is_sent(memory: Memory, journal: Journal) -> None:
    numbers = [journal.post(place, parcel) for place, parcel in ((HERE, b"a"), (TOPIC, b"b"), (THERE, b"c"))]
    assert numbers == sorted(numbers)
    journal.sent(numbers[0], HERE, 10, None)
    journal = memory.restarted()
    assert journal.unsent() == [Stored(numbers[1], TOPIC, b"b", 10), Stored(numbers[2], THERE, b"c", 0)]


def test_numbers_go_on_after_a_restart(memory: Memory, journal: Journal) -> None:
    first = journal.post(HERE, b"a")
    journal = memory.restarted()
    second = journal.post(HERE, b"b")
    assert [stored.number for stored in journal.unsent()] == [first, second]


def test_what_is_left_of_a_bundle_is_kept(memory: Memory, journal: Journal) -> None:
    number = journal.post(HERE, b"one, two")
    journal.sent(number, HERE, 10, b"two")
    assert memory.restarted().unsent() == [Stored(number, HERE, b"two", 10)]


def test_what_is_sent_instead_takes_its_place(memory: Memory, journal: Journal) -> None:
    first, second = journal.post(HERE, b"html"), journal.post(HERE, b"next")
    journal.replace(first, b"plain")
    assert [stored.parcel for stored in memory.restarted().unsent()] == [b"plain", b"next"]
    journal = memory.journal()
    journal.replace(first, None)
    assert [stored.number for stored in journal.unsent()] == [second]


def test_a_part_that_was_sent_unheard_has_a_number_behind_what_was_there_before(
    memory: Memory, journal: Journal
) -> None:
    journal.record([delivery(1, message_id=5)])
    journal.post(HERE, b"answer")
    # what the owner writes later does not move the mark, a message of herald's own does
    journal.record([delivery(2, message_id=8)])
    assert [stored.behind for stored in memory.restarted().unsent()] == [5]
    journal = memory.journal()
    journal.saw(HERE, 9)
    assert [stored.behind for stored in journal.unsent()] == [9]


def test_an_edit_has_no_number_of_its_own(memory: Memory, journal: Journal) -> None:
    journal.saw(HERE, 4)
    number = journal.post(HERE, b"edit")
    journal.sent(number, HERE, None, None)
    assert journal.unsent() == []
    assert journal.last_number(HERE) == 4


def test_the_last_number_in_a_chat_is_the_highest_of_both_sides(memory: Memory, journal: Journal) -> None:
    assert journal.last_number(HERE) == 0
    journal.record([delivery(1, message_id=7)])
    journal.saw(HERE, 6)
    assert journal.last_number(HERE) == 7
    journal.saw(TOPIC, 9)
    # all topics of a chat count together, and all private chats of a bot
    journal = memory.restarted()
    assert journal.last_number(HERE) == 9
    assert journal.last_number(THERE) == 9


def test_a_group_has_numbers_of_its_own(journal: Journal) -> None:
    group = Place(-1001)
    journal.saw(HERE, 9)
    journal.saw(group, 3)
    assert journal.last_number(HERE) == 9
    assert journal.last_number(group) == 3
    assert journal.last_number(Place(-1002)) == 0


def test_a_tap_has_no_number_in_the_chat(journal: Journal) -> None:
    journal.record([delivery(1, message_id=None)])
    assert journal.last_number(HERE) == 0


# Two bots


def test_the_messages_of_another_bot_are_another_matter(memory: Memory, journal: Journal) -> None:
    journal.record([delivery(1, message_id=5)])
    journal.queued(1)
    other = memory.restarted(OTHER_BOT)
    assert other.after_a_start() == []
    assert other.entry(1) is None
    assert other.last_number(HERE) == 0
    assert other.record([delivery(1)]) == {1}
    other.settle(1)
    journal = memory.restarted()
    assert states(journal, 1) == ["queued"]


def test_a_start_of_another_bot_is_no_crash(memory: Memory, journal: Journal) -> None:
    journal.record([delivery(1)])
    memory.restarted(OTHER_BOT).after_a_start()
    [entry] = memory.restarted().after_a_start()
    assert entry.crashes == 1


def test_what_one_bot_has_to_send_is_not_sent_by_another(memory: Memory, journal: Journal) -> None:
    journal.post(HERE, b"from the first")
    assert memory.restarted(OTHER_BOT).unsent() == []


def content(memory: Memory) -> bytes:
    """All that is on disk."""
    return b"".join(path.read_bytes() for path in memory.path.parent.iterdir())
