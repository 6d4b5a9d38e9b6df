"""The annotated handshake: what happened between two endpoints, step by step, and how it ended.

States are RFC 9293 §3.3.2 names; terms follow RFC 9293 and Wireshark. All of it is plain data. Members of enumerations
are one of a kind, so that their hash is that of the object; Enum's own takes the name's, ten times slower.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.address import Endpoint
    from handshake.model.application import Application, QuicHandshake
    from handshake.model.dns import DnsAnswer, Lookup
    from handshake.model.finding import Finding
    from handshake.model.packet import Datagram, IcmpError, Segment, Tags


class Side(Enum):
    """Which end of a connection: the client opens actively, the server passively."""

    CLIENT = "client"
    SERVER = "server"

    __hash__ = object.__hash__

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.SERVER if self is Side.CLIENT else Side.CLIENT


class State(Enum):
    """Connection states of RFC 9293 §3.3.2."""

    CLOSED = "CLOSED"
    LISTEN = "LISTEN"
    SYN_SENT = "SYN-SENT"
    SYN_RECEIVED = "SYN-RECEIVED"
    ESTABLISHED = "ESTABLISHED"
    FIN_WAIT_1 = "FIN-WAIT-1"
    FIN_WAIT_2 = "FIN-WAIT-2"
    CLOSE_WAIT = "CLOSE-WAIT"
    CLOSING = "CLOSING"
    LAST_ACK = "LAST-ACK"
    TIME_WAIT = "TIME-WAIT"

    __hash__ = object.__hash__


class Observed(Enum):
    """What only an observer can say: the endpoint has a state, but the capture does not show which."""

    UNSEEN = "UNSEEN"
    """Nothing of this endpoint has been seen that tells its state."""
    PARTIAL = "PARTIAL"
    """Somewhere in a synchronised state: the opening was not captured."""

    __hash__ = object.__hash__


EndState = State | Observed


class Outcome(Enum):
    """How the opening of a connection ended, as far as the capture shows."""

    ESTABLISHED = "established"
    SIMULTANEOUS_OPEN = "simultaneous-open"
    SPLIT_HANDSHAKE = "split-handshake"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    UNREACHABLE = "unreachable"
    HALF_OPEN = "half-open"
    ABORTED_BY_CLIENT = "aborted-by-client"
    ABORTED_BY_SERVER = "aborted-by-server"
    ONE_SIDED = "one-sided"
    MIDSTREAM = "midstream"

    __hash__ = object.__hash__

    @property
    def opened(self) -> bool:
        """True when both ends are known to have reached ESTABLISHED through a handshake."""
        return self in (Outcome.ESTABLISHED, Outcome.SIMULTANEOUS_OPEN, Outcome.SPLIT_HANDSHAKE)


class Mark(Enum):
    """A fact recognised about one segment while it was judged; findings are built from these."""

    SYN_RETRANSMITTED = "SYN retransmitted"
    SYN_ACK_RETRANSMITTED = "SYN-ACK retransmitted"
    SYN_ACK_AFTER_ACK = "SYN-ACK repeated although it was acknowledged"
    SYN_ACK_NEW_ISN = "SYN-ACK with another initial sequence number"
    BAD_ACK = "acknowledges something never sent"
    STRAY_ACK = "bare ACK in reply to a SYN"
    CHALLENGE_ACK = "challenge ACK"
    SYN_IN_CONNECTION = "SYN inside an open connection"
    DATA_IN_SYN = "data in the SYN"
    DATA_IN_SYN_ACK = "data in the SYN-ACK"
    DATA_IN_THIRD_SEGMENT = "data in the third segment"
    DATA_BEFORE_ACK = "server data before the third segment"
    HANDSHAKE_COMPLETE = "completes the handshake"
    PORT_REUSED = "4-tuple used again"
    TIME_WAIT_REUSED = "4-tuple in TIME-WAIT used again"
    TIME_WAIT_NOT_NEWER = "4-tuple in TIME-WAIT used again, with a number or timestamp that is not newer"
    FIN_RETRANSMITTED = "FIN retransmitted"
    RST_UNACCEPTABLE = "RST outside the window"
    DATA_AFTER_CLOSE = "data after the sender's FIN"
    AFTER_RST = "segment after a RST"
    KEEP_ALIVE = "keep-alive"
    ZERO_WINDOW_PROBE = "zero-window probe"
    WINDOW_OPENED = "opens the zero window of the SYN-ACK"
    TTL_CHANGED = "another TTL than before"
    TIMESTAMP_MISSING = "without the timestamps agreed on"
    TIMESTAMP_BACK = "timestamp goes back"
    OPTION_UNAGREED = "option that was not agreed on"
    SACK_FAR = "SACK of far numbers"
    SIGNATURE_CHANGED = "signed otherwise than before"
    THIRD_LATE = "third segment, captured behind the data after it"
    TIME_BACK = "captured at an earlier time than the segment before"
    QUOTE_MISMATCH = "quotes a number that was never sent"
    NO_ACK = "neither opens, resets nor acknowledges"
    UNEXPECTED = "not in the state table"

    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Change:
    """State of one endpoint before and after a step."""

    before: EndState
    after: EndState

    @property
    def moved(self) -> bool:
        """True when the step changed the state."""
        return self.before is not self.after


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the timeline: a segment or ICMP error, and what it did to both ends."""

    packet: Segment | IcmpError
    sender: Side
    """Who sent the segment; for an ICMP error, the side that the error blames (the one it could not reach)."""
    client: Change
    server: Change
    note: str
    """What the step means, in words, from the state table."""
    marks: tuple[Mark, ...] = ()
    rel_seq: int = 0
    """Sequence number relative to the sender's ISN."""
    rel_ack: int | None = None
    """Acknowledgment number relative to the receiver's ISN; None without the ACK flag."""

    @property
    def time_ns(self) -> int:
        """Capture time, ns since the epoch."""
        return self.packet.time_ns


