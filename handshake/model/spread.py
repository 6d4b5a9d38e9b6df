"""A distribution of times that merges: exact as long as there are few, within 0.1 % when there are many.

Up to `EXACT` values are kept as they are. Beyond that each is rounded to its ten highest bits, which changes it by less
than one part in 1024; the number of values, the least and the greatest stay exact. Whether and how values are rounded
depends on all of them together and not on the order in which parts were merged: merging is associative and commutative.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from itertools import accumulate
from typing import overload

from handshake.model.record import dataclass

EXACT = 100_000
"""Values that are kept as they are."""
_BITS = 10


@dataclass(frozen=True, slots=True)
class Spread(Sequence[int]):
    """Values in ascending order, as a sequence: `len()`, and the value at any rank."""

    counts: Mapping[int, int] = field(default_factory=dict)
    """Value, rounded when there are more than `EXACT`, to how often it is there."""
    number: int = 0
    least: int = 0
    """0 without any value, as is `greatest`."""
    greatest: int = 0

    @classmethod
    def of(cls, values: Iterable[int]) -> Spread:
        """The distribution of these values."""
        counts = Counter(values)
        return _spread(counts, min(counts, default=0), max(counts, default=0)) if counts else cls()

    def merged(self, other: Spread) -> Spread:
        """The distribution of the values of both."""
        if not (self.number and other.number):
            return self if self.number else other
        counts = Counter(self.counts)
        counts.update(other.counts)
        return _spread(counts, min(self.least, other.least), max(self.greatest, other.greatest))

    def __len__(self) -> int:
        return self.number

    @overload
    def __getitem__(self, rank: int) -> int: ...
    @overload
    def __getitem__(self, rank: slice) -> Sequence[int]: ...
    def __getitem__(self, rank: int | slice) -> int | Sequence[int]:
        if isinstance(rank, slice):
            return [self[each] for each in range(*rank.indices(self.number))]
        place = range(self.number)[rank]
        if place in (0, self.number - 1):
            return self.greatest if place else self.least
        values = sorted(self.counts)
        until = list(accumulate(self.counts[value] for value in values))
        return max(self.least, min(self.greatest, values[bisect_right(until, place)]))


def _spread(counts: Mapping[int, int], least: int, greatest: int) -> Spread:
    number = sum(counts.values())
    if number > EXACT:
        rounded: Counter[int] = Counter()
        for value, times in counts.items():
            rounded[_rounded(value)] += times
        counts = rounded
    return Spread(dict(counts), number, least, greatest)


def _rounded(value: int) -> int:
    """The middle of the values that share sign, length and the highest bits with this one."""
    spare = abs(value).bit_length() - _BITS
    if spare <= 0:
        return value
    middle = (abs(value) >> spare << spare) + (1 << spare - 1)
    return middle if value > 0 else -middle
