"""HS1xx: how the opening went."""

from __future__ import annotations

from collections.abc import Iterator

from handshake.findings.registry import Facts, Match, milliseconds, numbers, rule, times
from handshake.model import seq
from handshake.model.finding import Severity
from handshake.model.handshake import Mark, Outcome, Side
from handshake.model.packet import ACK, RST, SYN, IcmpError, Segment

SLOW_NS = 500_000_000
"""Above this a set-up without any retransmission is called slow."""


def _syn_frames(facts: Facts) -> tuple[int, ...]:
    return numbers(segment for _, segment in facts.segments if segment.flags & (SYN | ACK) == SYN)


@rule(
    "HS101", "syn-retransmitted", Severity.WARNING,
    what="The client sent the same SYN more than once.",
    why="No answer came within its retransmission timer (1 s at first, then doubling): the SYN or its answer was "
    "lost, a firewall drops silently, the server is overloaded, or its SYN backlog is full.",
    check="Whether the SYNs reach the server (capture there too); firewall rules that drop instead of reject; `nstat "
    "TcpExtListenDrops TcpExtTCPReqQFullDrop` on the server.",
    rfc=("RFC 6298 §2", "RFC 6298 §5.7", "RFC 9293 §3.8.1"),
    twin="Wireshark tcp.analysis.retransmission on a SYN",
)  # fmt: skip
def syn_retransmitted(facts: Facts) -> Iterator[Match]:
    """Copies of a SYN."""
    copies = facts.marked(Mark.SYN_RETRANSMITTED)
    if facts.handshake.syn_retransmits:
        waited = copies[-1].time_ns - facts.handshake.start_ns if copies else 0
        again = times(facts.handshake.syn_retransmits)
        yield Match(f"the SYN was sent again {again}, the last {milliseconds(waited)} after the first", numbers(copies))


@rule(
    "HS102", "synack-retransmitted", Severity.WARNING,
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
    "HS103", "synack-after-ack", Severity.WARNING,
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
    "HS104", "refused", Severity.ERROR,
    what="The SYN was answered with RST: the connection was refused.",
    why="Nothing listens on that port (the host is up and says so), or a firewall rejects with a reset.",
    check="Whether the service runs and on which address (`ss -ltn`): a server bound to 127.0.0.1 refuses on every "
    "other address; a reset with an unusual TTL comes from a firewall on the way.",
    rfc=("RFC 9293 §3.10.7.1", "RFC 9293 §3.5.2"),
    twin="Zeek conn_state REJ",
)  # fmt: skip
def refused(facts: Facts) -> Iterator[Match]:
    """RST instead of SYN-ACK."""
    if facts.handshake.outcome is Outcome.REFUSED:
        resets = [s for step, s in facts.segments if s.flags & RST and s.src == facts.handshake.server.endpoint]
        detail = f"{facts.handshake.server.endpoint} answered the SYN with RST"
        if resets and not resets[0].flags & ACK:
            detail += " without ACK, which a client has to ignore in SYN-SENT"
        yield Match(detail, numbers(resets[:1]))


@rule(
    "HS105", "unanswered", Severity.ERROR,
    what="Nothing came back for the SYN: neither SYN-ACK nor RST nor an ICMP error.",
    why="A firewall drops the SYN or its answer, the host is down or the address unused, the answer takes another "
    "way than the capture point, or the capture ended too early.",
    check="Capture on the server's side; compare with a port known to be closed there (a RST means that only this "
    "port is filtered); routing back to the client's address.",
    rfc=("RFC 9293 §3.8.3", "RFC 6298 §5"),
    twin="Zeek conn_state S0",
)  # fmt: skip
def unanswered(facts: Facts) -> Iterator[Match]:
    """A SYN and nothing else."""
    answers = facts.marked(Mark.BAD_ACK) + facts.marked(Mark.STRAY_ACK)
    if facts.handshake.outcome is Outcome.UNANSWERED and not answers:
        frames = _syn_frames(facts)
        yield Match(f"no answer to {len(frames)} SYN{'s' * (len(frames) != 1)}", frames)


