"""The shipped program as a child process, with this process as its service manager and its Telegram."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from herald.claude import orphans
from herald.errors import HeraldError

# aiogram takes seconds to import on a small machine under load.
_READY_S = 60.0
# Turns get HERALD_DRAIN_S, children and messages a little more.
_STOP_S = 60.0
_LOG_LIMIT = 2000
_LINE_LIMIT_BYTES = 2**24
# unix(7): sun_path has 108 bytes
_SOCKET_PATH_LIMIT = 107
# Files that it and its children write change without a word.
_BY_THE_CLOCK_S = 0.05


class Service:
    """A running `herald run`. Leaving the block stops it, by force if it does not listen."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        """Start in `folder` with the environment `env` and nothing else; the notify socket lies in `folder`."""
        self._folder = folder
        self._socket_path = folder / "notify"
        self._env = {**env, "NOTIFY_SOCKET": str(self._socket_path)}
        self._changed = asyncio.Event()
        self._process: asyncio.subprocess.Process
        self._reading: asyncio.Task[None]
        self._socket: asyncio.BaseTransport
        self.states: list[str] = []
        self.log: list[str] = []
        self.exit_status: int | None = None

    async def __aenter__(self) -> Self:
        if len(str(self._socket_path)) > _SOCKET_PATH_LIMIT:
            raise HeraldError(f"the folder for temporary files has too long a name: {self._folder}", "set TMPDIR=/tmp")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket_path.unlink(missing_ok=True)
        listener.bind(str(self._socket_path))
        loop = asyncio.get_running_loop()
        self._socket, _ = await loop.create_datagram_endpoint(lambda: _Manager(self._hear), sock=listener)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "herald.cli", "run"),
            cwd=self._folder,
            env=self._env,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT_BYTES,
            start_new_session=True,
            preexec_fn=orphans.DieWithParent(),
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.stop()
        finally:
            self._socket.close()
            self._socket_path.unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self.exit_status is not None

    @property
    def worked(self) -> bool:
        """Whether it has begun anything since it started."""
        return any("working" in state for state in self.states)

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing is left to be sent."""
        return any(state.startswith("STATUS=idle") for state in self.states[-1:])

    async def ready(self) -> bool:
        """Wait until it serves; False if it ended instead, and `log` tells why."""
        await self.until(lambda service: "READY=1" in service.states or service.ended, _READY_S)
        return not self.ended

    async def until(self, predicate: Callable[[Service], object], timeout_s: float | None = 20.0) -> None:
        """Wait until `predicate` is true of this object. Raises TimeoutError that shows the end of the log."""
        try:
            async with asyncio.timeout(timeout_s):
                while not predicate(self):
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), _BY_THE_CLOCK_S)
        except TimeoutError as exc:
            log = "\n".join(self.log[-30:])
            raise TimeoutError(f"not within {timeout_s} s; states {self.states}; log:\n{log}") from exc

    def send_signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def stop(self) -> int:
        """Ask it to stop and return its exit status."""
        self.send_signal(signal.SIGTERM)
        try:
            await self.until(lambda service: service.ended, _STOP_S)
        except TimeoutError:
            self.send_signal(signal.SIGKILL)
            raise
        finally:
            await self._reading
        assert self.exit_status is not None
        return self.exit_status

    async def _read(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.log.append(line.decode(errors="replace").rstrip())
            del self.log[:-_LOG_LIMIT]
        self.exit_status = await self._process.wait()
        self._change()

    def _hear(self, state: str) -> None:
        self.states.append(state)
        self._change()

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class _Manager(asyncio.DatagramProtocol):
    """The service manager's end of the notify socket. sd_notify(3)"""

    def __init__(self, hear: Callable[[str], None]) -> None:
        self._hear = hear

    def datagram_received(self, data: bytes, addr: object) -> None:
        for line in data.decode(errors="replace").splitlines():
            self._hear(line)
