"""The faults in small: each message is answered or explained, none twice, in order, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import scenarios

pytestmark = pytest.mark.faults


async def test_killed_at_random_points_herald_loses_and_repeats_nothing(tmp_path: Path) -> None:
    tally = await scenarios.kills(tmp_path, 6, seed=1)
    assert tally.is_clean, tally
