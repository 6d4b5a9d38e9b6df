"""Judges one of many connections that went alike, by the state machine and the rules, and remembers what was said."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from handshake.bulk.sift import NotPlainError
from handshake.findings.sketch import is_probing
from handshake.flow.table import FlowTable
from handshake.model.finding import Finding
from handshake.model.handshake import Handshake, Outcome
from handshake.model.packet import SYN, Packet, Segment
from handshake.model.record import dataclass

SLOW = "HS118"
"""The one finding of a plain connection that depends on how long it took; it is told from the times of each."""

Judge = Callable[[Handshake], Handshake]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What holds for every connection that went like this one."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    """Without SLOW."""
    probing: bool
    openings: tuple[bool, bool]
    """Whether client and server have a SYN or SYN-ACK that their numbers are built on."""
    closed_by: int
    """Which of the kept packets closed it; -1: none."""
    opened_by: int
    """Which of them completed its handshake; -1: none."""


def feed(table: FlowTable, packet: Packet, place: int, *, opened: bool) -> Sequence[Handshake]:
    """Feed the kept packet that is at this place; between those of an open connection segments were passed over."""
    segment = packet.transport
    if opened and place > 2 and isinstance(segment, Segment) and not segment.flags & SYN:
        flow = table.conversation(segment)
        if flow is not None:
            flow.in_order(segment)
    return table.feed(packet)


def judged(packets: Sequence[Packet], judge: Judge, *, opened: bool) -> Verdict:
    """The verdict on a connection of which these packets were kept. Raises NotPlainError should it not be plain."""
    table = FlowTable()
    closed_by = opened_by = -1
    for place, packet in enumerate(packets):
        feed(table, packet, place, opened=opened)
        assert isinstance(packet.transport, Segment)
        flow = table.conversation(packet.transport)
        if closed_by < 0 and flow is not None and flow.closed_ns is not None:
            closed_by = place
        if opened_by < 0 and flow is not None and flow.completed_by is not None:
            opened_by = place
    found = table.finish()
    if len(found) != 1:
        raise NotPlainError("one connection became several")
    handshake = judge(found[0])
    timing, times = handshake.timing, [packet.time_ns for packet in packets]
    if handshake.outcome.opened and not timing.setup_ns == timing.irtt_ns == times[2] - times[0]:
        raise NotPlainError("a plain opening that took another time than its three packets")
    client, server = (
        peer.opening is not None and peer.iss == peer.opening.seq for peer in (handshake.client, handshake.server)
    )
    findings = tuple(finding for finding in handshake.findings if finding.code != SLOW)
    return Verdict(handshake.outcome, findings, is_probing(handshake), (client, server), closed_by, opened_by)
