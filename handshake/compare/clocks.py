"""How far two clocks are apart, and how long the ways between them took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import mean, median, median_low
from typing import NamedTuple

from handshake.model.handshake import Side
from handshake.model.vantage import Clock, OneWay, Passage

_WINDOWS = 12
"""Parts of the time in which the clocks are compared, to see whether they drift."""
_LEAST_WINDOWS = 4
_LEAST_DRIFT_NS = 50_000
"""A drift that comes to less over the whole capture is none."""


class _Sample(NamedTuple):
    """A segment's transit, and when that was by the client's clock, ns."""

    at_ns: int
    transit_ns: int


def clock_of(passages: Sequence[Passage]) -> Clock | None:
    """The offset and drift of the server's clock; None where no segment arrived."""
    forth, back = (sorted(_samples(passages, side)) for side in Side)
    if not forth and not back:
        return None
    since = min(way[0].at_ns for way in (forth, back) if way)
    if not forth or not back:
        return Clock(
            min(each.transit_ns for each in forth) if forth else -min(each.transit_ns for each in back), None, since
        )
    drift = _drift_ppb(forth, back, since)
    there = min(each.transit_ns - drift * (each.at_ns - since) // 10**9 for each in forth)
    again = min(each.transit_ns + drift * (each.at_ns - since) // 10**9 for each in back)
    return Clock((there - again) // 2, max(there + again, 0) // 2, since, drift)


def one_way(passages: Iterable[Passage], sender: Side, clock: Clock | None) -> OneWay | None:
    """The times of one direction; with no clock they hold what the clocks are apart as well."""
    times = []
    for sample in _samples(passages, sender):
        ahead = clock.ahead_at(sample.at_ns) if clock is not None else 0
        times.append(sample.transit_ns - ahead if sender is Side.CLIENT else sample.transit_ns + ahead)
    if not times:
        return None
    least = min(times)
    return OneWay(len(times), least, median_low(times), max(times), round(mean(each - least for each in times)))


def _samples(passages: Iterable[Passage], sender: Side) -> Iterator[_Sample]:
    for passage in passages:
        transit = passage.transit_ns
        if passage.sender is not sender or transit is None or passage.guessed:
            continue
        near = passage.left if sender is Side.CLIENT else passage.arrived
        assert near is not None
        yield _Sample(near.time_ns, transit)


def _drift_ppb(forth: Sequence[_Sample], back: Sequence[_Sample], since: int) -> int:
    """The slope of the offsets of several parts of the time (Theil and Sen's), if it stands out from their scatter."""
    until = max(forth[-1].at_ns, back[-1].at_ns)
    length = max((until - since) // _WINDOWS + 1, 1)
    offsets = []
    for window in range(_WINDOWS):
        there, again = ([each for each in way if (each.at_ns - since) // length == window] for way in (forth, back))
        if there and again:
            offset = (min(s.transit_ns for s in there) - min(s.transit_ns for s in again)) / 2
            offsets.append((mean(s.at_ns for s in (*there, *again)), offset))
    if len(offsets) < _LEAST_WINDOWS:
        return 0
    slope = median(
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for position, earlier in enumerate(offsets)
        for later in offsets[position + 1 :]
        if later[0] > earlier[0]
    )
    base = median(offset - slope * at for at, offset in offsets)
    scatter = median(abs(offset - slope * at - base) for at, offset in offsets)
    whole = abs(slope) * (until - since)
    return round(slope * 10**9) if whole > max(_LEAST_DRIFT_NS, 4 * scatter) else 0
