"""A real systemd as process 1 of namespaces of its own, on a throw-away root made out of this machine's.

boot.sh makes the root. The network is this machine's, so that a Bot API on 127.0.0.1 serves both.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import herald

# The id of the user herald, which no user of this machine should have.
UID = 64242
SOURCE = Path(herald.__file__).resolve().parents[1]
_PARTS = {SOURCE, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()} - {Path("/usr")}
# Where the program under test lies: the source, the virtual environment and Python, none below another.
PROGRAM_FOLDERS = sorted(part for part in _PARTS if not _PARTS & set(part.parents))

_SYSTEMD = Path("/lib/systemd/systemd")
_TOOLS = ("systemctl", "journalctl", "unshare", "nsenter", "setpriv", "dbus-daemon")
_UNSHARE = ("unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child=KILL")
_CGROUP = "herald-systemd"
_BOOT_S = 30.0
_COMMAND_S = 60.0
_LOOK_EVERY_S = 0.02


class CannotBoot(Exception):
    """This machine does not allow it; the message says why."""


class Machine:
    """The booted system, seen from outside."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def path(self, inside: str) -> Path:
        """Return where a file of the machine can be reached from here."""
        return Path(f"/proc/{self._pid}/root{inside}")

    def entering(self, *command: str) -> list[str]:
        """Return the command line that runs `command` as root in the machine."""
        entering = ("nsenter", f"--target={self._pid}", "--mount", "--pid", "--cgroup", "--uts", "--ipc")
        return [*entering, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", *command]

    async def run(self, *command: str, check: bool = True) -> str:
        """Run a command in the machine and return its output. Raises CalledProcessError, unless `check` is False."""
        process = await asyncio.create_subprocess_exec(
            *self.entering(*command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_COMMAND_S):
                output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if check and process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command, output.decode(), errors.decode())
        return output.decode()

    def lives(self, pid: int) -> bool:
        """Whether a process of the machine is there and no zombie."""
        try:
            stat = self.path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] != "Z"


@contextmanager
def booted() -> Iterator[Machine]:
    """Boot a machine and end it with all that runs in it. Raises CannotBoot where that is not possible."""
    _require_means()
    with _cgroup() as cgroup, tempfile.TemporaryFile() as console:
        folders = [str(folder) for folder in PROGRAM_FOLDERS]
        starting = subprocess.Popen(
            [
                # it dies with this process, whatever ends that, and takes process 1 and so all namespaces along
                *("setpriv", "--pdeathsig=KILL", *_UNSHARE),
                # nobody else may be in what is the root of the machine's control groups
                *("sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec unshare --cgroup "$@"', str(cgroup)),
                *("sh", str(Path(__file__).with_name("boot.sh")), str(UID), *folders),
            ],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
        )
        try:
            yield _wait_for(starting, console)
        finally:
            starting.kill()
            starting.wait()


def _require_means() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise CannotBoot("booting systemd needs root on Linux")
    if not _SYSTEMD.exists():
        raise CannotBoot("systemd is not installed")
    for tool in _TOOLS:
        if shutil.which(tool) is None:
            raise CannotBoot(f"booting systemd needs {tool}")
    trial = (
        "mount -t tmpfs trial /mnt && mkdir /mnt/upper /mnt/work /mnt/root /mnt/cgroup"
        " && mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work trial /mnt/root"
        " && mount -t cgroup2 trial /mnt/cgroup"
    )
    tried = subprocess.run(
        [*_UNSHARE, "--cgroup", "sh", "-c", trial], capture_output=True, text=True, timeout=20, check=False
    )
    if tried.returncode:
        raise CannotBoot(f"booting systemd needs namespaces and mounts: {tried.stderr.partition(chr(10))[0]}")


@contextmanager
def _cgroup() -> Iterator[Path]:
    """Make a control group for the time of the block; whatever is in it must have ended by then."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    hierarchy = next((Path(place) for _, place, kind, *_ in mounts if kind == "cgroup2"), None)
    if hierarchy is None:
        raise CannotBoot("booting systemd needs control groups of version 2")
    for left in hierarchy.glob(f"{_CGROUP}-*"):
        if not Path("/proc", left.name.rpartition("-")[2]).exists():  # its test run was killed
            _remove(left)
    cgroup = hierarchy / f"{_CGROUP}-{os.getpid()}"
    try:
        cgroup.mkdir()
    except OSError as exc:
        raise CannotBoot(f"booting systemd needs a control group: {exc}") from exc
    try:
        yield cgroup
    finally:
        _remove(cgroup)


def _remove(cgroup: Path) -> None:
    """Remove empty control groups; they count as busy for a moment after their last process has ended."""
    deadline = time.monotonic() + _BOOT_S
    for folder, _, _ in os.walk(cgroup, topdown=False):
        while True:
            try:
                Path(folder).rmdir()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK_EVERY_S)


def _wait_for(starting: subprocess.Popen[bytes], console: IO[bytes]) -> Machine:
    """Wait until the machine is up. Raises RuntimeError with what its console says."""
    deadline = time.monotonic() + _BOOT_S
    state = "no process 1"
    while time.monotonic() < deadline and starting.poll() is None:
        children = Path(f"/proc/{starting.pid}/task/{starting.pid}/children").read_text().split()
        if children:
            machine = Machine(int(children[0]))
            asked = subprocess.run(
                machine.entering("systemctl", "is-system-running", "--wait"),
                capture_output=True, text=True, timeout=_BOOT_S, check=False,
            )  # fmt: skip
            state = asked.stdout.strip() or asked.stderr.strip()
            if state in ("running", "degraded"):
                return machine
        time.sleep(_LOOK_EVERY_S)
    console.seek(0)
    raise RuntimeError(f"systemd did not boot: {state}\n{console.read().decode(errors='replace')}")
