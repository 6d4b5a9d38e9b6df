"""HS5xx: how the connection was closed."""

from __future__ import annotations

from collections.abc import Iterator

from handshake.findings.registry import Facts, Match, Sign, numbers, rule
from handshake.model.finding import Severity
from handshake.model.handshake import CloseKind, Mark, Side, State
from handshake.model.packet import FIN, RST


def _resets(facts: Facts) -> tuple[int, ...]:
    return numbers(segment for _, segment in facts.segments if segment.flags & RST)


@rule(
    "HS501", "reset", Severity.WARNING, on=(CloseKind.RST,),
    what="An open connection was reset instead of closed.",
    why="The application aborted (SO_LINGER 0, a crash), it closed with data unread, or a middlebox or idle timer "
    "cut the connection.",
    check="The log of the side that reset; how long the connection had been idle; the TTL of the RST against other "
    "packets.",
    rfc=("RFC 9293 §3.10.7.4", "RFC 9293 §3.6"),
    twin="Zeek conn_state RSTO / RSTR",
)  # fmt: skip
def reset(facts: Facts) -> Iterator[Match]:
    """RST in an open connection."""
    teardown = facts.handshake.teardown
    if facts.handshake.outcome.opened and teardown.kind is CloseKind.RST and teardown.reset_by:
        yield Match(f"the {teardown.reset_by.value} reset the open connection", _resets(facts))


@rule(
    "HS502", "fin-then-rst", Severity.NOTE, on=(CloseKind.FIN_THEN_RST,),
    what="A FIN was sent, and then the connection was reset.",
    why="A side closed with data still unread or still arriving, or does not wait for the other side to finish.",
    check="Whether data was lost: bytes sent after the FIN of the other side.",
    rfc=("RFC 2525 §2.17", "RFC 1122 §4.2.2.13"),
    twin="Wireshark tcp.completeness 63",
)  # fmt: skip
def fin_then_rst(facts: Facts) -> Iterator[Match]:
    """RST after FIN."""
    teardown = facts.handshake.teardown
    if teardown.kind is CloseKind.FIN_THEN_RST and teardown.first and teardown.reset_by:
        yield Match(f"the {teardown.first.value} closed, then the {teardown.reset_by.value} reset", _resets(facts))


@rule(
    "HS503", "challenge-ack", Severity.WARNING, on=(Mark.CHALLENGE_ACK,),
    what="A side answered a segment it did not trust with a challenge ACK.",
    why="A RST not exactly at the expected number, a SYN inside the open connection, or an acknowledgment out of all "
    "range: packets in flight were lost, an old duplicate came late, or somebody guesses numbers to cut or fill the "
    "connection.",
    check="Whether the other side proves itself (after a RST: a second, exact one) or the connection goes on "
    "(forged).",
    rfc=("RFC 5961 §3", "RFC 5961 §4", "RFC 5961 §5"),
)  # fmt: skip
def challenge_ack(facts: Facts) -> Iterator[Match]:
    """Challenge ACKs."""
    found = facts.marked(Mark.CHALLENGE_ACK)
    if found:
        yield Match("a bare ACK asks the other side to prove itself", numbers(found))


@rule(
    "HS504", "rst-out-of-window", Severity.WARNING, on=(Mark.RST_UNACCEPTABLE,),
    what="A reset carries a number that the receiver has no reason to accept.",
    why="Packets are missing from the capture, a middlebox made the RST up, or somebody tries to cut the connection.",
    check="TTL and IP identification of the RST against the same host's other packets.",
    rfc=("RFC 9293 §3.10.7.3", "RFC 5961 §3.2"),
)  # fmt: skip
def rst_unacceptable(facts: Facts) -> Iterator[Match]:
    """RSTs with wrong numbers."""
    found = facts.marked(Mark.RST_UNACCEPTABLE)
    if found:
        yield Match(f"{len(found)} RST with a number that should not count", numbers(found))


@rule(
    "HS505", "data-after-fin", Severity.WARNING, on=(Mark.DATA_AFTER_CLOSE,),
    what="A side sent data after its own FIN.",
    why="A broken stack, or packets of two connections on one 4-tuple.",
    check="The sequence numbers of FIN and data.",
    rfc=("RFC 9293 §3.6",),
    twin="Zeek weird data_after_reset (for RST)",
)  # fmt: skip
def data_after_fin(facts: Facts) -> Iterator[Match]:
    """Payload beyond the FIN."""
    found = facts.marked(Mark.DATA_AFTER_CLOSE)
    if found:
        yield Match("data beyond the sender's own FIN", numbers(found))


