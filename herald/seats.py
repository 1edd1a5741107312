"""How many `claude` processes there may be at once, and who has one: the least recently used idle one makes room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from herald.mailbox import Mail, MakeRoom, RoomMade
from herald.model import Place


@dataclass(slots=True)
class _Seat:
    tell: Callable[[Mail], None]
    is_idle: bool = False
    is_asked: bool = False


class Seats:
    """One seat per process. Those who wait get theirs in the order of asking; nothing here waits."""

    def __init__(self, count: int) -> None:
        self._count = count
        # the least recently used first
        self._taken: dict[Place, _Seat] = {}
        self._waiting: dict[Place, Callable[[Mail], None]] = {}

    @property
    def are_wanted(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    def take(self, place: Place, tell: Callable[[Mail], None]) -> bool:
        """Take a seat for a process at work, or keep the one there is.

        False when there is none: RoomMade comes through `tell` when it is worth trying again.
        """
        if place in self._taken or self._is_next(place):
            self._waiting.pop(place, None)
            self._taken.pop(place, None)
            self._taken[place] = _Seat(tell)
            # it may have been asked for room before it was given work
            self._ask_for_room()
            return True
        self._waiting[place] = tell
        self._ask_for_room()
        return False

    def rest(self, place: Place) -> None:
        """The process of this place is idle now."""
        if seat := self._taken.get(place):
            seat.is_idle, seat.is_asked = True, False
            self._ask_for_room()

    def stay(self, place: Place) -> None:
        """The process of this place was asked for room and is busy by itself."""
        if seat := self._taken.get(place):
            seat.is_idle = seat.is_asked = False
            self._ask_for_room()

    def withdraw(self, place: Place) -> None:
        """This place does not wait any more."""
        self._waiting.pop(place, None)

    def leave(self, place: Place) -> None:
        """The process of this place has ended."""
        self._taken.pop(place, None)
        for tell in self._waiting.values():
            tell(RoomMade())

    def _is_next(self, place: Place) -> bool:
        free = self._count - len(self._taken)
        before = list(self._waiting).index(place) if place in self._waiting else len(self._waiting)
        return before < free

    def _ask_for_room(self) -> None:
        asked = sum(seat.is_asked for seat in self._taken.values())
        wanted = len(self._waiting) - (self._count - len(self._taken)) - asked
        idle = [seat for seat in self._taken.values() if seat.is_idle and not seat.is_asked]
        for seat in idle[: max(0, wanted)]:
            seat.is_asked = True
            seat.tell(MakeRoom())
