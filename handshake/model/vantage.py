"""The same connections seen from two places: what became of each segment between them. All of it is plain data.

"Left" and "arrived" are what the captures near the sender and near the receiver hold. Times stay as each place's own
clock gave them; `Clock` says how far the two are apart.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from handshake.model.handshake import Handshake, Side
from handshake.model.packet import IcmpError, Segment
from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.report import SourceInfo


@dataclass(frozen=True, slots=True)
class Trace:
    """One connection as one place saw it."""

    handshake: Handshake
    segments: tuple[Segment, ...]
    """In the order of capture; of a long connection the first ones."""
    copies: tuple[Segment, ...] = ()
    """Segments captured once more at this place, at nearly the same time."""
    left_out: int = 0
    """Segments behind those that are kept."""


@dataclass(frozen=True, slots=True)
class Place:
    """One of the two captures."""

    source: SourceInfo
    traces: tuple[Trace, ...]
    first_ns: int | None = None
    last_ns: int | None = None
    """Times of its first and last frame, whatever they carry; None for an empty capture."""


class Fate(Enum):
    """What became of a segment between the two places."""

    ARRIVED = "arrived"
    LOST = "lost"
    """It left, and is not in the other capture."""
    PARTLY = "lost in part"
    """Some of its bytes arrived, in other pieces."""
    REPACKED = "repacked"
    """Its bytes arrived in other pieces, or these are such pieces: segmentation or merging by a network card."""
    DOUBLED = "doubled"
    """It arrived once more than it left."""
    FOREIGN = "foreign"
    """It arrived, and never left the other end."""
    UNKNOWN = "unknown"
    """The other capture is damaged and ends before it."""

    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same where a segment left and where it arrived."""

    what: str
    """`MSS`, `TTL`, `IP identification` …"""
    left: str
    arrived: str


@dataclass(frozen=True, slots=True)
class Passage:
    """One segment on its way from one end to the other."""

    sender: Side
    fate: Fate
    left: Segment | None
    """As captured near its sender; None for what never left there."""
    arrived: Segment | None
    """As captured near its receiver; None for what did not arrive."""
    guessed: bool = False
    """Several equal segments left, and nothing tells which of them this one is."""
    overtaken: bool = False
    """One that left later arrived earlier."""
    differences: tuple[Difference, ...] = ()

    @property
    def segment(self) -> Segment:
        """The segment where it was seen first."""
        seen = self.left or self.arrived
        assert seen is not None
        return seen

    @property
    def transit_ns(self) -> int | None:
        """Receiver's clock minus sender's clock, ns: the time of the way, and what the clocks are apart."""
        if self.fate is not Fate.ARRIVED or self.left is None or self.arrived is None:
            return None
        return self.arrived.time_ns - self.left.time_ns


@dataclass(frozen=True, slots=True)
class Alteration:
    """A difference that some segments of one sender have in common."""

    sender: Side
    difference: Difference
    """As in the first of them."""
    first: Passage
    segments: int
    of: int
    """Segments of this sender that arrived."""
    varied: bool
    """The values were not always the same."""


class Likeness(Enum):
    """What shows that two connections are one."""

    WHOLE = "addresses, ports and sequence numbers"
    TRANSLATED = "sequence numbers, behind other addresses or ports"
    RENUMBERED = "addresses and ports, with other sequence numbers"
    TIMESTAMPS = "timestamps alone: other addresses and other sequence numbers"


@dataclass(frozen=True, slots=True)
class Pair:
    """One connection seen from both places."""

    client: Trace
    """As seen near the client."""
    server: Trace
    """As seen near the server."""
    likeness: Likeness
    shift: tuple[int, int]
    """Sequence numbers near the server minus those near the client, of what the client and the server send."""
    passages: tuple[Passage, ...]
    """In the order of leaving, by the client's clock."""
    alterations: tuple[Alteration, ...]

    def fates(self, fate: Fate, sender: Side | None = None) -> tuple[Passage, ...]:
        """The passages that ended so."""
        return tuple(each for each in self.passages if each.fate is fate and sender in (None, each.sender))

    def icmp(self, side: Side) -> tuple[IcmpError, ...]:
        """ICMP errors about it that were captured near that end."""
        trace = self.client if side is Side.CLIENT else self.server
        return tuple(step.packet for step in trace.handshake.steps if isinstance(step.packet, IcmpError))


@dataclass(frozen=True, slots=True)
class Clock:
    """How far the server's clock is ahead of the client's, as far as packets tell.

    Taken is that the quickest segments of both directions took equally long. Whatever is true, no segment arrives
    before it left; so the error is at most half the quickest round trip between the two places.
    """

    ahead_ns: int
    """At `since_ns` of the client's clock."""
    error_ns: int | None
    """None where only one direction has a segment in both captures: its quickest then counts as taking no time."""
    since_ns: int
    drift_ppb: int = 0
    """How much it gains, ns for each second; 0 where none can be told from jitter."""

    def ahead_at(self, client_ns: int) -> int:
        """How far it is ahead at that time of the client's clock, ns."""
        return self.ahead_ns + self.drift_ppb * (client_ns - self.since_ns) // 10**9


@dataclass(frozen=True, slots=True)
class OneWay:
    """Times of one direction, ns, the clocks brought together; what lies between them does not depend on that."""

    count: int
    least_ns: int
    median_ns: int
    most_ns: int
    jitter_ns: int
    """Mean of what the segments took longer than the quickest."""


@dataclass(frozen=True, slots=True)
class Unpaired:
    """A connection that only one place saw."""

    handshake: Handshake
    place: Side
    covered: bool | None
    """The other capture was going on at that time; None where the clocks cannot be compared."""


@dataclass(frozen=True, slots=True)
class Vantage:
    """Two captures of the same traffic, one near the client and one near the server."""

    client: Place
    server: Place
    swapped: bool
    """The captures were given in the other order."""
    placed_by: tuple[str, ...]
    """What shows which capture is whose; empty where it was taken as given."""
    doubtful: bool
    """The signs contradict each other."""
    pairs: tuple[Pair, ...]
    unpaired: tuple[Unpaired, ...]
    clock: Clock | None
    """None where no segment is in both captures."""
    forth: OneWay | None
    back: OneWay | None
    twice: tuple[Side, ...] = ()
    """Places whose capture holds every packet twice."""
