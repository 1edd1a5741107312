"""The service: builds the parts, runs them, and takes them down in order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from herald.claude import orphans
from herald.companion import Companion
from herald.config import Config
from herald.conversation import Conversation
from herald.hiding import hider
from herald.model import Place
from herald.storage.lock import locked
from herald.storage.sessions import Sessions
from herald.systemd import Notifier, long_poll_s
from herald.telegram.bot import connected, greet
from herald.telegram.door import Door
from herald.telegram.letters import Composer
from herald.telegram.outbox import Outbox
from herald.telegram.reply import Reply

if TYPE_CHECKING:
    # at run time aiogram comes in by herald.telegram only, the lean way
    from aiogram import Bot

log = logging.getLogger(__name__)

# What the last messages get after the turns have ended.
_FLUSH_S = 10.0


async def serve(config: Config, env: Mapping[str, str]) -> None:
    """Run until SIGTERM, SIGINT or SIGHUP.

    Raises AlreadyRunning, ConfigError for a token that Telegram refuses, PollingFailed; by then no child is left.
    """
    with locked(config.state_dir):
        async with connected(config) as bot:
            await Service(config, env, bot).run()


class Service:
    """The running parts. Every task belongs to `run`."""

    def __init__(self, config: Config, env: Mapping[str, str], bot: Bot) -> None:
        self._config = config
        self._env = env
        self._bot = bot
        self._notifier = Notifier()
        self._sessions = Sessions(config.state_dir / "sessions.json")
        self._composer = Composer(hider(config, env), config.max_messages, config.rich)
        self._rooms: dict[Place, _Room] = {}
        self._status = ""
        self._asked_to_stop = asyncio.Event()
        self._tasks: asyncio.TaskGroup

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        # HUP: the terminal that herald was started from is closed
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_stop.set)
        orphans.adopt()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        # this copy holds the lock, so whatever carries the mark has outlived a herald that was killed
        await orphans.end(orphans.marked(orphans.herald_mark(self._config.state_dir)))
        stopping = asyncio.create_task(self._asked_to_stop.wait(), name="stop-signal")
        try:
            if await self._greeted(stopping):
                await self._serve(stopping)
        finally:
            stopping.cancel()
            self._notifier.close()
            # whatever has lost its mark on the way is still below herald, which adopts orphans
            await orphans.end(orphans.below(os.getpid()))

    async def _greeted(self, stopping: asyncio.Task[bool]) -> bool:
        """Make the first contact; False when herald is told to stop before it succeeds."""
        greeting = asyncio.create_task(greet(self._bot), name="greeting")
        await asyncio.wait({greeting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not greeting.done():
            greeting.cancel()
            await asyncio.gather(greeting, return_exceptions=True)
            return False
        log.info("started bot=@%s", greeting.result().username)
        return True

    async def _serve(self, stopping: asyncio.Task[bool]) -> None:
        door = Door(self._bot, self._config, long_poll_s(self._env), self._at, self._notifier.alive)
        polling = asyncio.create_task(door.poll(), name="polling")
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tell_trouble()
                self._notifier.ready()
                self._changed()
                await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
                polling.cancel()
                await asyncio.gather(polling, return_exceptions=True)
                for room in self._rooms.values():
                    room.conversation.close(self._config.drain_s)
                log.info("stopping")
                self._notifier.stopping()
                await door.confirm()
                await self._finish()
        finally:
            polling.cancel()
        log.info("stopped")
        if not polling.cancelled():
            polling.result()  # polling ended by itself: raise why

    async def _finish(self) -> None:
        """Wait until all turns and children have ended, then send what is still to be sent."""
        rooms = list(self._rooms.values())
        await asyncio.gather(*(room.running for room in rooms))
        flushing = [asyncio.create_task(room.outbox.flushed()) for room in rooms]
        if flushing:
            _, late = await asyncio.wait(flushing, timeout=_FLUSH_S)
            for task in late:
                task.cancel()
        if unsent := sum(room.outbox.pending for room in rooms):
            log.error("messages that could not be sent before the end: %d", unsent)
        for room in rooms:
            room.sending.cancel()

    def _at(self, place: Place) -> Conversation:
        """Find the conversation of a place, or begin it."""
        if place not in self._rooms:
            outbox = Outbox(self._bot, place, self._composer, self._changed)
            reply = Reply(self._bot, place, outbox, self._composer.hide)
            claude = partial(Companion, place, self._sessions, self._config, self._env)
            conversation = Conversation(place, self._config, reply, claude, self._changed)
            self._rooms[place] = _Room(
                conversation=conversation,
                running=self._tasks.create_task(conversation.run(), name=f"conversation-{place}"),
                outbox=outbox,
                sending=self._tasks.create_task(outbox.run(), name=f"outbox-{place}"),
            )
        return self._rooms[place].conversation

    def _changed(self) -> None:
        """Keep the service manager's status true."""
        working = sum(room.conversation.busy or room.outbox.pending > 0 for room in self._rooms.values())
        status = f"{working} working" if working else "idle"
        if status != self._status:
            self._status = status
            self._notifier.status(status)

    def _reap(self) -> None:
        own = {room.conversation.child_pid for room in self._rooms.values()}
        orphans.reap({pid for pid in own if pid is not None})

    def _tell_trouble(self) -> None:
        if self._sessions.trouble:
            for user_id in self._config.allowed_users:
                self._at(Place(user_id)).warn(self._sessions.trouble)


@dataclass(frozen=True, slots=True)
class _Room:
    """A conversation and its way out, each with the task that drives it."""

    conversation: Conversation
    running: asyncio.Task[None]
    outbox: Outbox
    sending: asyncio.Task[None]