@dataclass(frozen=True, slots=True)
class Fold:
    """Ordinary segments between two steps, counted and not listed."""

    first_ns: int
    last_ns: int
    client_segments: int
    client_bytes: int
    server_segments: int
    server_bytes: int

    @property
    def time_ns(self) -> int:
        """Capture time of the first folded segment, ns since the epoch."""
        return self.first_ns


@dataclass(frozen=True, slots=True)
class Peer:
    """What is known of one endpoint at the end."""

    endpoint: Endpoint
    state: EndState
    iss: int | None
    """Raw initial send sequence number; None when its SYN was not captured."""
    segments: int
    payload_bytes: int
    opening: Segment | None
    """Its SYN or SYN-ACK, the one the handshake was built on; carries window and options."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the opening took. All values ns; None when the packets to measure it are missing.

    After a retransmission it is unknown which copy was answered, so the round trip is left out
    (Karn's algorithm, RFC 6298 §3) unless a timestamp echo tells; `excluded` then says why.
    """

    irtt_ns: int | None = None
    """`syn_to_synack_ns + synack_to_ack_ns` (Wireshark `tcp.analysis.initial_rtt`)."""
    syn_to_synack_ns: int | None = None
    """Network both ways plus the server's reaction, as seen at the capture point."""
    synack_to_ack_ns: int | None = None
    """The client's side, as seen at the capture point."""
    setup_ns: int | None = None
    """First SYN to the segment that completed the handshake: what the user waited, retries included."""
    excluded: str | None = None
    reply_ns: int | None = None
    """First data of the client to the first data of the server after it; where the server speaks first, from the
    segment that completed the handshake."""
    thought_ns: int | None = None
    """What of `reply_ns` the server itself took: without the way there and back (`syn_to_synack_ns`)."""


@dataclass(frozen=True, slots=True)
class Named:
    """The name under which a server was looked up before the connection."""

    name: str
    server: Endpoint
    """The name server that said so."""
    answered_ns: int
    """When, ns since the epoch."""
    ttl_s: int
    """How long the answer may be kept."""
    exchange: int | None
    """Number of the UDP exchange that held question and answer; None when it was asked over TCP."""


@dataclass(frozen=True, slots=True)
class Negotiated:
    """One row of the option table: what was offered in the SYN, accepted in the SYN-ACK, in effect."""

    name: str
    offered: str
    accepted: str
    in_effect: str


class CloseKind(Enum):
    """How a connection was closed, as far as the capture shows."""

    OPEN = "open"
    """No FIN or RST was captured."""
    FIN = "fin"
    """Both sides sent FIN and both were acknowledged."""
    FIN_UNFINISHED = "fin-unfinished"
    """Both sides sent FIN, the last acknowledgment was not captured."""
    HALF_CLOSED = "half-closed"
    """One side sent FIN, the other did not."""
    RST = "rst"
    FIN_THEN_RST = "fin-then-rst"

    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Teardown:
    """How it ended and who began the ending."""

    kind: CloseKind
    first: Side | None = None
    """The side that sent the first FIN or RST."""
    reset_by: Side | None = None
    simultaneous: bool = False
    """The FINs crossed: both ends went through CLOSING."""


