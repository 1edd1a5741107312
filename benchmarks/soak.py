"""What herald grows by in many turns: memory, file descriptors, threads and asyncio tasks.

    python -m benchmarks.soak               2,000 turns, about a minute
    python -m benchmarks.soak 10000

One herald, one warm scripted Claude, one turn after the other. Growth counts from turn 200 on, when all that is loaded
late is loaded. A module put before herald's own prints the number of tasks on SIGUSR1, since nothing outside of a
process can count them. Exits 1 if memory grew by 5 MB or more, or anything else at all.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from random import Random

from herald.rehearsal.bot_api import BotApi
from herald.rehearsal.service import Service
from tests.faults.world import World

_WARM_TURNS = 200
_SHOWN_EVERY = 200
_GROWTH_LIMIT_MB = 5.0
_COUNTER = """
import asyncio, signal, sys

def show(*_):
    print("tasks", len(asyncio.all_tasks()), file=sys.stderr, flush=True)

signal.signal(signal.SIGUSR1, show)
"""


@dataclass(frozen=True, slots=True)
class Footprint:
    rss_mb: float
    descriptors: int
    threads: int
    tasks: int


async def soak(folder: Path, turns: int) -> dict[int, Footprint]:
    """Run so many turns and return the footprint after each step of 200."""
    (folder / "counter").mkdir()
    (folder / "counter" / "sitecustomize.py").write_text(_COUNTER)
    footprints = {}
    async with BotApi() as api:
        settings = {"PYTHONPATH": str(folder / "counter"), "HERALD_LOG_LEVEL": "warning"}
        world = World(folder, api, Random(0), "result Short and good.", **settings)
        async with world.serving() as herald:
            for turn in range(1, turns + 1):
                api.text(f"message {turn}")
                await answered(api, turn)
                if turn % _SHOWN_EVERY == 0 or turn == turns:
                    await herald.until(lambda herald: herald.idle)
                    footprints[turn] = await footprint(herald)
                    _show(turn, footprints[turn])
    return footprints


async def answered(api: BotApi, turns: int) -> None:
    await api.until(lambda api: len(api.messages()) == 2 * turns)


async def footprint(herald: Service) -> Footprint:
    process = Path("/proc", str(herald.pid))
    fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    seen = len(herald.log)
    herald.send_signal(signal.SIGUSR1)
    await herald.until(lambda herald: any(line.startswith("tasks ") for line in herald.log[seen:]))
    [tasks] = [line for line in herald.log[seen:] if line.startswith("tasks ")]
    return Footprint(
        int(fields["VmRSS"].split()[0]) / 1024,
        len(list((process / "fd").iterdir())),
        int(fields["Threads"]),
        int(tasks.split()[1]),
    )


def main() -> None:
    turns = int(sys.argv[1]) if sys.argv[1:] else 2000
    print(f"{'turns':>8}{'RSS, MB':>10}{'descriptors':>13}{'threads':>9}{'tasks':>7}")
    began_at_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        footprints = asyncio.run(soak(Path(folder), turns))
    seconds = time.monotonic() - began_at_s
    first, last = footprints[min(_WARM_TURNS, turns)], footprints[turns]
    grown_mb = last.rss_mb - first.rss_mb
    print(f"\n{turns} turns in {seconds:.0f} s; grown by {grown_mb:.1f} MB after the first {_WARM_TURNS}")
    sys.exit(grown_mb >= _GROWTH_LIMIT_MB or astuple(first)[1:] != astuple(last)[1:])


def _show(turn: int, seen: Footprint) -> None:
    print(f"{turn:>8}{seen.rss_mb:>10.1f}{seen.descriptors:>13}{seen.threads:>9}{seen.tasks:>7}", flush=True)


if __name__ == "__main__":
    main()
