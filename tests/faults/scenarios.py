"""The faults, each as a coroutine that plays it and counts: small in the tests, in full by the benchmark."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from random import Random

from herald.rehearsal.bot_api import OWNER, BotApi
from herald.rehearsal.call import Call
from herald.rehearsal.faults import Silence, refusal
from herald.rehearsal.refusal import Refused
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
# What happens to a call. LOSE comes twice: where the effect is there and the answer is not, things come twice.
_EFFECTS: tuple[Refused | Silence, ...] = (
    *(refusal(429, "", 1), refusal(500, "", None), refusal(502, "", None)),
    *(Silence.DROP, Silence.LOSE, Silence.LOSE),
)
# How many messages may be on their way before the owners wait.
_LAG = 6
# How herald tells its owner of a full disk.
_FULL = "state folder"
_JUMPS = ("+1d", "-1d", "+10y", "+0")


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

    def is_over(service: Service) -> bool:
        if w is not None:
            w.decide()
        return service.ended

    asyncio.get_running_loop().call_later(delay_s, herald.send_signal, signal.SIGKILL)
    await herald.until(is_over, delay_s + 60)


async def api_faults(folder: Path, size: int, seed: int, *, hangs: bool = True) -> Tally:
    """Every fifth call is refused, cut off before or after its effect, or left hanging, while three owners write."""
    users = (OWNER, OWNER + 1, OWNER + 2)
    async with world(folder, seed, TELEGRAM_ALLOWED_USERS=",".join(map(str, users))) as w:
        # a hanging call costs herald its deadline of 20 s, a hanging poll 70 s
        effects = (*_EFFECTS * 5, Silence.HANG) if hangs else _EFFECTS
        w.api.disturb(Deck(effects, seed).deal)
        async with w.serving():
            for written in range(size):
                w.write(w.rng.choice(users))
                if w.rng.random() < 0.3:
                    await w.caught_up(_LAG, users)
                if written % 50 == 49:
                    print(f"  {written + 1} of {size} written", file=sys.stderr)
            await w.settled(users, timeout_s=300)
            w.api.disturb(lambda call: None)
            await w.settled(users)
        return w.tally(users)


class Deck:
    """Deals faults to every fifth call of each method, in an order of its own, so that each method meets each fault."""

    def __init__(self, effects: Sequence[Refused | Silence], seed: int) -> None:
        self._all: list[Refused | Silence | None] = [*effects, *[None] * (4 * len(effects))]
        self._rng = Random(seed)
        self._left: dict[str, list[Refused | Silence | None]] = {}

    def deal(self, call: Call) -> Refused | Silence | None:
        left = self._left.setdefault(call.method, [])
        if not left:
            left += self._rng.sample(self._all, len(self._all))
        return left.pop()


async def duplicates(folder: Path, size: int, seed: int) -> Tally:
    """Updates come again, at once and later, also those from before a restart."""
    async with world(folder, seed) as w:
        delivered: list[int] = []
        for _ in range(4):
            for update_id in w.rng.sample(delivered, len(delivered) // 2):
                w.api.redeliver(update_id)
            async with w.serving():
                for _ in range(size // 4):
                    delivered.append(w.write())
                    await w.caught_up(2)
                    for update_id in w.rng.choices(delivered, k=3):
                        w.api.redeliver(update_id)
                # updates come in the order of their numbers: once this one is answered, all others were taken
                delivered.append(w.write())
                await w.settled()
        return w.tally()


async def outage(folder: Path, span_s: float, seed: int) -> Tally:
    """Nothing is answered for a while, in which a turn ends and messages are written."""
    async with world(folder, seed) as w, w.serving() as herald:
        w.write()
        await w.settled()
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + span_s
        w.api.disturb(lambda call: Silence.DROP if loop.time() < ends_at else None)
        while loop.time() < ends_at:
            w.write()
            await w.passed(span_s / 6)
        await w.settled()
        if herald.ended:
            w.problems.append("herald has ended")
    return w.tally()


async def full_disk(folder: Path, size: int, seed: int) -> Tally:
    """The disk of the state folder fills up in a turn, while messages come in, and has room again. Needs to be root."""
    state = folder / "state"
    state.mkdir(parents=True)
    with small_disk(state):
        async with world(folder, seed, STEPS) as w:
            async with w.serving() as herald:
                w.write()
                await w.settled()
                given = w.given
                w.write()
                await w.gives_more_than(given)
                fill(state / "ballast")
                for _ in range(size):
                    w.write()
                await herald.until(lambda _: w.tells(_FULL))
                (state / "ballast").unlink()
                await w.settled()
                if (times := w.tells(_FULL)) != 1:
                    w.problems.append(f"the full disk was told {times} times")
            return w.tally(expected=f"{_FULL}|cannot be written|updates stay at Telegram")


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


def fill(path: Path) -> None:
    """Write until there is no room left."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))


async def stopped_child(folder: Path, size: int, seed: int) -> Tally:
    """SIGSTOP of Claude in the middle of a turn, with another message waiting."""
    script = f"text Part of {{prompt}}\npause 0.5\nresult {ANSWER}"
    async with world(folder, seed, script, CLAUDE_STALL_S="1") as w:
        async with w.serving():
            for _ in range(size):
                given = w.given
                w.write()
                await w.gives_more_than(given)
                os.kill(w.record("pid")[-1], signal.SIGSTOP)
                asked = len(w.ledger.asked)
                w.write()
                await w.settled()
                if len(w.ledger.asked) == asked:
                    w.problems.append("a child that was stopped was not told of")
        return w.tally()


async def clock_jumps(folder: Path, size: int, seed: int, *, monotonic: bool = False) -> Tally:
    """The wall clock jumps while Claude works; sometimes herald is killed then. `monotonic` lets that clock jump, too.

    The monotonic clock only jumps ahead, as it may seem to a program that was not run for long.
    """
    library = faketime_library()
    assert library is not None
    clock = folder / "clock"
    folder.mkdir(parents=True, exist_ok=True)
    clock.write_text("+0")
    env = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    env |= {} if monotonic else {"DONT_FAKE_MONOTONIC": "1"}
    async with world(folder, seed, STEPS, **env) as w:
        if monotonic:
            # a thread that waits under such a clock may wait for ever, and the stand-in has one
            w.wrap_claude("unset LD_PRELOAD")
        for turn in range(size):
            async with w.serving() as herald:
                given = w.given
                w.write()
                w.write()
                await w.gives_more_than(given)
                jump = f"+{turn + 1}d" if monotonic else _JUMPS[turn % len(_JUMPS)]
                (folder / "next").write_text(jump)
                (folder / "next").replace(clock)
                if turn % 2:
                    herald.send_signal(signal.SIGKILL)
                    await herald.until(lambda service: service.ended)
                else:
                    await w.settled()
        async with w.serving():
            w.write()
            await w.settled()
        return w.tally()


def faketime_library() -> Path | None:
    """Find libfaketime, which Debian has in the package faketime."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
