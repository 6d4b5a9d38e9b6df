"""Laws of sequence arithmetic modulo 2^32 (RFC 9293 §3.4)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from handshake.model import seq

numbers = st.integers(0, 2**32 - 1)
steps = st.integers(-(2**31) + 1, 2**31 - 1)


@given(numbers, steps)
def test_distance_undoes_add(number: int, count: int) -> None:
    assert seq.distance(number, seq.add(number, count)) == count


@given(numbers, steps)
def test_of_two_numbers_less_than_half_the_circle_apart_one_is_later(number: int, count: int) -> None:
    other = seq.add(number, count)
    assert seq.less_equal(number, other) is (count >= 0)
    assert seq.latest(number, other) == seq.latest(other, number) == (other if count >= 0 else number)


@given(numbers, st.integers(0, 2**31 - 1), numbers)
def test_within_is_an_arc(low: int, length: int, number: int) -> None:
    high = seq.add(low, length)
    inside = (number - low) % 2**32 <= length
    assert seq.within(low, number, high) is inside
    assert seq.within(low, low, high)
    assert seq.within(low, high, high)
