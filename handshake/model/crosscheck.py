"""What came of holding our judgement of a capture against tshark's."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.report import Damage


class Verdict(Enum):
    """Who is right where the two differ."""

    TRAP = "trap"
    """A known trap of tshark explains it."""
    OURS_WRONG = "ours-wrong"
    """Both read the same bytes, or one has a stream that the other lacks, and no trap explains it."""
    UNDECIDED = "undecided"
    """A judgement differs, or bytes that were cut, and no trap explains it."""


class Level(Enum):
    """What differs."""

    FILE = "file"
    FRAME = "frame"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Difference:
    """One point in which we and tshark differ."""

    level: Level
    frame: int
    """The frame; of a stream its first one, by our reading where we have it."""
    stream: int | None
    """tshark's number of the stream, where it has one."""
    point: str
    """What differs: a header field, `tcp`, `missing`, `invented`, `grouping`, `outcome` …"""
    ours: str
    theirs: str
    verdict: Verdict
    trap: str | None
    """Name of the trap that explains it."""


@dataclass(frozen=True, slots=True)
class Count:
    """How often the two differ in the same way."""

    verdict: Verdict
    trap: str | None
    level: Level
    point: str
    number: int


@dataclass(frozen=True, slots=True)
class Checked:
    """One capture, judged twice."""

    name: str
    format: str | None
    """As we read it; None when we could not."""
    tshark: str
    """Its version."""
    frames: int = 0
    """Frames held against each other."""
    segments: int = 0
    """Frames that carry TCP for one of us at least."""
    streams: int = 0
    """Streams that one of us has at least."""
    agreeing: int = 0
    """Streams that are the same in every point."""
    explained: int = 0
    """Streams that differ only where a known trap explains it."""
    counts: tuple[Count, ...] = ()
    """All differences, by kind."""
    differences: tuple[Difference, ...] = ()
    """The differences themselves, of each kind the first ones."""
    our_damage: Damage | None = None
    """Where we could not read any further."""
    their_damage: Damage | None = None
    """Where tshark could not."""
    our_failure: str | None = None
    """Why we cannot read it at all; there is then no comparison."""
    their_failure: str | None = None
    """Why tshark cannot."""
    tool_failed: bool = False
    """tshark crashed or was stopped, which says little about the capture."""

    @property
    def unexplained(self) -> int:
        """Differences that no trap explains."""
        return sum(count.number for count in self.counts if count.verdict is not Verdict.TRAP)

    @property
    def compared(self) -> bool:
        """Both could read it."""
        return self.our_failure is None and self.their_failure is None
