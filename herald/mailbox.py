"""What arrives at a conversation: prompts, commands, taps, and what Claude says, in one queue for its one task."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from herald.claude.events import Event
from herald.model import Incoming, Tap
from herald.storage.journal import Entry


@dataclass(frozen=True, slots=True)
class NewSession:
    """The owner wants to leave the session, in turn. `update_id` is None if a prompt of the same update follows."""

    update_id: int | None


@dataclass(frozen=True, slots=True)
class Stop:
    """The owner wants the turn that ran then to end, at once; None if none ran."""

    running_since: float | None


@dataclass(frozen=True, slots=True)
class Close:
    """Herald is stopping; a running turn has `drain_s` left."""

    drain_s: float


@dataclass(frozen=True, slots=True)
class Said:
    """An event, and which of the place's children it came from."""

    child_number: int
    event: Event


@dataclass(frozen=True, slots=True)
class MakeRoom:
    """Another place needs a process, and this one's has been idle for longest."""


@dataclass(frozen=True, slots=True)
class RoomMade:
    """A process may be started now, perhaps."""


# An Entry is a message that Claude had when herald crashed.
Job = Incoming | NewSession | Entry
Mail = Job | Tap | Stop | Close | Said | MakeRoom | RoomMade


class Mailbox:
    """Takes mail from anywhere in the event loop's thread, and gives it to one task."""

    def __init__(self) -> None:
        self._mail: asyncio.Queue[Mail] = asyncio.Queue()

    def put(self, mail: Mail) -> None:
        self._mail.put_nowait(mail)

    async def next_within(self, patience_s: float | None) -> Mail | None:
        """Return the next mail, or None when there is none for `patience_s`; None as patience waits for ever."""
        try:
            async with asyncio.timeout(patience_s):
                return await self._mail.get()
        except TimeoutError:
            return None

    def empty_out(self) -> list[Mail]:
        """Return what lies there, without waiting."""
        return [self._mail.get_nowait() for _ in range(self._mail.qsize())]

    @property
    def is_empty(self) -> bool:
        return self._mail.empty()
