"""Sequence numbers around the wrap, in plain numbers; tests/property has the laws."""

from __future__ import annotations

import pytest

from handshake.model import seq

TOP = 2**32 - 1


@pytest.mark.parametrize(("number", "count", "end"), [(TOP, 1, 0), (0, -1, TOP), (TOP, 2**32, TOP), (5, 0, 5)])
def test_add_wraps(number: int, count: int, end: int) -> None:
    assert seq.add(number, count) == end


@pytest.mark.parametrize(
    ("start", "end", "steps"), [(TOP, 0, 1), (0, TOP, -1), (0, 2**31 - 1, 2**31 - 1), (0, 2**31, -(2**31)), (7, 7, 0)]
)
def test_distance_is_the_shorter_way(start: int, end: int, steps: int) -> None:
    assert seq.distance(start, end) == steps


def test_order_across_the_wrap() -> None:
    assert seq.less_equal(TOP, 0)
    assert not seq.less_equal(0, TOP)
    assert seq.latest(TOP, 3) == seq.latest(3, TOP) == 3


@pytest.mark.parametrize(("number", "inside"), [(TOP, True), (0, True), (5, True), (6, False), (TOP - 1, False)])
def test_within_across_the_wrap(number: int, inside: bool) -> None:
    assert seq.within(TOP, number, 5) is inside