@rule(
    "HS506", "segment-after-rst", Severity.NOTE, on=(Mark.AFTER_RST,),
    what="Segments were seen after the connection had been reset.",
    why="They were on their way already, or one side never got the RST and goes on (then the RST was not its peer's).",
    check="How long after the RST; whether the other side answers them.",
    rfc=("RFC 9293 §3.10.7.1",),
    twin="Zeek weird data_after_reset",
)  # fmt: skip
def segment_after_rst(facts: Facts) -> Iterator[Match]:
    """Anything but RST after a RST that counted."""
    found = [segment for segment in facts.marked(Mark.AFTER_RST) if not segment.flags & RST]
    if found:
        yield Match(f"{len(found)} segment{'s' * (len(found) != 1)} after the reset", numbers(found))


@rule(
    "HS507", "simultaneous-close", Severity.NOTE, on=(CloseKind.FIN, CloseKind.FIN_UNFINISHED),
    what="Both sides sent FIN before either saw the other's.",
    why="Both applications closed at the same time. Legal; both ends pass through CLOSING and TIME-WAIT.",
    check="Nothing is wrong.",
    rfc=("RFC 9293 §3.6 figure 13",),
)  # fmt: skip
def simultaneous_close(facts: Facts) -> Iterator[Match]:
    """FINs that crossed."""
    if facts.handshake.teardown.simultaneous:
        fins = numbers(segment for _, segment in facts.segments if segment.flags & FIN)
        yield Match("the FINs of both sides crossed", fins)


@rule(
    "HS508", "fin-retransmitted", Severity.NOTE, on=(Mark.FIN_RETRANSMITTED,),
    what="A FIN was sent more than once.",
    why="The FIN or its acknowledgment was lost, or the other host is gone.",
    check="Whether the other side is still there.",
    rfc=("RFC 6298 §5",),
    twin="Wireshark tcp.analysis.retransmission on a FIN",
)  # fmt: skip
def fin_retransmitted(facts: Facts) -> Iterator[Match]:
    """Copies of a FIN."""
    found = facts.marked(Mark.FIN_RETRANSMITTED)
    if found:
        yield Match(f"a FIN was sent again {len(found)} time{'s' * (len(found) != 1)}", numbers(found))


@rule(
    "HS509", "time-wait-assassinated", Severity.NOTE, on=(Sign.RST,),
    what="Both sides had closed with FIN, and then a RST hit the side in TIME-WAIT.",
    why="An old duplicate reached it, it acknowledged, and the other side, whose connection was gone already, answered "
    "that with a RST. TIME-WAIT should ignore RSTs; if it does not, its protection against old duplicates is over.",
    check="What came just before the RST; harmless unless the same ports are used again at once.",
    rfc=("RFC 1337 §2", "RFC 1337 §3"),
)  # fmt: skip
def time_wait_assassinated(facts: Facts) -> Iterator[Match]:
    """A RST from a side that is CLOSED to one in TIME-WAIT."""
    for step, segment in facts.segments if facts.flags & RST else ():
        ends = (step.client, step.server) if step.sender is Side.CLIENT else (step.server, step.client)
        if segment.flags & RST and [end.before for end in ends] == [State.CLOSED, State.TIME_WAIT]:
            yield Match(f"the {step.sender.value} resets what was closed already", (segment.number,))
            return


@rule(
    "HS510", "rst-ttl-differs", Severity.WARNING, on=(Sign.RST,),
    what="A RST has another TTL than all other segments of its sender.",
    why="Consistent with a RST that its alleged sender never sent: a firewall, load balancer or censor on the way cut "
    "the connection. But some hosts send RSTs with a TTL of their own, and a crafted SYN (a scan) has any TTL, while "
    "the RST after it is the kernel's.",
    check="How far away the TTL says its sender is (64, 128 or 255 less the TTL); IP identification; whether the other "
    "side goes on as if it had sent no RST.",
    rfc=("RFC 9293 §3.5.2", "RFC 5961 §3"),
)  # fmt: skip
def rst_ttl_differs(facts: Facts) -> Iterator[Match]:
    """RSTs whose TTL fits none of the sender's other segments."""
    for side in Side if facts.flags & RST else ():
        sent = [segment for step, segment in facts.segments if step.sender is side]
        usual = sorted({segment.ttl for segment in sent if not segment.flags & RST})
        odd = [segment for segment in sent if segment.flags & RST and segment.ttl not in usual]
        if usual and odd:
            from handshake.findings.fingerprint import ttl_words

            known, other = " and ".join(map(ttl_words, usual)), ttl_words(odd[0].ttl)
            yield Match(f"a RST of the {side.value} has TTL {other}, its other segments {known}", numbers(odd))
