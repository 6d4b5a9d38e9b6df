"""Many handshakes that tell one story together: a scan, a flood, a host that chooses its numbers badly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.finding import Severity


@dataclass(frozen=True, slots=True)
class Crowd:
    """One finding about many handshakes. The rule's full text is in `handshake explain CODE`."""

    code: str
    """Permanent, `HS6` and two digits."""
    name: str
    """Kebab-case, e.g. `port-scan`."""
    severity: Severity
    who: str
    """The address that does it; for forged senders, how many there are."""
    detail: str
    """What was seen, in one sentence with the numbers."""
    members: Sequence[int]
    """Numbers of its handshakes, ascending."""
    start_ns: int
    end_ns: int
    """First and last packet of all of them, ns since the epoch."""
    alike: bool
    """Its handshakes that never opened are so alike that a list of them tells no more than this does."""
    source: str = ""
    """The capture that it was seen in."""

    @property
    def rate_per_s(self) -> float | None:
        """Handshakes a second; None when all began at the same moment."""
        span_ns = self.end_ns - self.start_ns
        return len(self.members) / span_ns * 1e9 if span_ns else None