@rule(
    "HS106", "icmp-error", Severity.ERROR,
    what="A router or host reported by ICMP that a packet of this connection could not be delivered.",
    why="No route, no such host, an administrative filter, a time to live that ran out (a routing loop), or a packet "
    "too big for the path. Some are soft errors: the client keeps trying.",
    check="Who sent the error (a router on the way or the host itself) and its code; `ip route get ADDRESS` there.",
    rfc=("RFC 1122 §4.2.3.9", "RFC 5461 §2", "RFC 5927 §4.1", "RFC 792", "RFC 4443 §3"),
    twin="Wireshark icmp.type / icmpv6.type",
)  # fmt: skip
def icmp_error(facts: Facts) -> Iterator[Match]:
    """ICMP errors that quote a segment of the connection, one match per sender and kind."""
    seen: dict[tuple[bytes, int, int, bool], list[IcmpError]] = {}
    for step, error in facts.errors:
        foreign = Mark.QUOTE_MISMATCH in step.marks
        seen.setdefault((error.reporter, error.type, error.code, foreign), []).append(error)
    for (_, _, _, foreign), errors in seen.items():
        first = errors[0]
        detail = (
            f"{first.reporter_text} says: {first.meaning} (ICMP{'v6' * (first.version == 6)} {first.type}/{first.code})"
        )
        if len(errors) > 1:
            detail += f", {len(errors)} times"
        if first.mtu is not None:
            detail += f", next hop takes {first.mtu} bytes"
        if foreign:
            detail += ", about a number that was never sent: forged, or about an earlier connection"
        yield Match(detail, tuple(error.number for error in errors))


@rule(
    "HS107", "half-open", Severity.WARNING,
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
    "HS108", "aborted-opening", Severity.WARNING,
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
    "HS109", "simultaneous-open", Severity.NOTE,
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
    "HS110", "split-handshake", Severity.WARNING,
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
    "HS111", "midstream", Severity.NOTE,
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
    "HS112", "one-sided", Severity.NOTE,
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
    "HS113", "bad-ack", Severity.WARNING,
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
    "HS114", "stray-ack", Severity.WARNING,
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
    "HS115", "synack-new-isn", Severity.WARNING,
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
    "HS116", "port-reused", Severity.NOTE,
    what="The same client port connects to the same server port again, with a new initial sequence number.",
    why="The client is short of ports or binds a fixed one. The server may still be in TIME-WAIT and accepts only a "
    "higher sequence number or timestamp.",
    check="Whether earlier connections on this 4-tuple were closed; many short connections: keep them open instead.",
    rfc=("RFC 1122 §4.2.2.13", "RFC 6191"),
    twin="Wireshark tcp.analysis.reused_ports",
)  # fmt: skip
def port_reused(facts: Facts) -> Iterator[Match]:
    """A 4-tuple seen before."""
    found = facts.marked(Mark.PORT_REUSED)
    if found:
        yield Match("this 4-tuple was used before in this capture", numbers(found))


@rule(
    "HS117", "syn-in-connection", Severity.WARNING,
    what="A SYN with a new initial sequence number arrived while a connection on the same 4-tuple was still open.",
    why="The client lost its side (crash, NAT that forgot the mapping), a port is reused without closing, or "
    "somebody tries to reset the connection from outside.",
    check="What the server answers: a challenge ACK is right; whether a NAT device times out idle connections.",
    rfc=("RFC 5961 §4", "RFC 9293 §3.10.7.4"),
)  # fmt: skip
def syn_in_connection(facts: Facts) -> Iterator[Match]:
    """A SYN into an open connection."""
    found = facts.marked(Mark.SYN_IN_CONNECTION)
    if found:
        yield Match("the earlier connection on this 4-tuple was still open", numbers(found))


@rule(
    "HS118", "slow-answer", Severity.WARNING,
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
