"""TCP against UDP: what each packet costs, flow by flow, and what it amounts to. All of it is plain data."""

from __future__ import annotations

from dataclasses import field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, NamedTuple

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.report import SourceInfo

SIZES = (0, 64, 128, 256, 512, 1024, 1500)
"""Upper ends of the bins for payload bytes; one bin more is above the last."""
GAPS_NS = (100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
"""Upper ends of the bins for times between packets of one flow, ns; one bin more is above the last."""


class Part(Enum):
    """What a packet is there for."""

    OPENING = "opening"
    """Before the connection is open: SYN, SYN-ACK, the bare ACK that completes it, and copies of these."""
    DATA = "data"
    """It carries payload."""
    ACK = "acknowledgments"
    """Without payload, in between."""
    CLOSING = "closing"
    """Without payload, from the first FIN or RST on."""

    __hash__ = object.__hash__


class Passed(NamedTuple):
    """One packet on its way, as far as a comparison wants to know it."""

    time_ns: int
    reply: bool
    """From the server."""
    wire: int
    """Bytes on the wire, with every header that was captured."""
    payload: int
    span: int
    """Sequence space it takes (SYN, FIN, payload); for a datagram its payload, but at least 1."""
    flags: int
    """TCP flags; 0 for a datagram."""
    again: bool
    """Nothing new: all of it was captured before."""


@dataclass(slots=True)
class Traffic:
    """Packets of one flow, or of several together."""

    packets: int = 0
    wire: int = 0
    """Bytes on the wire, with every header that was captured."""
    payload: int = 0
    parts: dict[Part, tuple[int, int]] = field(default_factory=dict)
    """Packets and bytes on the wire by what they are there for."""
    again: int = 0
    """Packets that carry nothing new: sent again, or doubled by the network."""
    late: int = 0
    """TCP segments that fill a gap before what was captured earlier: out of order, or sent again after a loss."""
    sizes: list[int] = field(default_factory=lambda: [0] * (len(SIZES) + 1))
    """Packets by payload bytes, in the bins of `SIZES`."""
    gaps: list[int] = field(default_factory=lambda: [0] * (len(GAPS_NS) + 1))
    """Times from one packet of a flow to its next, in the bins of `GAPS_NS`."""

    @property
    def headers(self) -> int:
        """Bytes on the wire that are no payload."""
        return max(self.wire - self.payload, 0)

    def add(self, other: Traffic) -> None:
        """Count another flow's packets here as well."""
        self.packets += other.packets
        self.wire += other.wire
        self.payload += other.payload
        for part, (packets, wire) in other.parts.items():
            own_packets, own_wire = self.parts.get(part, (0, 0))
            self.parts[part] = own_packets + packets, own_wire + wire
        self.again += other.again
        self.late += other.late
        self.sizes = [mine + theirs for mine, theirs in zip(self.sizes, other.sizes, strict=True)]
        self.gaps = [mine + theirs for mine, theirs in zip(self.gaps, other.gaps, strict=True)]


@dataclass(frozen=True, slots=True)
class Metered:
    """The traffic of one flow with its first packets."""

    traffic: Traffic
    first: tuple[Passed, ...]


@dataclass(frozen=True, slots=True)
class FirstByte:
    """What it took until the server's first useful byte."""

    packets: int
    """All packets up to the one that carried it, that one included."""
    wire: int
    """Their bytes on the wire."""
    round_trips: int
    """Answers that the client had to wait for, this one included."""
    took_ns: int
    """From the flow's first packet."""


@dataclass(frozen=True, slots=True)
class Tried:
    """The flow that stands for its kind: its first packets and what came of it."""

    number: int
    """Of the handshake or exchange."""
    name: str
    """`TCP #1 10.0.0.1:40001 → 10.0.0.2:7`."""
    first: tuple[Passed, ...]
    """Its first packets."""
    useful: FirstByte


@dataclass(frozen=True, slots=True)
class Way:
    """One transport: of a whole capture, or of one service."""

    transport: str
    """`TCP` or `UDP`."""
    flows: int
    """Connections, or exchanges."""
    answered: int
    """Flows in which the server sent payload."""
    refused: int
    """Flows refused by a RST to the SYN, or turned back by an ICMP error without a reply."""
    silent: int
    """Flows to which nothing came back."""
    opened: int
    """TCP: flows whose handshake was completed. UDP has none; QUIC's are counted here."""
    closed: int
    """TCP: flows closed by both sides or reset."""
    asked_again: int
    """UDP: requests repeated by the application, since nobody else does; TCP: SYNs and SYN-ACKs sent again."""
    useful: FirstByte | None
    """Medians over the flows with a reply."""
    measured: int
    """How many flows those are."""
    traffic: Traffic
    best: Tried | None = None
    """The quickest of them: the one to look at."""
    times_ns: tuple[int, ...] = ()
    """What each of them took until the first useful byte, ascending."""


@dataclass(frozen=True, slots=True)
class Match:
    """The same service over both."""

    service: str
    tcp: Way
    udp: Way


class Service(StrEnum):
    """What is asked over both transports in a live comparison."""

    ECHO = "echo"
    DNS = "dns"


@dataclass(frozen=True, slots=True)
class Trial:
    """How a comparison was played live: the same exchanges over both, across a wire of our own."""

    count: int
    """Times that each exchange was to be made over each transport."""
    delay_ns: int
    """How long the wire takes, one direction."""
    loss: str
    """What it was to lose, in words; empty: nothing."""
    seed: int
    """What the dice of the loss started from."""
    lost: tuple[int, int]
    """Packets of TCP and of UDP that the wire lost."""
    failed: tuple[int, int]
    """Exchanges over TCP and UDP that the client gave up."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """TCP against UDP in captures."""

    sources: tuple[SourceInfo, ...]
    tcp: Way
    udp: Way
    matches: tuple[Match, ...]
    unmetered: int = 0
    """Packets of flows beyond those that are counted one by one; they are in the sums of the whole."""
    trial: Trial | None = None
    """How it came about, where it was not read from captures of others."""
