"""Lines of a summary about several handshakes together, the most important first, and how many more there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nsmallest
from operator import attrgetter
from typing import TypeVar

from handshake.model.record import dataclass

Thing = TypeVar("Thing")
Words = tuple[str | tuple[str, str], ...]
"""Pieces of text, some with a style: `("refused", "red")`."""


@dataclass(frozen=True, slots=True)
class Note:
    """One line."""

    rank: tuple[int, int, int]
    """What comes first: weight (small is heavy), place of the capture, place in the capture. No two are equal."""
    source: str
    """The capture that it was seen in."""
    words: Words


@dataclass(frozen=True, slots=True)
class Notes:
    """The first ones of many."""

    first: tuple[Note, ...] = ()
    total: int = 0

    @classmethod
    def of(
        cls,
        things: Iterable[Thing],
        weight: Callable[[Thing], int],
        note: Callable[[Thing], tuple[str, Words]],
        most: int | None,
        place: int = 0,
    ) -> Notes:
        """Notes on the `most` heaviest of the things of one capture; `note` gives its source and words."""
        ranked = [((weight(thing), place, order), thing) for order, thing in enumerate(things)]
        chosen = nsmallest(len(ranked) if most is None else most, ranked, key=lambda pair: pair[0])
        return cls(tuple(Note(rank, *note(thing)) for rank, thing in chosen), len(ranked))

    def merged(self, other: Notes, most: int) -> Notes:
        """The first ones of both. Associative and commutative for parts cut to the same `most`."""
        return Notes(
            tuple(sorted((*self.first, *other.first), key=attrgetter("rank"))[:most]), self.total + other.total
        )

    def cut(self, most: int) -> Notes:
        """Fewer of the first ones."""
        return Notes(self.first[:most], self.total)

    @property
    def more(self) -> int:
        """How many are not among the first."""
        return self.total - len(self.first)
