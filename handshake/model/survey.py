"""What many captures amount to: one small row a capture, and the few things that do not add up row by row.

A survey of some captures and a survey of others merge into the survey of all of them, in any order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field
from functools import reduce
from typing import TYPE_CHECKING

from handshake.model.notes import Notes
from handshake.model.record import dataclass
from handshake.model.report import SourceInfo, Tally, summed
from handshake.model.spread import Spread
from handshake.model.totals import Totals

if TYPE_CHECKING:
    from handshake.model.finding import Finding
    from handshake.model.handshake import Outcome

MOST_NOTES = 100
"""Page loads, listening sockets and crowds, of each kind, that are told one by one; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a capture is."""

    number: int
    """Order in which the captures were named, from 1."""
    name: str
    """As shown to people."""
    url: str
    """As a worker opens it: a path or whatever fsspec knows."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One capture, as a whole."""

    place: Place
    source: SourceInfo | None = None
    """How far it was read; None where it could not be."""
    failure: str | None = None
    """Why it could not be read, None when it was."""
    tally: Tally = field(default_factory=Tally)
    handshakes: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    """Code to the number of handshakes that have it."""
    examples: Mapping[str, Finding] = field(default_factory=dict)
    """Name and severity of each code, as a finding without detail."""
    exchanges: int = 0
    """UDP exchanges."""
    silent: int = 0
    """Those without a reply."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Captures as a whole. `Survey()` is that of none."""

    captures: tuple[Surveyed, ...] = ()
    """In the order of their places, no place twice."""
    setup_ns: Spread = field(default_factory=Spread)
    """Set-up times of what opened."""
    irtt_ns: Spread = field(default_factory=Spread)
    """Round trips of what opened, where they could be measured."""
    pages: Notes = field(default_factory=Notes)
    sockets: Notes = field(default_factory=Notes)
    crowds: Notes = field(default_factory=Notes)

    def merged(self, other: Survey) -> Survey:
        """The survey of the captures of both, which have none in common. Associative and commutative."""
        return Survey(
            tuple(sorted((*self.captures, *other.captures), key=lambda each: each.place.number)),
            self.setup_ns.merged(other.setup_ns),
            self.irtt_ns.merged(other.irtt_ns),
            self.pages.merged(other.pages, MOST_NOTES),
            self.sockets.merged(other.sockets, MOST_NOTES),
            self.crowds.merged(other.crowds, MOST_NOTES),
        )

    @classmethod
    def of(cls, parts: Iterable[Survey]) -> Survey:
        """The survey of all parts, each merged with one of about its size: n log n for n captures."""
        merged: list[Survey] = []
        for part in parts:
            merged.append(part)
            while len(merged) > 1 and len(merged[-2].captures) <= len(merged[-1].captures):
                merged.append(merged.pop().merged(merged.pop()))
        return reduce(cls.merged, reversed(merged), cls())

    @property
    def tally(self) -> Tally:
        """The counts of all captures together."""
        return summed(each.tally for each in self.captures)

    @property
    def totals(self) -> Totals:
        """Outcomes and findings of all captures together; their times are in `setup_ns` and `irtt_ns`."""
        totals = Totals()
        for each in self.captures:
            totals.handshakes += each.handshakes
            totals.outcomes.update(each.outcomes)
            totals.findings.update(each.findings)
            totals.examples.update(each.examples)
        return totals

    @property
    def read(self) -> tuple[Surveyed, ...]:
        """The captures that could be read, wholly or in part."""
        return tuple(each for each in self.captures if each.source is not None)
