"""How long polls may fail before a fresh start is worth a try."""

from __future__ import annotations

import pytest

from herald.telegram.outage import Outage


def failed_every(step_s: float, count: int) -> Outage:
    outage = Outage()
    for number in range(count):
        outage.failed(number * step_s, 0.0)
    return outage


def test_the_waits_grow_to_a_quarter_of_a_minute_and_stay_there() -> None:
    outage = Outage()
    assert [outage.failed(0.0, 1.0) for _ in range(7)] == [1, 2, 4, 8, 15, 15, 15]


@pytest.mark.parametrize(("chance", "waits_s"), [(0.0, [0.5, 1.0, 2.0]), (0.5, [0.75, 1.5, 3.0])])
def test_chance_takes_up_to_half_of_a_wait(chance: float, waits_s: list[float]) -> None:
    outage = Outage()
    assert [outage.failed(0.0, chance) for _ in waits_s] == waits_s


@pytest.mark.parametrize(
    ("step_s", "count", "hopeless"),
    [
        (10.0, 10, True),  # ten in 90 s
        (9.9, 10, False),  # ten, but in less
        (50.0, 9, False),  # long, but only nine
        (0.1, 800, False),  # many at once
        (0.1, 901, True),
    ],
)
def test_an_outage_is_hopeless_after_ten_failures_that_span_90_s(step_s: float, count: int, hopeless: bool) -> None:
    assert failed_every(step_s, count).is_hopeless((count - 1) * step_s) is hopeless


def test_one_success_begins_the_count_and_the_span_anew() -> None:
    outage = failed_every(10.0, 20)
    outage.over()
    assert outage.failures == 0
    assert not outage.is_hopeless(200.0)
    assert outage.failed(200.0, 1.0) == 1
    for _ in range(9):
        outage.failed(250.0, 1.0)
    assert not outage.is_hopeless(289.9)
    assert outage.is_hopeless(290.0)


def test_nothing_has_failed_yet() -> None:
    assert not Outage().is_hopeless(1000.0)
