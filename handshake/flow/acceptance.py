"""Whether a segment is acceptable, as far as an observer can know what its receiver knows.

RFC 9293 §3.10.7; where segments were not captured, what must have been sent in between counts as sent.
"""

from __future__ import annotations

from handshake.flow.endpoint import End
from handshake.model import seq
from handshake.model.handshake import State
from handshake.model.packet import ACK, RST, SYN, Segment


def end_of(segment: Segment) -> int:
    """The sequence number behind a segment."""
    return seq.add(segment.seq, segment.seg_len)


def opens(segment: Segment) -> bool:
    """A bare SYN: SYN without ACK and RST."""
    return segment.flags & (SYN | ACK | RST) == SYN


def who_opens(first: Segment) -> tuple[bool, bool]:
    """Whether the sender of a conversation's first captured segment is the client, and whether that is a guess."""
    if first.flags & SYN:
        return not first.flags & ACK, False
    if not first.flags & (RST | ACK):
        return True, True  # a scan with odd flags: nobody answers like that
    if not first.flags & ACK:
        return first.src.port >= first.dst.port, True
    return first.src.port > first.dst.port, True


def confirms(segment: Segment, ack: int, sender: End, receiver: End) -> bool:
    """Whether an acknowledgment covers the receiver's SYN; where segments were not captured, also what followed."""
    if receiver.acknowledged_by(ack):
        return True
    return receiver.iss is not None and sender.skips_to(segment.seq) and receiver.skips_to(ack)


def reset_acceptable(segment: Segment, sender: End, receiver: End) -> bool:
    """Whether a RST counts: RFC 9293 §3.10.7.3 and §3.10.7.4, with what an observer can know of RCV.NXT."""
    if receiver.state is State.SYN_SENT:
        return segment.ack is not None and receiver.acknowledged_by(segment.ack)
    if sender.snd_nxt is None or segment.seq in (sender.snd_nxt, receiver.last_ack):
        return True
    if sender.skips_to(segment.seq):
        answers_unseen = segment.ack is not None and receiver.skips_to(segment.ack)
        return sender.gaps or receiver.gaps or answers_unseen
    acked = receiver.rcv_acked
    return acked is not None and seq.less_equal(acked, segment.seq) and seq.less_equal(segment.seq, sender.snd_nxt)
