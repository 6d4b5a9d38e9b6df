"""What an observer keeps of one end of a connection: the visible part of RFC 9293's TCB (§3.3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from handshake.flow.habits import Habits
from handshake.model import seq
from handshake.model.handshake import EndState, Observed, Peer, Side
from handshake.model.packet import ACK

if TYPE_CHECKING:
    from handshake.model.address import Endpoint
    from handshake.model.packet import Segment

_COPIES_KEPT = 64
"""Copies of a SYN or SYN-ACK whose times are kept; the rest are only counted."""

_LARGE_WINDOW = 1 << 20
"""A megabyte in flight: more than most paths hold, little beside 2^32."""

_MAX_WINDOW = 1 << 30
"""The largest window there can be, bytes (RFC 7323 §2.3)."""


class Passed(NamedTuple):
    """Where one end stands after ordinary segments of which it was not told; -1 is unknown."""

    snd_nxt: int
    ack: int
    wnd: int
    tsval: int
    segments: int
    """How many of them it sent."""
    payload_bytes: int


class End:
    """One end, as far as its own segments and the other's acknowledgments show it."""

    __slots__ = (
        "endpoint",
        "fin_acked",
        "fin_end",
        "first_seq",
        "gaps",
        "habits",
        "iss",
        "last_ack",
        "opening",
        "payload_bytes",
        "rcv_acked",
        "resets",
        "segments",
        "side",
        "snd_nxt",
        "spoke",
        "state",
        "syn_acked",
        "syn_acks",
        "syns",
    )

    def __init__(self, side: Side, endpoint: Endpoint, state: EndState = Observed.UNSEEN) -> None:
        self.side = side
        self.endpoint = endpoint
        self.syns: list[Segment] = []
        """Bare SYNs of this end, copies included."""
        self.resets = 0
        self.segments = 0
        self.payload_bytes = 0
        self.spoke = False
        """It has sent something that only an open connection sends."""
        self.habits = Habits()
        self.begin(state)

    def begin(self, state: EndState) -> None:
        """Begin, or begin again after a refusal: nothing is known of the numbers."""
        self.state = state
        self.iss: int | None = None
        self.first_seq: int | None = None
        """Where relative numbers start when the SYN was not captured."""
        self.snd_nxt: int | None = None
        """End of the highest sequence number sent so far."""
        self.rcv_acked: int | None = None
        """Highest acknowledgment number that this end has sent."""
        self.last_ack: int | None = None
        """Acknowledgment number of its latest segment; a RST that answers it carries it as seq."""
        self.syn_acked = False
        """The other side has acknowledged this end's SYN."""
        self.fin_end: int | None = None
        """Sequence number that acknowledges this end's FIN."""
        self.fin_acked = False
        self.gaps = False
        """Some of its segments were not captured: its numbers went ahead without them."""
        self.opening: Segment | None = None
        """The SYN or SYN-ACK that the handshake is built on."""
        self.syn_acks: list[Segment] = []

    @property
    def base(self) -> int:
        """Sequence number shown as 0: the ISN, or one below the first number seen."""
        if self.iss is not None:
            return self.iss
        return seq.add(self.first_seq, -1) if self.first_seq is not None else 0

    def keep(self, copies: list[Segment], segment: Segment) -> None:
        """Remember a SYN or SYN-ACK, bounded."""
        if len(copies) < _COPIES_KEPT:
            copies.append(segment)

    def adopt(self, segment: Segment) -> None:
        """Build on this SYN or SYN-ACK: its ISN is where this end's numbers start."""
        self.iss = segment.seq
        self.opening = segment
        self.snd_nxt = seq.add(segment.seq, segment.seg_len)

    def sent(self, segment: Segment) -> None:
        """Count a segment of this end."""
        self.segments += 1
        self.payload_bytes += segment.payload_len
        if self.first_seq is None:
            self.first_seq = segment.seq
        if segment.flags & ACK:
            self.last_ack = segment.ack_raw

    def advance(self, segment: Segment) -> None:
        """Move this end's numbers forward by a segment that counts."""
        end, sent = (segment.seq + segment.seg_len) % seq.MODULUS, self.snd_nxt
        if sent is None or sent == segment.seq:
            self.snd_nxt = end
        else:
            self.gaps = self.gaps or self.skips_to(segment.seq)
            self.snd_nxt = seq.latest(sent, end)
        if segment.flags & ACK and segment.ack_raw != self.rcv_acked:
            acked = self.rcv_acked
            self.rcv_acked = segment.ack_raw if acked is None else seq.latest(acked, segment.ack_raw)

    def catch_up(self, passed: Passed) -> None:
        """Take over where it stands, and count what it sent."""
        self.segments += passed.segments
        self.payload_bytes += passed.payload_bytes
        if passed.snd_nxt >= 0:
            self.snd_nxt = passed.snd_nxt
        if passed.ack >= 0:
            self.last_ack = passed.ack
            self.rcv_acked = passed.ack if self.rcv_acked is None else seq.latest(self.rcv_acked, passed.ack)
        if passed.wnd >= 0:
            self.habits.wnd = passed.wnd
        if passed.tsval >= 0:
            self.habits.tsval = passed.tsval

    def acknowledged_by(self, ack: int) -> bool:
        """Whether an acknowledgment number covers this end's SYN and nothing that was never sent."""
        if self.iss is None or self.snd_nxt is None:
            return False
        return seq.within(seq.add(self.iss, 1), ack, self.snd_nxt)

    def far_from(self, ack: int) -> bool:
        """Whether a number lies further from what this end has sent than any window or gap in a capture explains."""
        return self.snd_nxt is not None and far(self.snd_nxt, ack)

    def skips_to(self, number: int) -> bool:
        """Whether a segment with this sequence number can only follow segments that were not captured."""
        return self.snd_nxt is not None and 0 < seq.distance(self.snd_nxt, number) <= _MAX_WINDOW

    def may_have_sent(self, number: int) -> bool:
        """Whether a sequence number lies in what this end has sent; also when its ISN is not known."""
        return self.iss is None or self.snd_nxt is None or seq.within(self.iss, number, self.snd_nxt)

    def view(self) -> Peer:
        """The end as plain data."""
        return Peer(self.endpoint, self.state, self.iss, self.segments, self.payload_bytes, self.opening)


def near(left: int, right: int) -> bool:
    """Whether two numbers lie within a large window of each other, which two unrelated ones hardly ever do."""
    return abs(seq.distance(left, right)) <= _LARGE_WINDOW


def far(left: int, right: int) -> bool:
    """Whether two numbers lie further apart than any window."""
    return abs(seq.distance(left, right)) > _MAX_WINDOW
