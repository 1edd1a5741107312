"""Who may have a process: never more than there are seats, in the order of asking, and idle ones make room."""

from __future__ import annotations

from functools import partial

import pytest

from herald.mailbox import Mail, MakeRoom, RoomMade
from herald.model import Place
from herald.seats import Seats

A, B, C, D = (Place(number) for number in (1, 2, 3, 4))
ASKED, FREE = MakeRoom(), RoomMade()


class House:
    """Seats, and what each place was told, oldest first."""

    def __init__(self, count: int) -> None:
        self.seats = Seats(count)
        self.told: list[tuple[Place, Mail]] = []

    def take(self, place: Place) -> bool:
        return self.seats.take(place, partial(self._tell, place))

    def tidings(self) -> list[tuple[Place, Mail]]:
        """Everything that was told since the last time."""
        told, self.told = self.told, []
        return told

    def _tell(self, place: Place, mail: Mail) -> None:
        self.told.append((place, mail))


def house(count: int, *taken: Place, idle: tuple[Place, ...] = ()) -> House:
    """Seats that are taken in this order, some of them by processes that have come to rest in this one."""
    full = House(count)
    assert all(full.take(place) for place in taken)
    for place in idle:
        full.seats.rest(place)
    return full


def test_nobody_waits_while_there_are_seats_and_nobody_is_disturbed() -> None:
    seats = house(3, A, B, C, idle=(A, B, C))
    assert seats.tidings() == []


def test_the_one_after_the_last_seat_waits_until_a_process_has_ended() -> None:
    seats = house(1, A)
    assert not seats.take(B)
    assert seats.tidings() == []
    seats.seats.leave(A)
    assert seats.tidings() == [(B, FREE)]
    assert seats.take(B)


def test_who_has_a_seat_keeps_it_even_when_others_wait() -> None:
    seats = house(1, A)
    assert not seats.take(B)
    assert seats.take(A)
    assert not seats.take(B)


def test_the_least_recently_used_idle_process_makes_room() -> None:
    seats = house(3, A, B, C, idle=(C, A, B))
    # used once more, so B is the one that has not been used for longest
    assert seats.take(A)
    seats.seats.rest(A)
    assert not seats.take(D)
    assert seats.tidings() == [(B, ASKED)]


def test_a_process_at_work_is_not_asked_for_its_seat_until_it_rests() -> None:
    seats = house(2, A, B, idle=(B,))
    assert seats.take(B)
    assert not seats.take(C)
    assert seats.tidings() == []
    seats.seats.rest(B)
    assert seats.tidings() == [(B, ASKED)]


def test_only_as_many_are_asked_for_room_as_are_waiting() -> None:
    seats = house(3, A, B, C, idle=(A, B, C))
    assert not seats.take(D)
    assert seats.tidings() == [(A, ASKED)]


def test_nobody_is_asked_for_room_that_another_is_already_making() -> None:
    seats = house(2, A, B)
    assert not seats.take(C)
    seats.seats.rest(B)
    seats.seats.rest(A)
    assert seats.tidings() == [(B, ASKED)]


def test_where_one_that_was_asked_has_work_again_the_next_idle_one_makes_room() -> None:
    seats = house(2, A, B, idle=(A, B))
    assert not seats.take(C)
    assert seats.tidings() == [(A, ASKED)]
    assert seats.take(A)
    assert seats.tidings() == [(B, ASKED)]


def test_who_asked_first_is_first() -> None:
    seats = house(1, A)
    assert not seats.take(B)
    assert not seats.take(C)
    seats.seats.leave(A)
    assert seats.tidings() == [(B, FREE), (C, FREE)]
    assert not seats.take(C)
    assert seats.take(B)
    seats.seats.leave(B)
    assert seats.take(C)


def test_a_newcomer_does_not_overtake_one_who_waits() -> None:
    seats = house(1, A)
    assert not seats.take(B)
    seats.seats.leave(A)
    assert not seats.take(C)
    assert seats.take(B)


def test_asking_again_does_not_lose_the_place_in_the_line() -> None:
    seats = house(1, A)
    assert not seats.take(B)
    assert not seats.take(C)
    assert not seats.take(B)
    seats.seats.leave(A)
    assert seats.take(B)


def test_who_withdraws_is_not_waited_for() -> None:
    seats = house(1, A)
    assert not seats.take(B)
    assert not seats.take(C)
    seats.seats.withdraw(B)
    seats.seats.leave(A)
    assert seats.tidings() == [(C, FREE)]
    assert seats.take(C)


def test_nobody_is_asked_for_room_that_nobody_wants_any_more() -> None:
    seats = house(1, A)
    assert not seats.take(B)
    seats.seats.withdraw(B)
    seats.seats.rest(A)
    assert seats.tidings() == []


@pytest.mark.parametrize("place", [B, D])
def test_who_has_no_seat_can_neither_rest_nor_leave(place: Place) -> None:
    seats = house(1, A)
    assert not seats.take(B)
    seats.seats.rest(place)
    seats.seats.withdraw(D)
    seats.seats.leave(D)
    assert not seats.take(B)