class Copies(NamedTuple):
    """How many packets of a connection were captured once more at the same place."""

    syn: int
    syn_ack: int
    other: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self)


NO_COPIES = Copies(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Handshake:
    """One connection attempt from its first to its last captured packet."""

    number: int
    """Order of appearance, from 1."""
    client: Peer
    server: Peer
    outcome: Outcome
    timeline: tuple[Step | Fold, ...]
    timing: Timing
    negotiation: tuple[Negotiated, ...]
    teardown: Teardown
    syn_retransmits: int
    synack_retransmits: int
    role_inferred: bool
    """No SYN was captured: who is the client is a guess (lower port = server)."""
    tags: Tags = ()
    """VLANs and tunnels around its first packet, outermost first."""
    other_ways: tuple[tuple[Side, Tags], ...] = ()
    """Senders and the other VLANs and tunnels in which some of their packets came."""
    copies: Copies = NO_COPIES
    """Packets that were captured more than once; each was judged once."""
    evicted: bool = False
    """Dropped from the flow table before its end because the table was full."""
    application: Application | None = None
    """What was said over it, where the protocol was recognised."""
    named: Named | None = None
    """The latest answer of a name server, seen before it began, that gave the server's address to the client."""
    announced_by: int | None = None
    """Number of the FTP control connection that announced this data connection."""
    source: str = ""
    """The capture or interface that it was seen in."""
    findings: tuple[Finding, ...] = ()

    @property
    def start_ns(self) -> int:
        """Capture time of its first packet, ns since the epoch."""
        return self.timeline[0].time_ns

    @property
    def end_ns(self) -> int:
        """Capture time of its last packet, ns since the epoch."""
        last = self.timeline[-1]
        return last.last_ns if isinstance(last, Fold) else last.time_ns

    @property
    def steps(self) -> tuple[Step, ...]:
        """The timeline without the folded runs of ordinary segments."""
        return tuple(step for step in self.timeline if isinstance(step, Step))

    def peer(self, side: Side) -> Peer:
        """The endpoint on the given side."""
        return self.client if side is Side.CLIENT else self.server


class Reach(Enum):
    """What UDP lets one say about a port: only an answer or an ICMP error is evidence."""

    OPEN = "open"
    """A reply came."""
    CLOSED = "closed"
    """The host itself says port unreachable (RFC 1122 §4.1.3.1)."""
    FILTERED = "filtered"
    """Another ICMP error: the datagram was turned back."""
    SILENT = "open or filtered"
    """Nothing came back: lost, dropped, or taken by a service that had nothing to say."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """UDP datagrams between two endpoints: there is no handshake to see, only whether a reply came."""

    number: int
    client: Endpoint
    """Sender of the first datagram."""
    server: Endpoint
    start_ns: int
    end_ns: int
    requests: int
    replies: int
    request_bytes: int
    reply_bytes: int
    first_reply_ns: int | None
    """First datagram to first reply, ns; None without a reply."""
    icmp: IcmpError | None = None
    """The first ICMP error that quoted a datagram of this exchange."""
    lookups: tuple[Lookup, ...] = ()
    """DNS questions in it, with their answers."""
    tags: Tags = ()
    source: str = ""
    """The capture or interface that it was seen in."""
    datagrams: tuple[Datagram | IcmpError, ...] = ()
    """The first datagrams and ICMP errors in order: of a capture 50 at most, of a probe all."""
    notes: tuple[str, ...] = ()
    """What is in each of them, in words (DNS, QUIC, a repetition); empty for a probe's."""
    quic: QuicHandshake | None = None
    """The handshake of QUIC in it, where it begins with one."""
    answer: DnsAnswer | None = None
    """The reply as DNS, where a probe asked a DNS question."""

    @property
    def verdict(self) -> Reach:
        """What the exchange says about the server's port."""
        if self.replies:
            return Reach.OPEN
        if self.icmp is None or not self.icmp.undeliverable:
            return Reach.SILENT
        port_unreachable = (self.icmp.type, self.icmp.code) == ((3, 3) if self.icmp.version == 4 else (1, 4))
        return Reach.CLOSED if port_unreachable and self.icmp.reporter == self.server.address else Reach.FILTERED
