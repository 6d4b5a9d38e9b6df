from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.render.units import count, duration, moment, percentile, size


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0.000 ms"),
        (1_000, "0.001 ms"),
        (276_000, "0.276 ms"),
        (9_999_499, "9.999 ms"),
        (9_999_500, "10.0 ms"),
        (999_949_999, "999.9 ms"),
        (999_950_000, "1.000 s"),
        (1_003_000_000, "1.003 s"),
        (99_999_499_999, "99.999 s"),
        (99_999_500_000, "1 min 40 s"),
        (3_599 * 10**9, "59 min 59 s"),
        (7_500 * 10**9, "2 h 05 min"),
        (400 * 86_400 * 10**9, "400 d 00 h"),
        (-276_000, "-0.276 ms"),
    ],
)
def test_duration(ns: int, text: str) -> None:
    assert duration(ns) == text


@given(st.integers(0, 10**19))
def test_duration_is_short(ns: int) -> None:
    assert len(duration(ns)) <= len("115,740 d 00 h")


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (999_949, "999.9 kB"), (10**15, "1000.0 TB")]
)
def test_size(number: int, text: str) -> None:
    assert size(number) == text


def test_count_has_the_right_noun() -> None:
    assert [count(0, "frame"), count(1, "frame"), count(2_000, "reply", "replies")] == [
        "0 frames",
        "1 frame",
        "2,000 replies",
    ]


def test_moment_keeps_nanoseconds_and_strange_years() -> None:
    assert moment(1) == "1970-01-01T00:00:00.000000001Z"
    assert moment(-1) == "1969-12-31T23:59:59.999999999Z"
    assert moment(2**63 * 1_000) == "@9223372036854.775808000"


@given(st.lists(st.integers(0, 100), min_size=1).map(sorted), st.integers(1, 100))
def test_percentile_is_a_value_with_enough_below(ordered: list[int], percent: int) -> None:
    value = percentile(ordered, percent)
    assert value in ordered
    assert sum(1 for each in ordered if each <= value) * 100 >= percent * len(ordered)
    assert sum(1 for each in ordered if each < value) * 100 < percent * len(ordered)
