"""What the service manager is told: READY, STATUS, WATCHDOG, STOPPING. sd_notify(3) describes the messages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from sdnotify import SystemdNotifier

from herald.errors import PollingFailed

_LONG_POLL_S = 50.0
# Longest time without a completed poll. Herald then ends in order, which must begin before the watchdog's kill: a
# kill would take running turns down without a word.
_SILENCE_S = 150.0
_SILENCE_SHARE = 5 / 6
# What a poll may be late before it counts as hanging.
_LATE_S = 5.0
_LOOK_EVERY_S = 5.0


class Notifier:
    """Speaks to the service manager, or to nobody where there is none."""

    def __init__(self) -> None:
        self._socket = SystemdNotifier()
        if self._socket.socket is not None:
            # a manager that does not read must not stop the event loop
            self._socket.socket.setblocking(False)

    def ready(self) -> None:
        self._socket.notify("READY=1")

    def status(self, text: str) -> None:
        # sdnotify sends latin-1, which systemd drops unless it is plain ASCII
        self._socket.notify(f"STATUS={text.encode('ascii', 'replace').decode()}")

    def alive(self) -> None:
        """Feed the watchdog; law 6: only Pulse may do so."""
        self._socket.notify("WATCHDOG=1")

    def stopping(self) -> None:
        self._socket.notify("STOPPING=1")

    def close(self) -> None:
        if self._socket.socket is not None:
            self._socket.socket.close()


class Pulse:
    """Feeds the watchdog while the event loop turns and polls of Telegram end in time, and ends a silence in order."""

    def __init__(self, notifier: Notifier, env: Mapping[str, str]) -> None:
        self._notifier = notifier
        self._watchdog_s = _watchdog_s(env)
        self._silence_s = min(_SILENCE_S, (self._watchdog_s or _SILENCE_S) * _SILENCE_SHARE)
        self._poll_due_at = 0.0
        self._answered_at = 0.0
        # four polls per interval
        self.long_poll_s = min(_LONG_POLL_S, max(1.0, (self._watchdog_s or 4 * _LONG_POLL_S) / 4))

    def polled(self, waits_s: float, next_within_s: float, *, answered: bool) -> None:
        """A poll has ended; the next one begins after `waits_s` and must have ended `next_within_s` from now."""
        now = asyncio.get_running_loop().time()
        self._poll_due_at = now + next_within_s + _LATE_S
        if answered:
            self._answered_at = now + waits_s

    async def beat(self) -> None:
        """Feed the watchdog for ever. Raises PollingFailed when polls have not been answered for too long."""
        clock = asyncio.get_running_loop().time
        every_s = min(_LOOK_EVERY_S, (self._watchdog_s or 2 * _LOOK_EVERY_S) / 2)
        fed_at = float("-inf")
        while True:
            now = clock()
            if now - self._answered_at > self._silence_s:
                hint = "is this machine's network up? under systemd herald is started again"
                raise PollingFailed(f"no poll of Telegram was answered for {self._silence_s:.0f} s", hint)
            if self._watchdog_s and now < self._poll_due_at and now - fed_at >= self._watchdog_s / 2 - every_s / 2:
                self._notifier.alive()
                fed_at = now
            await asyncio.sleep(every_s)


def _watchdog_s(env: Mapping[str, str]) -> float | None:
    watchdog_usec = env.get("WATCHDOG_USEC", "")
    return int(watchdog_usec) / 1e6 if watchdog_usec.isdecimal() and int(watchdog_usec) else None
