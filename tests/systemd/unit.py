"""herald as a unit of a machine's service manager: what systemctl and journalctl say of it, and what is in its home."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from herald.rehearsal import stand_in
from tests.systemd.machine import PROGRAM_FOLDERS, SOURCE, UID, Machine

_HOME = "/home/herald"
_PROPERTIES = "ActiveState,SubState,Result,StatusText,MainPID,NRestarts,ExecMainCode,ExecMainStatus,ControlGroup"
_LOOK_EVERY_S = 0.05
# Shorter times than the shipped ones, and the program where ProtectHome= would hide it.
_DROP_IN = """[Service]
RestartSec=200ms
WatchdogSec={watchdog_s}
BindReadOnlyPaths={program}
"""
# What pip would put there, for the Python and the source of this test run.
_PROGRAM = f"""#!{Path(sys.prefix).resolve()}/bin/python
import sys
sys.path.insert(0, {str(SOURCE)!r})
from herald.cli import main
sys.exit(main())
"""


class Unit:
    """The unit `herald`, of the system's manager or of the one of the user herald."""

    def __init__(self, machine: Machine, *, user: bool) -> None:
        self.machine = machine
        as_user = ("runuser", "-u", "herald", "--", "env", f"XDG_RUNTIME_DIR=/run/user/{UID}")
        self._systemctl = (*as_user, "systemctl", "--user") if user else ("systemctl",)
        # what the unit says, and what its manager says of it
        of_user = ("_SYSTEMD_USER_UNIT=herald.service", "+", "USER_UNIT=herald.service")
        self._in_journal = of_user if user else ("--unit=herald",)
        self._units = f"{_HOME}/.config/systemd/user" if user else "/etc/systemd/system"
        self._program = f"{_HOME}/.local/bin/herald" if user else "/opt/herald/.venv/bin/herald"
        self._cursor = ""
        self.home = machine.path(_HOME)

    async def install(self, shipped: Path, script: str, settings: Mapping[str, str], *, watchdog_s: int) -> None:
        """Put everything in place in a clean home; the unit is the shipped file as it is."""
        for folder in (self.home, self.machine.path("/var/lib/herald"), self.machine.path("/opt/herald")):
            shutil.rmtree(folder, ignore_errors=True)
        self._write(f"{self._units}/herald.service", shipped.read_text())
        drop_in = _DROP_IN.format(watchdog_s=watchdog_s, program=" ".join(map(str, PROGRAM_FOLDERS)))
        self._write(f"{self._units}/herald.service.d/test.conf", drop_in)
        self._write(self._program, _PROGRAM).chmod(0o755)
        self._write(f"{_HOME}/.config/herald/.env", "".join(f"{name}={value}\n" for name, value in settings.items()))
        self._install_claude(script)
        for path in (self.home, *self.home.rglob("*")):
            os.chown(path, UID, UID, follow_symlinks=False)
        self.home.chmod(0o700)
        await self.systemctl("daemon-reload")
        shown = await self.machine.run("journalctl", "--lines=0", "--show-cursor", "--quiet")
        self._cursor = shown.strip().removeprefix("-- cursor: ")

    def _install_claude(self, script: str) -> None:
        claude = stand_in.install(self.home / "stand-in", script)
        claude.write_text(claude.read_text().replace(str(self.home), _HOME))
        found_by_path = self.home / ".local/bin/claude"
        found_by_path.parent.mkdir(parents=True, exist_ok=True)
        found_by_path.symlink_to(f"{_HOME}/stand-in/claude")

    def _write(self, inside: str, text: str) -> Path:
        path = self.machine.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    async def remove(self) -> None:
        """End the unit by force, and forget that it has failed."""
        await self.systemctl("stop", "--no-block", "herald")
        # neither of these works on a unit that has ended well
        await self.systemctl("kill", "--signal=KILL", "herald", check=False)
        await self.systemctl("stop", "herald")
        await self.systemctl("reset-failed", "herald", check=False)

    async def systemctl(self, *arguments: str, check: bool = True) -> str:
        return await self.machine.run(*self._systemctl, *arguments, check=check)

    async def show(self) -> dict[str, str]:
        """Return the unit's properties."""
        lines = (await self.systemctl("show", f"--property={_PROPERTIES}", "herald")).splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines)}

    async def until(self, predicate: Callable[[dict[str, str]], object], timeout_s: float = 30.0) -> dict[str, str]:
        """Wait until `predicate` is true of the properties, and return them. Raises TimeoutError with the journal."""
        deadline = time.monotonic() + timeout_s
        while not predicate(properties := await self.show()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {timeout_s} s: {properties}\n{await self.journal()}")
            await asyncio.sleep(_LOOK_EVERY_S)
        return properties

    async def again(self, since: Mapping[str, str]) -> dict[str, str]:
        """Wait until the manager has started it anew and it is active; `since` are the properties from before."""
        return await self.until(
            lambda now: now["ActiveState"] == "active" and now["MainPID"] not in ("0", since["MainPID"])
        )

    async def journal(self) -> str:
        """Return what herald and the manager have written since `install`."""
        await self.machine.run("journalctl", "--sync")
        return await self.machine.run(
            *("journalctl", "--output=cat", f"--after-cursor={self._cursor}"), *self._in_journal
        )

    def record(self, key: str) -> list[Any]:
        """What the stand-in recorded under `key`: argv, env, cwd, pid, stdin, spawned."""
        path = self.home / "stand-in/record"
        lines = path.read_text().splitlines() if path.exists() else []
        return [entry[key] for line in lines if key in (entry := json.loads(line))]

    def prompts(self) -> list[str]:
        messages = [json.loads(line) for line in self.record("stdin")]
        return [message["message"]["content"] for message in messages if message["type"] == "user"]

    def transcripts(self) -> str:
        """What the stand-in has written of its sessions."""
        return "".join(path.read_text() for path in self.home.glob(".claude/projects/*/*.jsonl"))

    def release(self, name: str) -> None:
        """Let the script go on that waits `until` this name."""
        (self.home / "stand-in" / name).touch()
