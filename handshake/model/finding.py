"""A finding: something unusual about a handshake, with a permanent code."""

from __future__ import annotations

from enum import Enum

from handshake.model.record import dataclass


class Severity(Enum):
    """How much a finding matters to someone whose connection does not open, or opens slowly."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about one handshake. The rule's full text is in `handshake explain CODE`."""

    code: str
    """Permanent, e.g. `HS101`."""
    name: str
    """Kebab-case, e.g. `syn-retransmitted`."""
    severity: Severity
    detail: str
    """What was seen here, in one sentence with the numbers."""
    frames: tuple[int, ...] = ()
    """Numbers of the frames that show it."""
