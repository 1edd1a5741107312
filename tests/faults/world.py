"""One herald after another over the same folder, in front of the same Telegram, with an owner who decides."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

from herald.rehearsal import stand_in
from herald.rehearsal.bot_api import OWNER, BotApi
from herald.rehearsal.service import Service
from tests.conftest import environment
from tests.faults.ledger import Ledger, Tally
from tests.processes import lives

_CHOICES = ("Continue", "Run again", "Drop")
_BAD = re.compile(r"^(ERROR|CRITICAL) |^Traceback")


class World:
    """What a scenario plays in. `herald` is the one that runs."""

    def __init__(self, folder: Path, api: BotApi, rng: Random, script: str, **settings: str) -> None:
        self.folder = folder
        self.api = api
        self.rng = rng
        self.ledger = Ledger()
        self.log: list[str] = []
        self.problems: list[str] = []  # what a scenario has seen that no run may show
        self._runs = 0
        self._questions: set[tuple[int, int]] = set()
        self.herald: Service
        self.claude_folder = folder / "claude"
        program = stand_in.install(self.claude_folder, script)
        self.env = {**environment(folder, api.url), "CLAUDE_BIN": str(program), **settings}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Service]:
        """Run herald until the end of the block, or until it is killed in it."""
        async with self.started() as herald:
            assert await herald.ready(), herald.log
            yield herald

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Service]:
        """Start herald, and do not wait until it serves."""
        self._runs += 1
        async with Service(self.env, self.folder) as self.herald:
            try:
                yield self.herald
            finally:
                # what it says until it is gone belongs to it, too
                with suppress(TimeoutError):
                    await self.herald.stop()
                self.log += self.herald.log

    def wrap_claude(self, command: str) -> None:
        """Run a shell command before each start of Claude."""
        wrapper = self.folder / "wrapper"
        wrapper.write_text(f'#!/bin/sh\n{command}\nexec "{self.env["CLAUDE_BIN"]}" "$@"\n')
        wrapper.chmod(0o700)
        self.env["CLAUDE_BIN"] = str(wrapper)

    def write(self, user_id: int = OWNER) -> int:
        """Let an owner write the next message; return the update's number."""
        prompt = f"message {len(self.ledger.prompts) + 1:04}"
        update_id = self.api.text(prompt, user_id=user_id)
        self.ledger.prompts[update_id] = prompt
        return update_id

    def record(self, key: str) -> list[Any]:
        """What the stand-in recorded under `key`: pid, spawned or stdin."""
        path = self.claude_folder / "record"
        lines = path.read_text().splitlines() if path.exists() else []
        return [entry[key] for line in lines if key in (entry := json.loads(line))]

    def tells(self, text: str, users: Sequence[int] = (OWNER,)) -> int:
        """Count the bot's messages that hold `text`."""
        return sum(text in shown for user in users for shown in self.api.texts(user))

    def decide(self, users: Sequence[int] = (OWNER,)) -> bool:
        """Tap a button, taken at random, under each new question; say whether there was one."""
        questions = [
            message for user in users for message in self.api.messages(user) if set(_CHOICES) <= message.buttons.keys()
        ]
        new = [message for message in questions if message.message_id not in self.ledger.asked]
        for message in new:
            choice = self.rng.choice(_CHOICES)
            update_id = int(message.buttons[choice].partition(":")[2])
            self.ledger.asked[message.message_id] = update_id
            # there can be a second question only where herald was killed a second time
            if (self._runs, update_id) in self._questions:
                self.ledger.asked_twice += 1
                continue
            self._questions.add((self._runs, update_id))
            self.ledger.choices[update_id] = choice
            self.api.tap(message.message_id, message.buttons[choice])
        return bool(new)

    async def settled(self, users: Sequence[int] = (OWNER,), timeout_s: float = 60.0) -> None:
        """Decide what is asked, and return when all is answered and herald is idle, or when it takes too long."""

        def over(herald: Service) -> bool:
            self.decide(users)
            return herald.ended or (herald.idle and self.ledger.is_settled(map(self.api.messages, users)))

        with suppress(TimeoutError):
            await self.herald.until(over, timeout_s)

    @property
    def given(self) -> int:
        """How many lines Claude has been given so far."""
        return len(self.record("stdin"))

    async def gives_more_than(self, given: int) -> None:
        await self.herald.until(lambda _: self.given > given)

    async def passed(self, span_s: float) -> None:
        """Return after a time that belongs to the fault."""
        ends_at_s = time.monotonic() + span_s
        await self.herald.until(lambda _: time.monotonic() >= ends_at_s, None)

    async def caught_up(self, lag: int, users: Sequence[int] = (OWNER,)) -> None:
        """Return when no more than `lag` messages lack their answer, or when that takes too long."""
        with suppress(TimeoutError):
            await self.herald.until(
                lambda herald: herald.ended or self.ledger.compared([*map(self.api.messages, users)])[0] <= lag, 120
            )

    def tally(self, users: Sequence[int] = (OWNER,), expected: str = "") -> Tally:
        """Count, once herald is gone; `expected` is a pattern of the errors that belong to the fault."""
        chats = [self.api.messages(user) for user in users]
        lost, doubled = self.ledger.compared(chats)
        errors = [line for line in self.log if _BAD.match(line) and not (expected and re.search(expected, line))]
        pids = {*self.record("pid"), *self.record("spawned")}
        return Tally(
            *(len(self.ledger.prompts), lost, doubled),
            sum(map(self.ledger.disordered, chats)),
            len(_still_alive(pids)),
            (*errors, *self.problems),
        )


def _still_alive(pids: set[int], patience_s: float = 5.0) -> set[int]:
    """Return those that do not end within a moment: a child hears of herald's death by a signal."""
    deadline_s = time.monotonic() + patience_s
    while (left := set(filter(lives, pids))) and time.monotonic() < deadline_s:
        pids = left
    return left
