"""tshark's streams: the claims that share a `tcp.stream`, and what they amount to.

tshark itself judges little: its completeness bits do not check a single number. So the judgement is derived here from
the numbers that it dissected, by rules of a few lines that owe nothing to our state machine.
"""

from __future__ import annotations

from handshake.model import seq
from handshake.model.address import Endpoint
from handshake.model.claim import Claim
from handshake.model.packet import ACK, FIN, RST, SYN, Segment, Tags

_SOUGHT = 400
"""The third segment is sought among so many of a stream's first ones."""
_AT_ONCE = 16
_ANSWERS = 8
"""SYN-ACKs of different numbers whose confirmation is sought."""
_MAX_WINDOW = 1 << 30
"""The largest window there can be (RFC 7323 §2.3); numbers farther apart than that are not of one connection."""
_TAGS_KEPT = 16


class Stream:
    """One of tshark's streams, growing."""

    def __init__(self, number: int, first: Segment) -> None:
        self.number = number
        self.first = first
        self.last_ns = first.time_ns
        self.segments = 0
        self.syns: list[Segment] = []
        """Bare SYNs, and below SYN-ACKs; bounded."""
        self.syn_acks: list[Segment] = []
        self.copies: dict[tuple[Endpoint, int, int], int] = {}
        """How often a SYN or SYN-ACK was there: by sender, number and flags."""
        self.reset: Segment | None = None
        """The first RST."""
        self.first_ack: Segment | None = None
        """The first segment with ACK and without SYN, later than the SYN: it ends tshark's initial round trip."""
        self.completeness: int | None = None
        self.initial_rtt_ns: int | None = None
        self.analysis: set[str] = set()
        self.tags: set[Tags] = set()
        """VLANs and tunnels around its segments, as tshark dissected them; bounded."""
        self.fragmented = False
        self.closed = False
        """A FIN or RST is among its segments."""
        self.syn_and_rst = False
        """A segment has both flags."""
        self.senders: set[Endpoint] = set()
        self.spoke: set[Endpoint] = set()
        """Who sent something with ACK that neither opens nor resets."""
        self.said: set[Endpoint] = set()
        """Who of them sent data or FIN."""
        self.early: list[Segment] = []
        """Its first segments, bounded, until the third one of a handshake is found."""
        self._third: Segment | None = None

    def add(self, claim: Claim, segment: Segment, *, twice: bool = False) -> None:
        """Take one more claim; what was captured `twice` is not sent again."""
        self.segments += 1
        self.senders.add(segment.src)
        self.last_ns = segment.time_ns
        self.fragmented = self.fragmented or claim.fragmented
        self.analysis |= claim.analysis
        if claim.completeness is not None:
            self.completeness = claim.completeness
        if self.initial_rtt_ns is None:
            self.initial_rtt_ns = claim.initial_rtt_ns
        if len(self.tags) < _TAGS_KEPT:
            self.tags.add(segment.tags)
        self.closed = self.closed or bool(segment.flags & (FIN | RST))
        if segment.flags & SYN:
            self._open(segment, twice)
            self.syn_and_rst = self.syn_and_rst or bool(segment.flags & RST)
        elif segment.flags & ACK:
            self._speak(segment)
        if segment.flags & RST and self.reset is None:
            self.reset = segment
        if self._third is None and len(self.early) < (_SOUGHT if self.copies else _AT_ONCE):
            self.early.append(segment)
            if len(self.early) <= _AT_ONCE:
                self._seek()

    def _speak(self, segment: Segment) -> None:
        asked_ns = self.syns[-1].time_ns if self.syns else None
        if self.first_ack is None or self.first_ack.time_ns == asked_ns:  # a round trip of zero is none to tshark
            self.first_ack = segment
        if not segment.flags & RST:
            self.spoke.add(segment.src)
            if segment.seg_len:
                self.said.add(segment.src)

    def _open(self, segment: Segment, twice: bool) -> None:
        kept = self.syn_acks if segment.flags & ACK else self.syns
        if len(kept) < _SOUGHT:
            kept.append(segment)
        key = segment.src, segment.seq, segment.flags & ACK
        if key in self.copies or len(self.copies) < _SOUGHT:
            self.copies[key] = self.copies.get(key, 0) + (not twice)

    def _seek(self, *, gaps: bool = False) -> None:
        answers = {answer.seq: answer for answer in reversed(self.syn_acks) if self.acknowledged(answer)}
        for answer in list(answers.values())[-_ANSWERS:]:
            self._third = self._third or third_segment(answer, self.early, gaps=gaps)
        if self._third is not None and not self.crossed:
            self.early.clear()

    @property
    def client(self) -> Endpoint:
        """Who opens: the sender of the first SYN, or the receiver of the first SYN-ACK, or of the first segment."""
        if self.syns:
            return self.syns[0].src
        return self.syn_acks[0].dst if self.syn_acks else self.first.src

    @property
    def ends(self) -> frozenset[Endpoint]:
        """Both endpoints."""
        return frozenset((self.first.src, self.first.dst))

    @property
    def answer(self) -> Segment | None:
        """The first SYN-ACK that acknowledges a SYN, with or without its data."""
        return next(filter(self.acknowledged, self.syn_acks), None)

    @property
    def crossed(self) -> bool:
        """Both ends sent a bare SYN."""
        return len({syn.src for syn in self.syns}) > 1

    @property
    def crossing_confirmed(self) -> bool:
        """Both ends sent a bare SYN, and the other one acknowledged it (RFC 9293 §3.5, figure 7)."""
        confirmed = {
            syn.src
            for syn in self.syns
            for segment in (*self.syn_acks, *self.early)
            if segment.src != syn.src and segment.flags & (ACK | RST) == ACK and _covers(segment, syn)
        }
        return confirmed == self.ends

    def acknowledged(self, answer: Segment) -> bool:
        """Whether a SYN-ACK acknowledges one of the SYNs."""
        return any(_answers(answer, syn) for syn in self.syns)

    @property
    def third(self) -> Segment | None:
        """The first segment that acknowledges the answer, and nothing that was never sent."""
        if self._third is None:
            self._seek(gaps=True)
        return self._third


