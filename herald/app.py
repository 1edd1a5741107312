"""The service: builds the parts, runs them, and takes them down in order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from herald.claude import orphans
from herald.config import Config
from herald.errors import HeraldError
from herald.rooms import Rooms
from herald.storage.database import Database
from herald.storage.journal import Journal
from herald.storage.lock import locked, only_one_with
from herald.storage.sessions import Sessions
from herald.systemd import Notifier, Pulse
from herald.telegram.bot import acknowledge, connected, greet
from herald.telegram.door import Door
from herald.telegram.health import Health
from herald.telegram.poller import Poller

if TYPE_CHECKING:
    # at run time aiogram comes in by herald.telegram only, the lean way
    from aiogram import Bot

log = logging.getLogger(__name__)

_RETRY_EVERY_S = 5.0


async def serve(config: Config, env: Mapping[str, str]) -> None:
    """Run until SIGTERM, SIGINT or SIGHUP; a second one ends at once.

    Raises AlreadyRunning, ConfigError for a token that Telegram refuses, PollingFailed; by then no child is left.
    """
    with locked(config.state_dir), only_one_with(config.bot_token, config.api_base):
        async with connected(config) as bot:
            await Service(config, env, bot).run()


class Service:
    """The running parts. Every task belongs to `run`."""

    def __init__(self, config: Config, env: Mapping[str, str], bot: Bot) -> None:
        self._config = config
        self._bot = bot
        self._env = env
        self._notifier = Notifier()
        self._pulse = Pulse(self._notifier, env)
        self._sessions = Sessions(config.state_dir / "sessions.json")
        self._database = Database(config.state_dir / "herald.db", self._told)
        self._journal = Journal(self._database, config.bot_id)
        self._health = Health(bot, self._changed)
        self._asked_to_stop = asyncio.Event()
        self._status = ""
        self._rooms: Rooms | None = None

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        # HUP: the terminal that herald was started from is closed
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop)
        orphans.adopt()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        # this copy holds the lock, so whatever carries the mark has outlived a herald that was killed
        await orphans.end(orphans.marked(orphans.herald_mark(self._config.state_dir)))
        stopping = asyncio.create_task(self._asked_to_stop.wait(), name="stop-signal")
        try:
            with closing(self._database):
                await self._serve(stopping)
        finally:
            stopping.cancel()
            self._notifier.close()
            # whatever has lost its mark on the way is still below herald, which adopts orphans
            await orphans.end(orphans.below(os.getpid()))
        log.info("stopped")

    async def _serve(self, stopping: asyncio.Task[bool]) -> None:
        """Serve until told to stop; raise at the end what has ended it otherwise."""
        async with asyncio.TaskGroup() as tasks:
            rooms = self._rooms = Rooms(
                *(self._config, self._env, self._bot, self._sessions, self._journal, tasks, self._changed)
            )
            door = Door(
                *(self._bot, self._config, self._journal, rooms.at),
                lambda tap_id, text: acknowledge(self._bot, tasks, tap_id, text),
            )
            poller = Poller(self._bot, door, self._pulse.long_poll_s, self._pulse, self._told)
            working = asyncio.create_task(self._work(rooms, door, poller), name="work")
            try:
                await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
            log.info("stopping")
            self._notifier.stopping()
            if door.offset:
                await poller.confirm()
            await rooms.close(self._config.drain_s)
        if not working.cancelled():
            working.result()

    async def _work(self, rooms: Rooms, door: Door, poller: Poller) -> None:
        """Reach Telegram, take up what was left, and poll for ever; one failure ends it all."""
        me = await greet(self._bot)
        log.info("started bot=@%s", me.username)
        left = self._journal.after_a_start()
        rooms.restore()
        for trouble in (self._sessions.trouble, self._database.trouble):
            if trouble:
                rooms.tell_owners(trouble)
        await door.resume(left)
        await poller.reach()
        self._notifier.ready()
        self._changed()
        endless = (poller.poll(), self._pulse.beat(), self._health.watch(), self._keep_writing())
        tasks = [asyncio.create_task(work) for work in endless]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        done.pop().result()

    async def _keep_writing(self) -> None:
        """Write what the disk has refused as soon as it takes it, and leave nothing behind of what is done."""
        while True:
            await asyncio.sleep(_RETRY_EVERY_S)
            self._database.tidy()

    def _stop(self) -> None:
        if self._asked_to_stop.is_set():
            log.warning("told to stop a second time: ending at once; what was under way is taken up at the next start")
            orphans.kill(orphans.below(os.getpid()))
            os._exit(0)
        self._asked_to_stop.set()

    def _told(self, error: HeraldError) -> None:
        """Show the owners what is wrong, as soon as there is a way to."""
        if self._rooms is not None:
            self._rooms.tell_owners(error)

    def _changed(self) -> None:
        """Keep the service manager's status true."""
        if self._rooms is None:
            return
        working = self._rooms.working
        numbers = f"{self._rooms.waiting} waiting, {self._rooms.unsent} to send, {self._journal.settled} done"
        reached = "" if self._health.reachable else "; Telegram does not answer"
        status = f"{f'{working} working' if working else 'idle'}; {numbers}{reached}"
        if status != self._status:
            self._status = status
            self._notifier.status(status)

    def _reap(self) -> None:
        orphans.reap(self._rooms.child_pids if self._rooms else ())
