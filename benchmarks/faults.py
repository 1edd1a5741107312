"""The fault suite in full: what is lost and what comes twice, fault by fault.

    python -m benchmarks.faults                    all faults, some ten minutes
    python -m benchmarks.faults --only kills       one of them
    python -m benchmarks.faults --seed 7           other points and other choices

The shipped program runs against a Bot API on 127.0.0.1 and a scripted Claude; tests/faults/scenarios.py has the
faults. A message is lost if it was neither answered nor asked about, and doubled if it was answered or asked about
more often than its owner wished. Exits 1 unless every count but the tries is zero.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path

from tests.faults import scenarios
from tests.faults.ledger import Tally

Play = Callable[[Path, int], Coroutine[None, None, Tally]]
_COLUMNS = ("tries", "lost", "doubled", "out of order", "processes left", "errors")


def _sized(scenario: Callable[..., Coroutine[None, None, Tally]], size: float, **options: bool) -> Play:
    return lambda folder, seed: partial(scenario, **options)(folder, size, seed)


FAULTS: dict[str, tuple[str, Play]] = {
    "kills": ("50 times SIGKILL", _sized(scenarios.kills, 50)),
    "api": ("429, 5xx, resets, hangs, 20 % of calls", _sized(scenarios.api_faults, 300)),
    "duplicates": ("updates delivered again", _sized(scenarios.duplicates, 200)),
    "outage": ("60 s without Telegram", _sized(scenarios.outage, 60.0)),
    "disk": ("full disk", _sized(scenarios.full_disk, 50)),
    "stop": ("10 times SIGSTOP of Claude", _sized(scenarios.stopped_child, 10)),
    "clock": ("wall clock jumps, +10 y, -1 d, ...", _sized(scenarios.clock_jumps, 16)),
    "monotonic": ("monotonic clock jumps a day", _sized(scenarios.clock_jumps, 6, monotonic=True)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Run herald under faults and print what became of each message.")
    parser.add_argument("--only", choices=FAULTS, action="append", help="one fault; may be given several times")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    given = parser.parse_args()
    print(f"seed {given.seed}\n\n{'fault':<40}" + "".join(f"{column:>16}" for column in _COLUMNS) + f"{'seconds':>9}")
    tallies = [_play(name, given.seed) for name in given.only or FAULTS]
    sys.exit(not all(tally is None or tally.is_clean for tally in tallies))


def _play(name: str, seed: int) -> Tally | None:
    """Play one fault and print its line; None if this machine cannot."""
    title, play = FAULTS[name]
    print(f"{name} ...", file=sys.stderr)
    if reason := _obstacle(name):
        print(f"{title:<40}{'skipped: ' + reason:>16}", flush=True)
        return None
    began_at_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        tally = asyncio.run(play(Path(folder, name), seed))
    counts = (tally.tries, tally.lost, tally.doubled, tally.disordered, tally.children_left, len(tally.errors))
    line = "".join(f"{count:>16}" for count in counts)
    print(f"{title:<40}{line}{time.monotonic() - began_at_s:>9.0f}", flush=True)
    for error in tally.errors:
        print(f"    {error}", flush=True)
    return tally


def _obstacle(name: str) -> str:
    """Say why this fault cannot be played here, if so."""
    if name == "disk" and os.geteuid() != 0:
        return "only root can mount a small disk"
    if name in {"clock", "monotonic"} and scenarios.faketime_library() is None:
        return "libfaketime is not installed"
    return ""


if __name__ == "__main__":
    main()
