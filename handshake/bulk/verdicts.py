"""Judges one of many connections that went alike, by the state machine and the rules, and remembers what was said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import attrgetter

import numpy as np

from handshake.bulk.sift import NotPlainError
from handshake.findings.registry import RULES
from handshake.findings.sketch import is_probing
from handshake.flow.table import FlowTable
from handshake.model.finding import Finding
from handshake.model.handshake import Handshake, Outcome
from handshake.model.packet import SYN, Packet, Segment
from handshake.model.record import dataclass
from handshake.wire.columns.arrays import Bools, Ints

SLOW = "HS118"
"""The one finding of a plain connection that depends on how long it took; it is told from the times of each."""
EVICTED = "HS901"

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
    timed: tuple[bool, ...]
    """Whether it has the times of `Timing`: set-up, round trip, SYN to SYN-ACK, SYN-ACK to ACK."""
    example: Handshake
    """The one that was judged, without its timeline."""


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
    timed = _timed(handshake, [packet.time_ns for packet in packets])
    client, server = (
        peer.opening is not None and peer.iss == peer.opening.seq for peer in (handshake.client, handshake.server)
    )
    findings = tuple(finding for finding in handshake.findings if finding.code != SLOW)
    example = replace(handshake, timeline=(), negotiation=(), application=None, findings=findings)
    return Verdict(
        handshake.outcome, findings, is_probing(handshake), (client, server), closed_by, opened_by, timed, example
    )


def _timed(handshake: Handshake, times: Sequence[int]) -> tuple[bool, ...]:
    """Which times a connection has, each told by its first three packets. Raises NotPlainError should one not be."""
    timing = handshake.timing
    found = (timing.setup_ns, timing.irtt_ns, timing.syn_to_synack_ns, timing.synack_to_ack_ns)
    spans = ((0, 2), (0, 2), (0, 1), (1, 2))
    for took, (begin, end) in zip(found, spans, strict=True):
        if took is not None and (end >= len(times) or took != times[end] - times[begin]):
            raise NotPlainError("a plain opening that took another time than its three packets")
    if handshake.outcome.opened and None in found:
        raise NotPlainError("a plain opening whose times are not known")
    return tuple(took is not None for took in found)


def with_own_findings(
    tell: Callable[[Verdict, tuple[Finding, ...]], int], verdicts: Sequence[Verdict], which: Ints, slow: Bools,
    evicted: Bools | None,
) -> Ints:  # fmt: skip
    """What `tell` says of each connection: of its verdict, with the findings that are its own, SLOW and EVICTED."""
    early = np.zeros(len(which), np.bool_) if evicted is None else evicted
    told = np.array([tell(verdict, verdict.findings) for verdict in verdicts])[which]
    for codes, mask in (((SLOW,), slow & ~early), ((EVICTED,), early & ~slow), ((SLOW, EVICTED), early & slow)):
        rows = np.flatnonzero(mask)
        if len(rows):
            own = np.array([tell(verdict, _in_order(verdict.findings, codes)) for verdict in verdicts])
            told[rows] = own[which[rows]]
    return told


def _in_order(findings: Sequence[Finding], codes: Sequence[str]) -> tuple[Finding, ...]:
    """Findings and others without details, in the order of their codes."""
    more = (Finding(rule.code, rule.name, rule.severity, "", ()) for rule in map(RULES.__getitem__, codes))
    return tuple(sorted((*findings, *more), key=attrgetter("code")))
