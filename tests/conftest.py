"""The shipped program, run against a loopback Bot API and a scripted `claude`."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from herald.rehearsal import stand_in
from herald.rehearsal.bot_api import OWNER, TOKEN, BotApi
from herald.rehearsal.service import Service

# A busy machine must not make a property fail: how long things take is for the benchmarks.
hypothesis.settings.register_profile("herald", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("herald")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why tests were skipped, once per reason."""
    reasons = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.items():
        terminalreporter.write_line(f"{count} skipped, {reason.removeprefix('Skipped: ')}")


@dataclass(frozen=True)
class Stage:
    """A running herald with its phone and its Claude."""

    api: BotApi
    service: Service
    folder: Path
    env: dict[str, str]

    @property
    def claude_folder(self) -> Path:
        return self.folder / "claude"

    @property
    def state_dir(self) -> Path:
        return self.folder / "state"

    def record(self, key: str) -> list[Any]:
        """What the stand-in recorded under `key`: argv, env, cwd, pid, stdin, spawned."""
        path = self.claude_folder / "record"
        lines = path.read_text().splitlines() if path.exists() else []
        return [entry[key] for line in lines if key in (entry := json.loads(line))]

    def prompts(self) -> list[str]:
        messages = [json.loads(line) for line in self.record("stdin")]
        return [message["message"]["content"] for message in messages if message["type"] == "user"]

    def sessions(self) -> dict[str, Any]:
        path = self.state_dir / "sessions.json"
        entries: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return entries

    def release(self, name: str) -> None:
        """Let the script go on that waits `until` this name."""
        (self.claude_folder / name).touch()

    async def says(self, *texts: str) -> None:
        """Wait until the phone shows each of these somewhere in the bot's messages."""
        await self.api.until(lambda api: all(any(text in shown for shown in api.texts()) for text in texts))

    async def idle_again(self) -> None:
        """Wait until something has begun and everything has ended."""
        await self.service.until(lambda service: service.worked and service.idle)

    async def idle(self) -> None:
        """Wait until nothing runs and nothing is to be sent."""
        await self.service.until(lambda service: service.idle)


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    """A Bot API that outlives a herald, for tests that restart it."""
    async with BotApi() as bot_api:
        yield bot_api


Herald = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def herald(tmp_path: Path) -> Herald:
    """Start herald with a script for Claude: `async with herald("result hi") as h`.

    Settings can be given by name. A second start in the same test finds the state of the first.
    """

    @asynccontextmanager
    async def start(script: str | None = None, *, api: BotApi | None = None, **settings: str) -> AsyncIterator[Stage]:
        program = stand_in.install(tmp_path / "claude", script)
        async with running(api) as bot_api:
            env = {**environment(tmp_path, bot_api.url), "CLAUDE_BIN": str(program), **settings}
            async with Service(env, tmp_path) as service:
                assert await service.ready(), service.log
                yield Stage(bot_api, service, tmp_path, env)

    return start


@asynccontextmanager
async def running(api: BotApi | None) -> AsyncIterator[BotApi]:
    """Yield `api` as it is, or a new one for the time of the block."""
    if api is not None:
        yield api
        return
    async with BotApi() as new:
        yield new


def environment(folder: Path, api_base: str) -> dict[str, str]:
    """The least that herald runs with; nothing of the machine's own settings."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_ALLOWED_USERS": str(OWNER),
        "TELEGRAM_API_BASE": api_base,
        "CLAUDE_WORK_DIR": str(work),
        "HERALD_STATE_DIR": str(folder / "state"),
        "COVERAGE_PROCESS_START": os.environ.get("COVERAGE_PROCESS_START", ""),
        "PYTHONWARNINGS": "error",
    }
