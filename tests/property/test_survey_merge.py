"""Surveys merge in any order: associative, commutative, and with the survey of none they stay as they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshake.model import spread, survey
from handshake.model.handshake import Outcome
from handshake.model.notes import Notes
from handshake.model.report import SourceInfo, Tally
from handshake.model.spread import Spread
from handshake.model.survey import Place, Survey, Surveyed
from handshake.render.units import percentile

FEW = 12
"""In place of the 100,000 values that are kept exactly, so that both sides of the limit are met."""

times = st.one_of(st.integers(-(10**6), 10**12), st.integers(-(1 << 70), 1 << 70), st.sampled_from([0, 1, 5000]))
values = st.lists(times, max_size=30)
counts = st.integers(0, 1000)
reasons = st.dictionaries(st.sampled_from(["arp", "stp", "cut"]), st.integers(1, 9), max_size=3)


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    first = draw(st.none() | st.integers(0, 10**19))
    last = None if first is None else first + draw(counts)
    return Tally(
        draw(counts), draw(counts), draw(counts), draw(counts), draw(reasons), draw(reasons), draw(counts),
        draw(counts), first, last, draw(counts), draw(counts), draw(counts), draw(counts),
    )  # fmt: skip


@st.composite
def one_capture(draw: st.DrawFn, number: int) -> Survey:
    place = Place(number, f"{number}.pcap", f"{number}.pcap")

    def notes() -> Notes:
        weights = draw(st.lists(st.integers(-3, 0), max_size=5))
        kept = Notes.of(weights, lambda weight: weight, lambda weight: ("", (f"{weight}",)), survey.MOST_NOTES, number)
        return replace(kept, first=tuple(replace(note, source=place.name) for note in kept.first))

    outcomes = Counter(draw(st.lists(st.sampled_from(Outcome), max_size=6)))
    surveyed = Surveyed(
        place, SourceInfo(place.name, "pcap", draw(counts)), None, draw(tallies()), outcomes.total(), outcomes,
        Counter(draw(st.lists(st.sampled_from(["HS101", "HS104"]), max_size=4))), {}, draw(counts), draw(counts),
    )  # fmt: skip
    return Survey((surveyed,), Spread.of(draw(values)), Spread.of(draw(values)), notes(), notes(), notes())


@st.composite
def captures_in_two_orders(draw: st.DrawFn) -> tuple[list[Survey], list[Survey]]:
    surveys = [draw(one_capture(number)) for number in range(1, draw(st.integers(1, 7)) + 1)]
    return surveys, draw(st.permutations(surveys))


@pytest.fixture(autouse=True, scope="module")
def _small_limits() -> object:
    with patch.object(spread, "EXACT", FEW), patch.object(survey, "MOST_NOTES", 4):
        yield


@given(captures_in_two_orders())
@settings(max_examples=150)
def test_order_does_not_matter(orders: tuple[list[Survey], list[Survey]]) -> None:
    straight, shuffled = orders
    whole = reduce(Survey.merged, straight)
    assert whole == reduce(Survey.merged, shuffled)
    assert whole == reduce(lambda done, part: part.merged(done), shuffled)
    assert whole == Survey.of(straight) == Survey.of(shuffled)
    assert whole == whole.merged(Survey()) == Survey().merged(whole)
    assert whole.tally == Survey.of(shuffled).tally
    assert whole.totals.handshakes == sum(part.totals.handshakes for part in straight)


@given(st.tuples(*(one_capture(number) for number in (1, 2, 3))))
@settings(max_examples=100)
def test_grouping_does_not_matter(parts: tuple[Survey, Survey, Survey]) -> None:
    one, two, three = parts
    assert one.merged(two).merged(three) == one.merged(two.merged(three)) == two.merged(three.merged(one))


@given(st.lists(values, min_size=1, max_size=6))
def test_spread_of_parts_is_the_spread_of_all(parts: list[list[int]]) -> None:
    whole = Spread.of(value for part in parts for value in part)
    assert reduce(Spread.merged, map(Spread.of, parts)) == whole
    assert len(whole) == sum(map(len, parts))


@given(st.lists(times, min_size=1, max_size=60))
def test_any_rank_is_exact_or_within_a_thousandth(found: list[int]) -> None:
    ordered, kept = sorted(found), Spread.of(found)
    assert (kept[0], kept[-1]) == (ordered[0], ordered[-1])
    for rank, value in enumerate(ordered):
        assert abs(kept[rank] - value) * 1000 <= (abs(value) if len(found) > FEW else 0)
    assert all(before <= after for before, after in pairwise(kept))
    for percent in (50, 95, 99):
        assert abs(percentile(kept, percent) - percentile(ordered, percent)) * 1000 <= abs(percentile(ordered, percent))


def test_ranks_behave_like_those_of_a_list() -> None:
    kept = Spread.of([3, 1, 2, 2])
    assert list(kept) == [1, 2, 2, 3]
    assert kept[1:3] == [2, 2]
    assert (kept[-2], kept[-4]) == (2, 1)
    with pytest.raises(IndexError):
        kept[4]
    assert not Spread()
