"""What a watcher is told while handshakes happen."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.handshake import Handshake


class EventKind(Enum):
    """What happened to a connection attempt."""

    OPENED = "opened"
    """Both ends are established."""
    FAILED = "failed"
    """It was refused, reset or reported undeliverable, or is not complete in time; a late answer may still open it."""
    CLOSED = "closed"
    """Both directions are closed, or it was reset."""
    LOST = "lost"
    """It was open and is followed no further: its 4-tuple is used again, or the flow table was full."""


@dataclass(frozen=True, slots=True)
class Event:
    """One change, and the handshake as it stood then."""

    kind: EventKind
    time_ns: int
    """When it happened, ns since the epoch: the time of the packet, or the moment when time was up."""
    handshake: Handshake
