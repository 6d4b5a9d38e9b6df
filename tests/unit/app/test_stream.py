"""Segments in any order, overlapping, with holes: bytes come out in order, once, and what is missing is counted."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from handshake.app.stream import MOST_BYTES, MOST_PIECES, InOrder, Part


def run(start: int, segments: list[tuple[int, bytes, int]]) -> list[Part]:
    stream = InOrder(start)
    return [part for number, data, length in segments for part in stream.take(number, data, length)]


def test_in_order() -> None:
    assert run(5, [(5, b"ab", 2), (7, b"c", 1)]) == [b"ab", b"c"]


def test_across_the_wrap() -> None:
    last = 2**32 - 1
    assert run(last, [(last, b"ab", 2), (1, b"c", 1)]) == [b"ab", b"c"]
    assert run(last, [(1, b"c", 1), (last, b"ab", 2)]) == [b"ab", b"c"]


def test_too_early_waits_and_copies_are_dropped() -> None:
    assert run(0, [(2, b"c", 1), (0, b"ab", 2), (0, b"ab", 2), (3, b"d", 1)]) == [b"ab", b"c", b"d"]


def test_overlap_gives_each_byte_once() -> None:
    assert run(0, [(0, b"abc", 3), (1, b"bcde", 4)]) == [b"abc", b"de"]
    assert run(0, [(2, b"cd", 2), (0, b"abc", 3)]) == [b"abc", b"d"]


def test_bytes_that_the_capture_cut_are_counted() -> None:
    assert run(0, [(0, b"ab", 100), (100, b"c", 1)]) == [b"ab", 98, b"c"]
    assert run(0, [(50, b"", 10), (0, b"x", 55)]) == [b"x", 54, 5]


def test_a_hole_is_given_up_when_too_much_waits() -> None:
    held = [(10 + n * MOST_BYTES // 4, b"x" * (MOST_BYTES // 4), MOST_BYTES // 4) for n in range(5)]
    parts = run(0, held)
    assert parts[0] == 10
    assert sum(len(part) for part in parts[1:] if isinstance(part, bytes)) == len(held) * MOST_BYTES // 4
    many = [(10 + 2 * n, b"x", 1) for n in range(MOST_PIECES + 1)]
    assert run(0, many)[:2] == [10, b"x"]


def test_what_is_acknowledged_and_missing_was_not_captured() -> None:
    stream = InOrder(2**32 - 1)
    assert list(stream.take(2, b"d", 1)) == []
    assert list(stream.acknowledged(1)) == []
    assert list(stream.acknowledged(2)) == [3, b"d"]
    assert list(stream.take(3, b"e", 1)) == [b"e"]


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=10), st.integers(0, 2**32 - 1), st.randoms())
def test_any_cut_in_any_order(text: bytes, cuts: list[int], start: int, random) -> None:  # type: ignore[no-untyped-def]
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    segments = [((start + a) % 2**32, text[a:b], b - a) for a, b in pairwise(edges)]
    segments += random.choices(segments, k=2) if segments else []
    random.shuffle(segments)
    parts = run(start, segments)
    assert b"".join(part for part in parts if isinstance(part, bytes)) == text
    assert not any(isinstance(part, int) for part in parts)
