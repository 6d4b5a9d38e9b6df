"""HS4xx: segments that no correct stack sends, or that were damaged on the way."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from handshake.findings.registry import Facts, Match, Sign, numbers, rule
from handshake.model.finding import Severity
from handshake.model.handshake import Mark
from handshake.model.packet import ACK, FIN, PSH, RST, SYN, URG, flag_names

_MEANINGFUL = FIN | SYN | RST | PSH | ACK | URG


@cache
def illegal_flags_of(flags: int) -> str | None:
    """The name of an illegal flag set, None if the set is legal (RFC 9293 §3.10.7)."""
    for bits, name in ((SYN | FIN, "SYN+FIN"), (SYN | RST, "SYN+RST"), (FIN | RST, "FIN+RST")):
        if flags & bits == bits:
            return name
    if not flags & _MEANINGFUL:
        return "null (no flags)"
    if flags & _MEANINGFUL == FIN | PSH | URG:
        return "Xmas (FIN, PSH, URG)"
    return None if flags & (SYN | RST | ACK) else f"{','.join(flag_names(flags))} without ACK"


@rule(
    "HS401", "illegal-flags", Severity.WARNING,
    what="A segment has a combination of flags that makes no sense.",
    why="A port scanner that looks at how stacks answer (null, FIN, Xmas scans), an attempt to slip past a filter, "
    "or damage.",
    check="Who sends it, and to how many ports.",
    rfc=("RFC 9293 §3.10.7",),
    twin="Zeek weird SYN_with_FIN, bad_TCP_flags",
)  # fmt: skip
def illegal_flags(facts: Facts) -> Iterator[Match]:
    """Flag sets that contradict themselves."""
    if not any(map(illegal_flags_of, facts.flag_sets)):
        return
    for _, segment in facts.segments:
        name = illegal_flags_of(segment.flags)
        if name:
            yield Match(name, (segment.number,))


@rule(
    "HS402", "malformed-header", Severity.WARNING, on=(Sign.ODD,),
    what="A TCP header contradicts itself: its data offset is too small or reaches past the end of the segment.",
    why="A crafted packet, damage, or a capture that cut the packet.",
    check="The raw bytes; the snapshot length of the capture.",
    rfc=("RFC 9293 §3.1",),
    twin="Wireshark tcp.hdr_len expert info",
)  # fmt: skip
def malformed_header(facts: Facts) -> Iterator[Match]:
    """Header faults."""
    for _, segment in facts.segments:
        for fault in segment.faults:
            yield Match(fault, (segment.number,))


@rule(
    "HS403", "bad-checksum", Severity.WARNING, on=(Sign.ODD,),
    what="The TCP checksum is wrong; the receiver drops such a segment.",
    why="Damage on the way, or a capture on the sending host before the network card filled the checksum in "
    "(offload).",
    check="Capture on the receiving host; if all packets of one side are wrong, it is offload and harmless.",
    rfc=("RFC 9293 §3.1", "RFC 1071"),
    twin="Wireshark tcp.checksum.bad",
)  # fmt: skip
def bad_checksum(facts: Facts) -> Iterator[Match]:
    """Wrong checksums."""
    found = [segment for _, segment in facts.segments if segment.checksum_ok is False]
    if found:
        yield Match(f"wrong checksum in {len(found)} segment{'s' * (len(found) != 1)}", numbers(found))


@rule(
    "HS404", "port-zero", Severity.WARNING,
    what="A port number is 0, which no application can have.",
    why="A crafted packet: scans and floods do this.",
    check="Who sends it.",
    rfc=("RFC 6335 §6",),
)  # fmt: skip
def port_zero(facts: Facts) -> Iterator[Match]:
    """Port 0."""
    if 0 in (facts.handshake.client.endpoint.port, facts.handshake.server.endpoint.port):
        yield Match("one of the ports is 0", numbers(segment for _, segment in facts.segments[:1]))


@rule(
    "HS405", "reserved-bits", Severity.NOTE, on=(Sign.ODD,),
    what="Reserved bits of the TCP header are set.",
    why="A crafted packet, a test of middleboxes, or an extension newer than this tool.",
    check="Who sends it.",
    rfc=("RFC 9293 §3.1",),
    twin="Wireshark tcp.flags.res",
)  # fmt: skip
def reserved_bits(facts: Facts) -> Iterator[Match]:
    """Reserved bits."""
    found = [segment for _, segment in facts.segments if segment.reserved]
    if found:
        yield Match(f"reserved bits {found[0].reserved:03b}", numbers(found))


@rule(
    "HS406", "ack-number-without-ack", Severity.NOTE, on=(Sign.ODD,),
    what="The acknowledgment field is not zero although the ACK flag is off.",
    why="Allowed, but ordinary stacks send zero: a crafted packet, or memory that was not cleared.",
    check="Who sends it.",
    rfc=("RFC 9293 §3.1",),
    twin="Wireshark tcp.ack.nonzero",
)  # fmt: skip
def ack_without_flag(facts: Facts) -> Iterator[Match]:
    """Acknowledgment number without ACK."""
    found = [segment for _, segment in facts.segments if segment.ack_raw and not segment.flags & ACK]
    if found:
        yield Match(f"acknowledgment field {found[0].ack_raw} without ACK", numbers(found))


@rule(
    "HS407", "unexpected-segment", Severity.NOTE, on=(Mark.UNEXPECTED,),
    what="A segment does not fit the state that the connection was in.",
    why="Packets are missing from the capture or out of order, or an endpoint breaks the rules.",
    check="The timeline around it; drop counts of the capturing tool.",
    rfc=("RFC 9293 §3.10.7",),
)  # fmt: skip
def unexpected(facts: Facts) -> Iterator[Match]:
    """Not in the state table."""
    found = facts.marked(Mark.UNEXPECTED)
    if found:
        yield Match(f"{len(found)} segment{'s' * (len(found) != 1)} not foreseen in that state", numbers(found))
