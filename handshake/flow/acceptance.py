"""Whether a segment is acceptable, as far as an observer can know what its receiver knows.

RFC 9293 §3.10.7; where segments were not captured, what must have been sent in between counts as sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model import seq
from handshake.model.handshake import Mark, State
from handshake.model.packet import ACK, RST, SYN, Segment

if TYPE_CHECKING:
    from handshake.flow.endpoint import End

IDLE_NS = 10**9
"""Keep-alives come when nothing has happened for long; what is sent again sooner is a retransmission."""


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


def newer(syn: Segment, earlier: End) -> bool:
    """Whether a SYN may end TIME-WAIT: its timestamp, or without one its number, is higher (RFC 6191 §2)."""
    last, tsval = earlier.habits.tsval, syn.options.tsval
    if last is not None and tsval is not None and last != tsval:
        return seq.distance(last, tsval) > 0
    return earlier.snd_nxt is None or seq.less_equal(earlier.snd_nxt, syn.seq)


def asks_again(segment: Segment, sender: End, receiver: End, idle_ns: int) -> Mark | None:
    """A segment that only asks for an answer, by the last number once more or by one byte into a closed window.

    Keep-alive and zero-window probe: RFC 9293 §3.8.4, §3.8.6.1. `idle_ns`: since the segment before.
    """
    again = seq.add(segment.seq, 1) == sender.snd_nxt == receiver.rcv_acked
    if receiver.habits.wnd == 0:
        return Mark.ZERO_WINDOW_PROBE if again or (segment.payload_len and segment.seq == sender.snd_nxt) else None
    return Mark.KEEP_ALIVE if again and idle_ns >= IDLE_NS else None
