"""Whose capture is which: near the client an answer comes a round trip after its question, near the server at once.

A TTL falls on the way as well. Where neither tells, a segment that only one place has was lost behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from handshake.compare.matching import match
from handshake.compare.passages import shifts, sides, turned

if TYPE_CHECKING:
    from handshake.compare.couples import Coupled
    from handshake.model.vantage import Place

_TELLING = 200
"""So many connections are enough to tell which place is whose."""
_APART_NS = 20_000
"""A shorter round trip between the two places does not tell them apart."""


class Signs(NamedTuple):
    """What tells the first capture from the second: positive where it is the client's."""

    hops: int
    round_trip_ns: int
    witnessed: int
    """Segments of a side that only one place has: those that were lost behind it."""


def signs(first: Place, second: Place, coupled: Sequence[Coupled]) -> Signs:
    """Read as if the first were the client's: all is negative where it is the server's."""
    hops: list[int] = []
    ways: tuple[list[int], list[int]] = ([], [])
    witnessed = 0
    for left, right, _ in coupled[:_TELLING]:
        here = first.traces[left]
        there = turned(here, second.traces[right])
        shift = shifts(here, there)
        both = zip(sides(here), sides(there), (1, -1), (shift, shift[::-1]), strict=True)
        for index, (ours, theirs, sign, moved) in enumerate(both):
            found = match(ours, theirs, (moved[0], moved[1]))
            sure = [(ours[a], theirs[b]) for a, b in found.arrived.items() if a not in found.guessed]
            hops += [sign * (a.ttl - b.ttl) for a, b in sure]
            ways[index].extend(b.time_ns - a.time_ns for a, b in sure)
            witnessed += sign * (len(ours) - len(theirs))
    round_trip = round(median(ways[0]) - median(ways[1])) if ways[0] and ways[1] else 0
    return Signs(sum(hops), round_trip, witnessed)


def placed(signs: Signs) -> tuple[bool, tuple[str, ...], bool]:
    """Whether the captures have to change places, what says so, and whether something else contradicts."""
    round_trip = signs.round_trip_ns if abs(signs.round_trip_ns) > _APART_NS else 0
    said = [(value, words) for value, words in ((round_trip, "round trips"), (signs.hops, "TTLs")) if value]
    if not said and signs.witnessed:
        said = [(signs.witnessed, "what only one of them has")]
    if not said:
        return False, (), False
    swapped = said[0][0] < 0
    agree = [words for value, words in said if (value < 0) is swapped]
    return swapped, tuple(agree), len(agree) < len(said)
