"""What the service manager is told: READY, STATUS, WATCHDOG, STOPPING. sd_notify(3) describes the messages."""

from __future__ import annotations

from collections.abc import Mapping

from sdnotify import SystemdNotifier

_LONG_POLL_S = 50.0


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
        """Feed the watchdog; law 6: only a poll of Telegram that has answered or failed may call this."""
        self._socket.notify("WATCHDOG=1")

    def stopping(self) -> None:
        self._socket.notify("STOPPING=1")

    def close(self) -> None:
        if self._socket.socket is not None:
            self._socket.socket.close()


def long_poll_s(env: Mapping[str, str]) -> float:
    """Return how long one poll of Telegram may last so that the watchdog is fed in time: four polls per interval."""
    watchdog_usec = env.get("WATCHDOG_USEC", "")
    if not watchdog_usec.isdecimal():
        return _LONG_POLL_S
    return min(_LONG_POLL_S, max(1.0, int(watchdog_usec) / 4e6))
