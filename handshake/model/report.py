"""What a run saw as a whole: sources, counts, handshakes. Every output format draws this one model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import TYPE_CHECKING

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.address import Endpoint
    from handshake.model.crowd import Crowd
    from handshake.model.dns import Lookup
    from handshake.model.handshake import Exchange, Handshake
    from handshake.model.kernel import Connect, KernelView
    from handshake.model.listener import Listener
    from handshake.model.listing import Listing
    from handshake.model.totals import Totals


@dataclass(frozen=True, slots=True)
class Damage:
    """Where a capture could not be read any further; everything before it was."""

    offset: int | None
    """Bytes into the (decompressed) file; None where the reader does not tell."""
    number: int
    """Number of the packet that could not be read, from 1."""
    reason: str


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """One capture file or interface, as far as it was read."""

    name: str
    format: str
    """`pcap`, `pcapng`, `pcapng, gzip`, `live` …"""
    frames: int
    damage: Damage | None = None
    dropped: int | None = None
    """Frames that the kernel's queue had no room for; None where nobody counts them."""


@dataclass(slots=True)
class Tally:
    """Counts of a run. What was not decoded is counted by reason, never dropped in silence."""

    frames: int = 0
    tcp: int = 0
    udp: int = 0
    icmp_errors: int = 0
    undecoded: dict[str, int] = field(default_factory=dict)
    """Reason to number of frames: other protocols, later fragments …"""
    faults: dict[str, int] = field(default_factory=dict)
    """Reason to number of frames whose bytes were wrong or cut."""
    evicted: int = 0
    """Connections dropped from the full flow table before their end."""
    evicted_exchanges: int = 0
    """UDP exchanges dropped from the full table."""
    first_ns: int | None = None
    """Time of the earliest frame."""
    last_ns: int | None = None
    """Time of the latest frame."""
    copies: int = 0
    """Packets captured once more, at another interface or at the same place, and folded."""
    backward: int = 0
    """Frames dated before a frame that stands before them in the same capture."""
    most_backward_ns: int = 0
    """How far back the farthest of them goes."""
    unmatched_icmp: int = 0
    """ICMP errors about flows of which nothing else was captured."""
    forgotten: int = 0
    """Handshakes that rules about many, listening sockets and percentiles did not look at: there were too many."""

    def merge(self, later: Tally) -> None:
        """Add the counts of another capture."""
        for name in (
            "frames", "tcp", "udp", "icmp_errors", "evicted", "evicted_exchanges", "copies", "backward",
            "unmatched_icmp", "forgotten",
        ):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(later, name))
        for mine, other in ((self.undecoded, later.undecoded), (self.faults, later.faults)):
            for reason, number in other.items():
                mine[reason] = mine.get(reason, 0) + number
        self.most_backward_ns = max(self.most_backward_ns, later.most_backward_ns)
        self.first_ns = min((ns for ns in (self.first_ns, later.first_ns) if ns is not None), default=None)
        self.last_ns = max((ns for ns in (self.last_ns, later.last_ns) if ns is not None), default=None)


def summed(tallies: Iterable[Tally]) -> Tally:
    """The counts of several runs together."""
    total = Tally()
    for tally in tallies:
        total.merge(tally)
    return total


@dataclass(frozen=True, slots=True)
class Target:
    """What the user asked to probe, as typed and as understood."""

    text: str
    """As typed."""
    host: str
    """Name or address without brackets."""
    port: int
    service: str | None = None
    """Service name: as typed (`localhost:http`) or the port's well-known one."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """How a name became an address, before any packet to the target."""

    host: str
    addresses: tuple[bytes, ...]
    """All addresses in the order of preference; the first was used. 4 or 16 bytes each."""
    source: str
    """Who answered: `literal`, `hosts file`, `system resolver` …, `name server 10.0.0.53:53`."""
    took_ns: int
    lookups: tuple[Lookup, ...] = ()
    """What was asked of the name server and what it said, where we asked it ourselves."""

    @property
    def ttl_s(self) -> int | None:
        """How long all of it may be kept, seconds: the smallest TTL; None where nobody told one."""
        return min((r.ttl_s for lookup in self.lookups if lookup.answer for r in lookup.answer.records), default=None)


@dataclass(frozen=True, slots=True)
class Route:
    """The way the kernel takes to the target."""

    interface: str
    mtu: int
    source: bytes
    """Our address: the one that the kernel prefers, or the chosen one; 4 or 16 bytes."""
    gateway: bytes | None = None
    pinned: bool = False
    """The interface was chosen, not left to the kernel."""


@dataclass(frozen=True, slots=True)
class Approach:
    """What came before the first packet of a probe: target, name resolution, route."""

    target: Target
    resolution: Resolution
    route: Route
    server: Endpoint


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said over a probed connection, in the order of its sequence numbers."""

    sent: int
    """Bytes that we had to say."""
    data: bytes
    """Its beginning, at most 64 KiB."""
    length: int
    """All bytes that came."""
    finished: bool
    """The server ended its side: there was no more to come."""

    @property
    def text(self) -> str:
        r"""`data` as UTF-8; bytes that are none stand as `\xff`."""
        return self.data.decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Answer:
    """One crafted segment with odd flags, what RFC 9293 has a server answer to it, and what came."""

    sent: str
    """Its flags."""
    listening: str
    """The answer of a port that listens (§3.10.7.2)."""
    closed: str
    """The answer of a port that does not (§3.10.7.1)."""
    came: str
    meaning: str
    """What the answer says about the port."""
    expected: bool
    """It is one that the RFC, or a known system, gives."""
    deviation: str = ""
    """A known system that answers in another way; empty without one."""


@dataclass(frozen=True, slots=True)
class Report:
    """The view-model of every output format."""

    sources: tuple[SourceInfo, ...]
    tally: Tally
    handshakes: tuple[Handshake, ...]
    exchanges: tuple[Exchange, ...] = ()
    approach: Approach | None = None
    """Only for a probe."""
    kernel: tuple[KernelView, ...] = ()
    """What the server's kernel said while it was probed, where that is this machine's."""
    connects: tuple[Connect, ...] = ()
    """Ordinary connections, as the kernel tells of them."""
    totals: Totals | None = None
    """Of a watch or a summary, which do not keep their handshakes."""
    reply: Reply | None = None
    """What a probed server said, if it or we said anything."""
    answer: Answer | None = None
    """Of a probe with a single odd segment."""
    crowds: tuple[Crowd, ...] = ()
    """What many of the handshakes amount to together."""
    listeners: tuple[Listener, ...] | None = None
    """Listening sockets with several clients at once, where `handshakes` has not all that tell of them."""
    listing: Listing | None = None
    """The handshakes as lines, where `handshakes` does not hold them."""
    exchange_counts: tuple[int, int] | None = None
    """UDP exchanges and how many had no reply, where `exchanges` does not list them."""
    unchosen: tuple[Handshake | Exchange, ...] = ()
    """What a selection left out; the story of a chosen handshake may lead there."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of one of many probes."""

    number: int
    """In the order of starting, from 1."""
    approach: Approach
    handshake: Handshake | None
    """None when the probe could not be carried out."""
    error: str | None
    """Why not, None otherwise."""
