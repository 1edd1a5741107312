"""The faults in small: each message is answered or explained, none twice, in order, and nothing is left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults import scenarios

pytestmark = pytest.mark.faults


async def test_killed_at_random_points_herald_loses_and_repeats_nothing(tmp_path: Path) -> None:
    tally = await scenarios.kills(tmp_path, 6, seed=1)
    assert tally.is_clean, tally


async def test_with_every_fifth_call_failing_each_message_is_answered_once(tmp_path: Path) -> None:
    tally = await scenarios.api_faults(tmp_path, 30, seed=1, hangs=False)
    assert tally.is_clean, tally


async def test_updates_that_come_again_are_not_answered_again(tmp_path: Path) -> None:
    tally = await scenarios.duplicates(tmp_path, 40, seed=1)
    assert tally.is_clean, tally


async def test_after_an_outage_all_is_answered_by_the_same_herald(tmp_path: Path) -> None:
    tally = await scenarios.outage(tmp_path, 12, seed=1)
    assert tally.is_clean, tally


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
async def test_a_full_disk_is_told_once_and_costs_nothing(tmp_path: Path) -> None:
    tally = await scenarios.full_disk(tmp_path, 5, seed=1)
    assert tally.is_clean, tally


async def test_a_claude_that_was_stopped_is_told_of_and_replaced(tmp_path: Path) -> None:
    tally = await scenarios.stopped_child(tmp_path, 1, seed=1)
    assert tally.is_clean, tally


@pytest.mark.skipif(scenarios.faketime_library() is None, reason="libfaketime is not installed")
@pytest.mark.parametrize("monotonic", [False, True])
async def test_jumps_of_the_clock_cost_nothing(tmp_path: Path, monotonic: bool) -> None:
    tally = await scenarios.clock_jumps(tmp_path, 2 if monotonic else 4, seed=1, monotonic=monotonic)
    assert tally.is_clean, tally
