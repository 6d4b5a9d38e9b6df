"""HS1xx: how the opening went."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from handshake.findings.registry import Facts, Match, Sign, milliseconds, numbers, rule, times
from handshake.model import seq
from handshake.model.finding import Severity
from handshake.model.handshake import Mark, Outcome, Side
from handshake.model.packet import RST, Segment

SLOW_NS = 500_000_000
"""Above this a set-up without any retransmission is called slow."""


_NEAR_1_S = (900_000_000, 1_300_000_000)


def _syn_frames(facts: Facts) -> tuple[int, ...]:
    return numbers(facts.syns[Side.CLIENT] + facts.syns[Side.SERVER])


@rule(
    "HS101", "syn-retransmitted", Severity.WARNING,
    what="The client sent the same SYN more than once.",
    why="No answer came within its retransmission timer (1 s at first, then doubling; Linux since 6.5 begins with "
    "equal waits): the SYN or its answer was lost, a firewall drops silently, the server is overloaded, or its SYN "
    "backlog is full.",
    check="Whether the SYNs reach the server (capture there too); firewall rules that drop instead of reject; `nstat "
    "TcpExtListenDrops TcpExtTCPReqQFullDrop` on the server.",
    rfc=("RFC 6298 §2", "RFC 6298 §5.7", "RFC 9293 §3.8.1"),
    twin="Wireshark tcp.analysis.retransmission on a SYN",
)  # fmt: skip
def syn_retransmitted(facts: Facts) -> Iterator[Match]:
    """Copies of a SYN."""
    copies = facts.marked(Mark.SYN_RETRANSMITTED)
    if facts.handshake.syn_retransmits:
        detail = f"the SYN was sent again {times(facts.handshake.syn_retransmits)}"
        waits = _waits(facts)
        if waits:
            detail += f", the last {milliseconds(sum(waits))} after the first"
        if len(waits) > 1 and not _refused(facts):
            detail += _pattern(waits)
        yield Match(detail, numbers(copies))


def _refused(facts: Facts) -> bool:
    """The client asked again after a RST, and not because a timer ran out."""
    return bool(facts.flags & RST)


def _waits(facts: Facts) -> list[int]:
    """Times between one SYN of the client and the next, ns; none where time runs backwards."""
    sent = [syn.time_ns for syn in facts.syns[Side.CLIENT]]
    waits = [later - sooner for sooner, later in pairwise(sent)]
    return waits if all(wait > 0 for wait in waits) else []


def _pattern(waits: list[int]) -> str:
    """How the waits between SYNs grow, where they do so in a known way."""
    ratios = [later / sooner for sooner, later in pairwise(waits)]
    equal = [0.8 < ratio < 1.25 for ratio in ratios]
    doubling = [1.7 < ratio < 2.3 for ratio in ratios]
    turn = equal.index(False) if False in equal else len(equal)
    if all(doubling):
        how = "doubling (RFC 6298 §5.5)"
    elif all(equal) and _NEAR_1_S[0] < waits[0] < _NEAR_1_S[1]:
        how = "equal, as Linux since 6.5 begins"
    elif turn and all(doubling[turn:]):
        how = "equal at first, then doubling, as Linux since 6.5 does"
    else:
        return ""
    shown = ", ".join(milliseconds(wait) for wait in waits[:6]) + (", …" if len(waits) > 6 else "")
    return f"; waits of {shown}: {how}"


@rule(
    "HS102", "synack-retransmitted", Severity.WARNING, on=(Mark.SYN_ACK_RETRANSMITTED,),
    what="The server sent the same SYN-ACK again before the client's ACK was seen.",
    why="The SYN-ACK or the client's ACK was lost, or the client never answers (a scan, a spoofed source address).",
    check="Whether the SYN-ACK reaches the client; asymmetric routing; a stateful firewall that saw only one "
    "direction.",
    rfc=("RFC 6298 §2", "RFC 9293 §3.8.1"),
    twin="Wireshark tcp.analysis.retransmission on a SYN-ACK",
)  # fmt: skip
def synack_retransmitted(facts: Facts) -> Iterator[Match]:
    """Copies of a SYN-ACK before the ACK."""
    copies = facts.marked(Mark.SYN_ACK_RETRANSMITTED)
    if copies:
        yield Match(f"the SYN-ACK was sent again {times(len(copies))} before an ACK was seen", numbers(copies))


@rule(
    "HS103", "synack-after-ack", Severity.WARNING, on=(Mark.SYN_ACK_AFTER_ACK,),
    what="The server repeated its SYN-ACK although the client's ACK had been captured.",
    why="The ACK was lost behind the capture point, or the server's accept queue was full and the kernel ignored the "
    "ACK (Linux does so until the application calls accept()). A client may believe the connection is open while the "
    "server does not.",
    check="On the server `ss -ltn` (Recv-Q against Send-Q of the listening socket) and `nstat "
    "TcpExtListenOverflows`; the backlog given to listen(), `net.core.somaxconn`.",
    rfc=("RFC 9293 §3.10.7.4", "RFC 9293 §3.8.1"),
    twin="Wireshark tcp.analysis.retransmission",
)  # fmt: skip
def synack_after_ack(facts: Facts) -> Iterator[Match]:
    """SYN-ACK again after the third segment."""
    copies = facts.marked(Mark.SYN_ACK_AFTER_ACK)
    if copies:
        yield Match(
            f"the SYN-ACK came again {times(len(copies))} after the client had acknowledged it", numbers(copies)
        )


@rule(
    "HS107", "half-open", Severity.WARNING, on=(Outcome.HALF_OPEN,),
    what="SYN and SYN-ACK were seen, the client's final ACK was not.",
    why="The ACK or the SYN-ACK was lost, the SYN's source address is spoofed (SYN flood), the client scans, or the "
    "capture ended.",
    check="Whether the client got the SYN-ACK; many of these from many addresses at once are a SYN flood (SYN "
    "cookies help).",
    rfc=("RFC 9293 §3.5", "RFC 4987 §2"),
    twin="Zeek history Sh; Wireshark tcp.completeness 3",
)  # fmt: skip
def half_open(facts: Facts) -> Iterator[Match]:
    """Two of three steps."""
    if facts.handshake.outcome is Outcome.HALF_OPEN and facts.handshake.server.opening is not None:
        yield Match("no acknowledgment completed the handshake", (facts.handshake.server.opening.number,))


@rule(
    "HS108", "aborted-opening", Severity.WARNING, on=(Outcome.ABORTED_BY_CLIENT, Outcome.ABORTED_BY_SERVER),
    what="One side reset the connection while it was being opened, after the SYN-ACK (or the client took its SYN "
    "back).",
    why="By the client: a half-open port scan, or a crafted SYN whose own kernel answers the SYN-ACK with RST; "
    "consistent with both. By the server: it changed its mind, for example a full backlog with tcp_abort_on_overflow.",
    check="Whether the client talks to many ports (a scan); a crafting tool without a held source port; server "
    "limits.",
    rfc=("RFC 9293 §3.10.7.4", "RFC 9293 §3.5.2"),
    twin="Zeek conn_state RSTOS0 / RSTRH; Wireshark tcp.completeness 35, 39",
)  # fmt: skip
def aborted_opening(facts: Facts) -> Iterator[Match]:
    """RST before ESTABLISHED on both sides."""
    if facts.handshake.outcome in (Outcome.ABORTED_BY_CLIENT, Outcome.ABORTED_BY_SERVER):
        who = "client" if facts.handshake.outcome is Outcome.ABORTED_BY_CLIENT else "server"
        resets = [s for step, s in facts.segments if s.flags & RST and step.sender.value == who]
        yield Match(f"the {who} reset the connection before the handshake was complete", numbers(resets[:1]))


@rule(
    "HS109", "simultaneous-open", Severity.NOTE, on=(Outcome.SIMULTANEOUS_OPEN,),
    what="Both sides sent a SYN of their own, and the SYNs crossed; one connection came of it.",
    why="Both applications connected to each other's port at the same time (hole punching through NAT does this on "
    "purpose).",
    check="Nothing is wrong; middleboxes often do not support it.",
    rfc=("RFC 9293 §3.5 figure 7",),
    twin="Wireshark tcp.completeness 3",
)  # fmt: skip
def simultaneous_open(facts: Facts) -> Iterator[Match]:
    """SYNs that crossed."""
    if facts.handshake.outcome is Outcome.SIMULTANEOUS_OPEN:
        yield Match("the SYNs of both sides crossed", _syn_frames(facts))


@rule(
    "HS119", "self-connect", Severity.NOTE,
    what="Source and destination are the same address and port: the connection is with itself.",
    why="A program that connects again and again to a free port of its own host gets that very port as its source "
    "port in the end; its SYN then crosses itself, as in a simultaneous open. From the network it is forged (known as "
    "a land attack).",
    check="Whether the server's port lies in the range of source ports (`sysctl net.ipv4.ip_local_port_range`): "
    "reserve it, or move the service out of that range.",
    rfc=("RFC 9293 §3.5",),
)  # fmt: skip
def self_connect(facts: Facts) -> Iterator[Match]:
    """One endpoint on both ends."""
    client = facts.handshake.client.endpoint
    if client == facts.handshake.server.endpoint:
        yield Match(f"{client} connects to itself", _syn_frames(facts))


@rule(
    "HS110", "split-handshake", Severity.WARNING, on=(Outcome.SPLIT_HANDSHAKE,),
    what="The server answered the SYN with a SYN of its own instead of a SYN-ACK, and the client sent the SYN-ACK.",
    why="Legal by the RFC but used by no ordinary server: a trick that confuses firewalls about who opened the "
    "connection.",
    check="What runs on that server; whether the firewall takes the server for the client.",
    rfc=("RFC 9293 §3.5",),
)  # fmt: skip
def split_handshake(facts: Facts) -> Iterator[Match]:
    """Bare SYN as an answer."""
    if facts.handshake.outcome is Outcome.SPLIT_HANDSHAKE:
        yield Match("the server answered with a bare SYN", _syn_frames(facts))


@rule(
    "HS111", "midstream", Severity.NOTE, on=(Outcome.MIDSTREAM,),
    what="The opening of this connection was not (or only partly) captured.",
    why="The capture began later, packets were dropped while capturing, or the packets are strays of a connection "
    "long gone.",
    check="Start the capture before the connection; look for drop counts of the capturing tool.",
    rfc=("RFC 9293 §3.5",),
    twin="Zeek conn_state OTH; Wireshark tcp.completeness 12",
)  # fmt: skip
def midstream(facts: Facts) -> Iterator[Match]:
    """No SYN seen."""
    if facts.handshake.outcome is Outcome.MIDSTREAM:
        guess = "; which side is the client is a guess from the port numbers" if facts.handshake.role_inferred else ""
        yield Match(f"the opening was not captured{guess}")


@rule(
    "HS112", "one-sided", Severity.NOTE, on=(Outcome.ONE_SIDED,),
    what="Only one direction of this connection was captured.",
    why="Asymmetric routing, a mirror port that copies one direction only, or backscatter: SYN-ACKs that answer SYNs "
    "somebody sent with our address as source.",
    check="Where the capture point sits; whether this host ever contacted that server.",
    rfc=("RFC 9293 §3.5",),
    twin="Zeek conn_state SH, SHR",
)  # fmt: skip
def one_sided(facts: Facts) -> Iterator[Match]:
    """Half of the packets are missing."""
    if facts.handshake.outcome is Outcome.ONE_SIDED:
        seen = "client" if facts.handshake.client.segments else "server"
        yield Match(f"only the {seen}'s packets were captured")


@rule(
    "HS113", "bad-ack", Severity.WARNING, on=(Mark.BAD_ACK,),
    what="A segment acknowledges a number that the other side never sent.",
    why="In a SYN-ACK or third segment: an old duplicate, a middlebox that rewrites sequence numbers in one "
    "direction only, a spoofed segment, or a broken stack; the receiver has to answer with RST. In an open "
    "connection: a segment that somebody made up; the receiver drops it and answers with an ACK.",
    check="The TTL of this segment against others of the same host; middleboxes on the way.",
    rfc=("RFC 9293 §3.10.7.3", "RFC 9293 §3.10.7.4", "RFC 5961 §5"),
    twin="Wireshark tcp.analysis.ack_lost_segment",
)  # fmt: skip
def bad_ack(facts: Facts) -> Iterator[Match]:
    """Acknowledgment numbers far from what was sent."""
    found: dict[tuple[Side, int], list[Segment]] = {}
    for step, segment in facts.segments:
        if Mark.BAD_ACK in step.marks:
            found.setdefault((step.sender, segment.ack_raw), []).append(segment)
    for (side, number), same in found.items():
        iss = facts.handshake.peer(side.other).iss
        due = f" where {seq.add(iss, 1)} was the first to be due" if iss is not None else ""
        yield Match(f"the {side.value} acknowledges {number}{due}", numbers(same))


@rule(
    "HS114", "stray-ack", Severity.WARNING, on=(Mark.STRAY_ACK,),
    what="A SYN was answered with a bare ACK.",
    why="The server still has an older connection on this 4-tuple (half-open recovery: the client resets it and asks "
    "again), it challenges the SYN, or it begins a split handshake.",
    check="Whether the client crashed or rebooted; a NAT device that reuses ports too early; source ports chosen by "
    "hand.",
    rfc=("RFC 9293 §3.5.1", "RFC 5961 §4"),
)  # fmt: skip
def stray_ack(facts: Facts) -> Iterator[Match]:
    """ACK instead of SYN-ACK."""
    found = facts.marked(Mark.STRAY_ACK)
    if found:
        yield Match("a bare ACK came back for the SYN", numbers(found))


@rule(
    "HS115", "synack-new-isn", Severity.WARNING, on=(Mark.SYN_ACK_NEW_ISN,),
    what="A second SYN-ACK carries another initial sequence number than the first.",
    why="Two hosts or a SYN proxy answer for the same address, the server restarted, or stateless SYN cookies were "
    "computed anew; consistent with each of them.",
    check="TTL, options and arrival times of both SYN-ACKs; duplicate IP addresses; load balancers.",
    rfc=("RFC 9293 §3.5", "RFC 4987 §3.6"),
)  # fmt: skip
def synack_new_isn(facts: Facts) -> Iterator[Match]:
    """SYN-ACKs that disagree."""
    found = facts.marked(Mark.SYN_ACK_NEW_ISN)
    if found:
        yield Match("SYN-ACKs with different initial sequence numbers", numbers(found))


@rule(
    "HS118", "slow-answer", Severity.WARNING, on=(Sign.ANSWER,),
    what="The round trip of the handshake took long; time lost by retransmissions is not in it.",
    why="A long way (satellite: about 600 ms), a queue on the way that holds packets back, or a busy server or proxy "
    "that answers late.",
    check="The split: SYN to SYN-ACK is network and server, SYN-ACK to ACK is the client's side; compare with a ping.",
    rfc=("RFC 6298 §2.2",),
    twin="Wireshark tcp.analysis.initial_rtt",
)  # fmt: skip
def slow_answer(facts: Facts) -> Iterator[Match]:
    """A long initial round trip."""
    timing = facts.handshake.timing
    if timing.irtt_ns is not None and timing.irtt_ns >= SLOW_NS:
        network, client = timing.syn_to_synack_ns or 0, timing.synack_to_ack_ns or 0
        yield Match(
            f"{milliseconds(timing.irtt_ns)} in all: {milliseconds(network)} until the SYN-ACK, "
            f"{milliseconds(client)} until the ACK"
        )