def _answers(answer: Segment, syn: Segment) -> bool:
    """A SYN-ACK of the other end acknowledges a SYN; one that talks to itself is both ends."""
    return (answer.src != syn.src or syn.src == syn.dst) and _covers(answer, syn)


def _covers(segment: Segment, syn: Segment) -> bool:
    """The acknowledgment is of the SYN, and of all of its data or none (RFC 7413 §3)."""
    return segment.ack_raw in (seq.add(syn.seq, 1), seq.add(syn.seq, 1 + syn.payload_len))


def third_segment(answer: Segment, segments: list[Segment], *, gaps: bool) -> Segment | None:
    """The first segment behind a SYN-ACK whose acknowledgment covers it, up to what its sender had sent by then.

    With `gaps`, if there is none, the first one that is ahead of what was captured in both numbers. A RST with the
    number that its receiver expects ends the search. Captured before the SYN-ACK it has to fit it exactly.
    """
    wanted = seq.add(answer.seq, 1)
    top = seq.add(wanted, answer.payload_len)
    sent = answer.ack_raw
    ahead = None
    for segment in segments:
        answers = segment.src == answer.src
        if segment.flags & SYN:
            continue
        if segment.number <= answer.number:
            exact = segment.flags & (ACK | RST) == ACK and (segment.seq, segment.ack_raw) == (answer.ack_raw, wanted)
            if exact and not answers:
                return segment
            continue
        if segment.flags & RST:
            if segment.seq == (top if answers else answer.ack_raw):
                break
        elif answers:
            end = seq.add(segment.seq, segment.payload_len + (segment.flags & FIN))
            if 0 < seq.distance(top, end) < _MAX_WINDOW:
                top = end
        elif segment.flags & ACK:
            if seq.within(wanted, segment.ack_raw, top):
                return segment
            skipped = (seq.distance(sent, segment.seq), seq.distance(top, segment.ack_raw))
            if ahead is None and all(0 < distance <= _MAX_WINDOW for distance in skipped):
                ahead = segment
            sent = seq.latest(sent, seq.add(segment.seq, segment.payload_len))
    return ahead if gaps else None
