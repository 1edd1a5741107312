"""The faults, each as a coroutine that plays it and counts: small in the tests, in full by the benchmark."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from herald.rehearsal.bot_api import OWNER, BotApi
from herald.rehearsal.service import Service
from tests.faults.ledger import ANSWER, Tally
from tests.faults.world import World

# A turn whose every stage lasts long enough to be hit.
STEPS = f"""pause 0.03
text Part of {{prompt}}
pause 0.03
begin Bash
pause 0.03
text More of {{prompt}}
tool Read
spawn
pause 0.03
result {ANSWER}"""
SHORT = f"result {ANSWER}"


@asynccontextmanager
async def world(folder: Path, seed: int, script: str = SHORT, **settings: str) -> AsyncIterator[World]:
    folder.mkdir(parents=True, exist_ok=True)
    async with BotApi() as api:
        yield World(folder, api, Random(seed), script, **settings)


async def kills(folder: Path, size: int, seed: int) -> Tally:
    """SIGKILL at random points: in a turn, while it starts with a message waiting, and while it makes up for a kill."""
    async with world(folder, seed, STEPS) as w:
        began_at = asyncio.get_running_loop().time()
        async with w.serving():
            start_s = asyncio.get_running_loop().time() - began_at
            w.write()
            await w.settled()
            turn_s = asyncio.get_running_loop().time() - began_at - start_s
        left = size
        while left:
            async with w.started() as herald:
                if w.rng.random() < 0.5:
                    await herald.ready()
                    span_s = turn_s
                else:
                    span_s = start_s + turn_s
                w.write()
                w.write()
                await killed_within(herald, w.rng.uniform(0, span_s))
                left -= 1
            if left and w.rng.random() < 0.3:
                async with w.started() as herald:
                    await killed_within(herald, w.rng.uniform(start_s, start_s + 2 * turn_s), w)
                    left -= 1
            async with w.serving():
                await w.settled()
        return w.tally(expected="set aside after")


async def killed_within(herald: Service, delay_s: float, w: World | None = None) -> None:
    """Kill herald after a time; `w` has an owner who decides meanwhile what is asked."""
    asyncio.get_running_loop().call_later(delay_s, herald.send_signal, signal.SIGKILL)
    await herald.until(lambda service: (w and w.decide() and False) or service.ended, delay_s + 60)
