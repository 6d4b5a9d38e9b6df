"""What one of several processes has to do with a recording, and what comes of it."""

from __future__ import annotations

import numpy as np

from handshake.bulk.census import Census
from handshake.bulk.listing import Listing
from handshake.model.record import dataclass
from handshake.model.report import Tally
from handshake.wire.columns.arrays import Ints, Words


@dataclass(frozen=True, slots=True)
class Share:
    """Which of the connections of a recording a reader follows; the first one also counts what is no connection."""

    begin: int = 0
    """Of 65536 parts, from which one on."""
    end: int = 1 << 16

    @property
    def is_first(self) -> bool:
        """It has whatever has no share."""
        return self.begin == 0

    @property
    def is_all(self) -> bool:
        """There is no other."""
        return self == Share()

    def of(self, pairs: Words) -> Ints:
        """Where its own are among pairs of endpoints."""
        parts = pairs >> np.uint64(48)
        return np.flatnonzero((parts >= self.begin) & (parts < self.end))


@dataclass(slots=True)
class Result:
    """What came of a share of a recording."""

    tally: Tally
    lines: Census | Listing
    exchanges: tuple[int, int]
    """UDP exchanges, and how many of them had no reply."""

    def merge(self, other: Result) -> None:
        """Add another share."""
        self.tally.merge(other.tally)
        self.lines.merge(other.lines)  # type: ignore[arg-type]
        self.exchanges = self.exchanges[0] + other.exchanges[0], self.exchanges[1] + other.exchanges[1]
