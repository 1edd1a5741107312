"""herald as a unit of a real systemd; skipped where none can be booted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from herald.rehearsal.bot_api import OWNER, TOKEN, BotApi
from tests.systemd.machine import SOURCE, UID, CannotBoot, Machine, booted
from tests.systemd.unit import Unit

SHIPPED = {"system": SOURCE / "herald.service", "user": SOURCE / "herald/setup/herald.service"}


@dataclass(frozen=True)
class Installed:
    """A herald that is installed as a unit and not started yet, and its phone."""

    unit: Unit
    api: BotApi

    async def says(self, *texts: str) -> None:
        """Wait until the phone shows each of these somewhere in the bot's messages."""
        await self.api.until(lambda api: all(any(text in shown for shown in api.texts()) for text in texts))

    async def answers(self, prompt: str, answer: str) -> None:
        """Write a message and wait for what answers it."""
        before = len(self.api.texts())
        self.api.text(prompt)
        await self.api.until(lambda api: any(answer in shown for shown in api.texts()[before:]))


Install = Callable[..., AbstractAsyncContextManager[Installed]]


@pytest.fixture(scope="package")
def machine() -> Iterator[Machine]:
    try:
        with booted() as machine:
            yield machine
    except CannotBoot as exc:
        pytest.skip(str(exc))


@pytest.fixture
def system(machine: Machine) -> Install:
    """Install the system unit with a script for Claude: `async with system("result hi") as h`.

    Settings can be given by name.
    """
    return partial(_installed, machine, "system")


@pytest.fixture(params=["system", "user"])
def either(machine: Machine, request: pytest.FixtureRequest) -> Install:
    """The same with each of the two units in turn."""
    return partial(_installed, machine, request.param)


@asynccontextmanager
async def _installed(
    machine: Machine, manager: str, script: str, *, watchdog_s: int = 60, **settings: str
) -> AsyncIterator[Installed]:
    unit = Unit(machine, user=manager == "user")
    if manager == "user":
        await machine.run("systemctl", "start", f"user@{UID}")
    async with BotApi() as api:
        least = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_ALLOWED_USERS": str(OWNER), "TELEGRAM_API_BASE": api.url}
        await unit.install(SHIPPED[manager], script, least | settings, watchdog_s=watchdog_s)
        try:
            yield Installed(unit, api)
        finally:
            await unit.remove()
