"""The conversations that are going on, one per chat or topic, each with its way out and the tasks that drive both."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from herald.companion import Companion
from herald.config import Config
from herald.conversation import Conversation
from herald.desk import Desk
from herald.errors import HeraldError
from herald.hiding import hider
from herald.model import Place
from herald.seats import Seats
from herald.storage.journal import Journal
from herald.storage.sessions import Sessions
from herald.telegram.composer import Composer
from herald.telegram.outbox import Outbox
from herald.telegram.reply import Reply

if TYPE_CHECKING:
    # at run time aiogram comes in by herald.telegram only, the lean way
    from aiogram import Bot

log = logging.getLogger(__name__)

# What the last messages get after the turns have ended; what is left goes out after the next start.
_FLUSH_S = 10.0


@dataclass(frozen=True, slots=True)
class _Room:
    conversation: Conversation
    running: asyncio.Task[None]
    outbox: Outbox
    sending: asyncio.Task[None]


class Rooms:
    """Begins conversations when they are asked for; their tasks belong to `tasks`."""

    def __init__(
        self,
        config: Config,
        env: Mapping[str, str],
        bot: Bot,
        sessions: Sessions,
        journal: Journal,
        tasks: asyncio.TaskGroup,
        changed: Callable[[], None],
    ) -> None:
        """`changed` is called when one of the numbers may have changed."""
        self._config = config
        self._env = env
        self._bot = bot
        self._sessions = sessions
        self._journal = journal
        self._tasks = tasks
        self._changed = changed
        self._composer = Composer(hider(config, env), config.max_messages, config.rich)
        self._seats = Seats(config.max_processes)
        self._rooms: dict[Place, _Room] = {}
        self._turns: dict[int, asyncio.Lock] = {}
        self._is_closing = False

    def at(self, place: Place) -> Conversation:
        """Find the conversation of a place, or begin it."""
        return self._room(place).conversation

    def restore(self) -> None:
        """Take up what the herald before this one had to send."""
        for stored in self._journal.unsent():
            if stored.place.chat_id not in self._config.allowed_users:
                log.warning("dropped: not on the allow-list any more place=%s", stored.place)
                self._journal.replace(stored.number, None)
                continue
            try:
                self._room(stored.place).outbox.restore(stored)
            except (KeyError, TypeError, ValueError):
                log.exception("a bundle that another herald has kept cannot be read place=%s", stored.place)

    def tell_owners(self, error: HeraldError) -> None:
        """Show every owner what is wrong with herald itself."""
        for user_id in self._config.allowed_users:
            if not self._is_closing or Place(user_id) in self._rooms:
                self.at(Place(user_id)).warn(error)

    async def close(self, drain_s: float) -> None:
        """End all conversations and children, then send what is still to be sent."""
        self._is_closing = True
        rooms = list(self._rooms.values())
        for room in rooms:
            room.conversation.close(drain_s)
        await asyncio.gather(*(room.running for room in rooms))
        flushing = [asyncio.create_task(room.outbox.flushed()) for room in rooms]
        if flushing:
            _, late = await asyncio.wait(flushing, timeout=_FLUSH_S)
            for task in late:
                task.cancel()
        if self.unsent:
            log.warning("bundles that go out after the next start: %d", self.unsent)
        for room in rooms:
            room.sending.cancel()

    @property
    def working(self) -> int:
        """How many are busy or have something to send."""
        return sum(room.conversation.busy or room.outbox.pending > 0 for room in self._rooms.values())

    @property
    def waiting(self) -> int:
        return sum(room.conversation.waiting for room in self._rooms.values())

    @property
    def unsent(self) -> int:
        return sum(room.outbox.pending for room in self._rooms.values())

    @property
    def child_pids(self) -> set[int]:
        return {pid for room in self._rooms.values() if (pid := room.conversation.child_pid) is not None}

    def _room(self, place: Place) -> _Room:
        if place not in self._rooms:
            turn = self._turns.setdefault(place.chat_id, asyncio.Lock())
            outbox = Outbox(self._bot, place, self._journal, turn, self._changed)
            reply = Reply(self._bot, place, outbox, self._composer)
            desk = Desk(place, self._config.bot_id, reply, self._journal)
            claude = partial(Companion, place, self._sessions, self._config, self._env)
            conversation = Conversation(place, self._config, reply, desk, self._seats, claude, self._changed)
            self._rooms[place] = _Room(
                conversation=conversation,
                running=self._tasks.create_task(conversation.run(), name=f"conversation-{place}"),
                outbox=outbox,
                sending=self._tasks.create_task(outbox.run(), name=f"outbox-{place}"),
            )
        return self._rooms[place]
