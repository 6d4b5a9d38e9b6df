"""The known traps of tshark: where its word and ours differ, and it is known why.

A trap explains a difference only where the facts that make the trap are there, and none knows a capture by name. Each
names its proof: the RFC that says what is right, or Wireshark's own word on what it does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from handshake.compare.case import FrameCase, StreamCase
from handshake.compare.headers import readable
from handshake.compare.judgement import completed_by, outcome_of, stray_answer
from handshake.compare.stream import Stream
from handshake.flow.table import LINGER_NS
from handshake.model.handshake import Handshake
from handshake.model.packet import ACK, FIN, RST, SYN, Segment


class Trap(NamedTuple):
    """A way in which tshark misleads."""

    name: str
    why: str
    """One sentence."""
    proof: str
    """Where it is written."""
    of_frame: Callable[[FrameCase], bool] | None = None
    """Whether it explains a difference in one frame."""
    of_stream: Callable[[StreamCase], bool] | None = None
    """Whether it explains a difference in a stream. Those of single frames explain their streams as well."""


def explained(case: FrameCase | StreamCase) -> str | None:
    """The name of the first trap that explains a difference; None if none does."""
    if isinstance(case, FrameCase):
        return next((trap.name for trap in TRAPS if trap.of_frame is not None and trap.of_frame(case)), None)
    odd = case.facts.odd.get(case.pair.ends, set())
    for trap in TRAPS:
        if (trap.name in odd and None not in odd) or (trap.of_stream is not None and trap.of_stream(case)):
            return trap.name
    return None


_PSEUDO_HEADER = 32
"""Bytes of the longest pseudo-header in front of a frame."""


# -- facts of frames -----------------------------------------------------------------------------------


def _in_fragments(case: FrameCase) -> bool:
    """We have the segment in a fragment, or had it in an earlier one of those that tshark put together.

    What tshark tells of the IP header of a packet put together is that of its last fragment.
    """
    if case.point in ("ttl", "ecn"):
        return bool(case.claim.fragments)
    if case.point != "tcp":
        return False
    if isinstance(case.packet.transport, Segment):
        return case.claim.fragmented
    return any(number in case.facts.ours_alone for number in case.claim.fragments)


def _offset_too_small(case: FrameCase) -> bool:
    length = case.claim.header_len
    return case.point == "tcp" and length is not None and length < 20 and isinstance(case.packet.transport, Segment)


def _past_the_frame(case: FrameCase) -> bool:
    return case.point == "payload" and case.ours == str(case.claim.payload_by_ip)


def _bad_option(case: FrameCase) -> bool:
    """The options are ours up to one of a wrong length."""
    ours, theirs = case.packet.transport, case.claim.packet.transport
    return case.point == "options" and isinstance(ours, Segment) and isinstance(theirs, Segment) and _ends(ours, theirs)


def _ends(ours: Segment, theirs: Segment) -> bool:
    mine, their = readable(ours.options), readable(theirs.options)
    return ours.options.fault is not None and mine[: len(their)] == their


def _overflown(case: FrameCase) -> bool:
    """The times differ by a multiple of 2^32 ns."""
    return case.point == "time" and not (int(case.ours) - int(case.theirs)) % (1 << 32)


def _without_pseudo_header(case: FrameCase) -> bool:
    """Both lengths are smaller by the same few bytes."""
    if case.point != "length":
        return False
    mine, their = ([int(number) for number in text.split(" of ")] for text in (case.ours, case.theirs))
    taken_off = mine[0] - their[0]
    return 0 < taken_off <= _PSEUDO_HEADER and taken_off == mine[1] - their[1]


def _routed(case: FrameCase) -> bool:
    return case.point == "destination" and "ipv6.routing" in case.claim.protocols


# -- facts of streams ----------------------------------------------------------------------------------


def _streams(case: StreamCase) -> list[Stream]:
    return [*case.pair.parts, *((case.pair.within,) if case.pair.within else ())]


def _flows(case: StreamCase) -> list[Handshake]:
    return [*((case.pair.flow,) if case.pair.flow else ()), *case.pair.siblings]


def _bad_option_of_opening(case: StreamCase) -> bool:
    flow = case.pair.flow
    if flow is None or case.point not in ("syn_options", "synack_options"):
        return False
    ours = (flow.client if case.point == "syn_options" else flow.server).opening
    return ours is not None and ours.options.fault is not None and case.ours.startswith(case.theirs)


def _several_ways(case: StreamCase) -> bool:
    """Segments of one stream with different VLANs or tunnels around them, while our flows differ in theirs."""
    return any(len(stream.tags) > 1 for stream in _streams(case)) and len({flow.tags for flow in _flows(case)}) > 1


def _captured_twice(case: StreamCase) -> bool:
    """No more than what was captured twice is what tshark has more."""
    folded = sum(case.facts.folded[stream.number] for stream in _streams(case))
    return case.point == "segments" and 0 < int(case.theirs) - int(case.ours) <= folded


def _cut_up(case: StreamCase) -> bool:
    """Each further stream begins with a copy of an earlier SYN, after a FIN, a RST or an ICMP error about it.

    For newer versions, also with a SYN-ACK: of another number than an earlier one, or after a FIN or RST.
    """
    parts = case.pair.parts
    errors = case.facts.errors.get(case.pair.ends, ())
    for number, part in enumerate(parts[1:], 1):
        first, before = part.first, parts[:number]
        ended = any(earlier.closed for earlier in before)
        if first.flags & (SYN | ACK) == SYN | ACK:
            renumbered = any(each.src == first.src and each.seq != first.seq for p in before for each in p.syn_acks)
            cut = renumbered or ended
        else:
            known = any((first.src, first.seq, 0) in earlier.copies for earlier in before)
            cut = known and (ended or any(error.number < first.number for error in errors))
        if not cut:
            return False
    return len(parts) > 1


def _crossing(case: StreamCase) -> bool:
    """A further stream begins with a SYN of the other end, while nobody has answered the first one with a SYN-ACK."""
    parts = case.pair.parts
    return any(
        part.first.flags & (SYN | ACK | RST) == SYN
        and any(earlier.syns and earlier.client == part.first.dst and not earlier.syn_acks for earlier in parts[:at])
        for at, part in enumerate(parts)
    )


def _rtt_of_another(case: StreamCase) -> bool:
    """It runs from the latest SYN to the first ACK, and those are not the two that made the handshake."""
    if case.point != "irtt_ns" or case.pair.flow is None:
        return False
    for part in case.pair.parts:
        ack = part.first_ack
        syns = [syn for syn in part.syns if ack is not None and syn.number < ack.number]
        if ack is not None and syns and ack.time_ns - syns[-1].time_ns == int(case.theirs):
            third, syn = completed_by(case.pair.flow), case.pair.flow.client.opening
            return third is None or syn is None or (ack.number, syns[-1].number) != (third.number, syn.number)
    return False


def _bits_alone(case: StreamCase) -> bool:
    """The bits say one thing, and the numbers that tshark dissected say what we say."""
    if case.point != "complete" or case.pair.flow is None:
        return False
    errors = case.facts.errors.get(case.pair.ends, ())
    return outcome_of(case.pair.parts[-1], errors).opened is case.pair.flow.outcome.opened


def _syn_and_rst(case: StreamCase) -> bool:
    return any(stream.syn_and_rst for stream in _streams(case))


def _half_open(case: StreamCase) -> bool:
    return case.point in ("outcome", "complete") and any(stray_answer(part) is not None for part in case.pair.parts)


def _long_closed(case: StreamCase) -> bool:
    """Our flow begins more than TIME-WAIT after a FIN or RST of an earlier one on the same 4-tuple."""
    flow = case.pair.flow
    if case.pair.within is None or flow is None:
        return False
    for earlier in case.pair.siblings:
        ends = [
            step.time_ns
            for step in earlier.steps
            if isinstance(step.packet, Segment) and step.packet.flags & (FIN | RST) and step.time_ns <= flow.start_ns
        ]
        if ends and flow.start_ns - ends[-1] > LINGER_NS:
            return True
    return False


TRAPS = (
    Trap(
        "fragments",
        "A TCP header in IP fragments is shown in the frame that completes the packet, and not at all when a fragment "
        "is missing, with that frame's IP header; we read it as soon as its bytes are there, with that of the first.",
        "RFC 791 §3.2 (the header is that of the first fragment), RFC 8200 §4.5; Wireshark ip.defragment",
        of_frame=_in_fragments,
    ),
    Trap(
        "data-offset",
        "With a data offset below 5 dissection ends before the flags; we show what the header says, and the fault.",
        "RFC 9293 §3.1 (Data Offset)",
        of_frame=_offset_too_small,
    ),
    Trap(
        "length-past-frame",
        "Where the IP header tells a length that reaches past the frame, or past the layer around it, the payload is "
        "counted to that end; we count what the IP header says.",
        "RFC 791 §3.1 (Total Length), RFC 8200 §3 (Payload Length)",
        of_frame=_past_the_frame,
    ),
    Trap(
        "option-length",
        "Options are not read any further behind one of a length that its RFC does not allow; the length still tells "
        "where the next one begins.",
        "RFC 9293 §3.1 (Options: Length; MUST-7 and MUST-68)",
        of_frame=_bad_option,
        of_stream=_bad_option_of_opening,
    ),
    Trap(
        "routing-header",
        "The destination shown is the next stop; with segments left in a routing header, the connection is that of "
        "the last address in it.",
        "RFC 8200 §8.1 (the pseudo-header takes the final destination)",
        of_frame=_routed,
    ),
    Trap(
        "pseudo-header",
        "The length is told without the pseudo-header that the link type puts in front of a frame.",
        "The link type's description (www.tcpdump.org/linktypes.html), e.g. LINKTYPE_SUNATM",
        of_frame=_without_pseudo_header,
    ),
    Trap(
        "time-overflow",
        "Microseconds of more than a second overflow 32 bits when they are turned into nanoseconds.",
        "draft-ietf-opsawg-pcap (Packet Record, Timestamp): whatever the number, it counts microseconds",
        of_frame=_overflown,
    ),
    Trap(
        "tags-ignored",
        "Equal addresses and ports in different VLANs or tunnels become one stream.",
        "IEEE 802.1Q (each VLAN is a network of its own); Wireshark keeps conversations by addresses and ports",
        of_stream=_several_ways,
    ),
    Trap(
        "captured-twice",
        "A packet that was captured twice counts twice (and is labelled a retransmission, which we do not compare).",
        "RFC 791 §3.2 (Identification): a retransmission is a datagram of its own",
        of_stream=_captured_twice,
    ),
    Trap(
        "cut-up",
        "A copy of a SYN opens a new stream once a RST, a FIN or an ICMP error about the connection has been seen; "
        "in newer versions also a SYN-ACK that follows one, or has another number.",
        "RFC 9293 §3.8.1: the same number is a retransmission; RFC 1122 §4.2.3.9: soft errors do not abort",
        of_stream=_cut_up,
    ),
    Trap(
        "crossing-syn",
        "A SYN that crosses the other end's opens a new stream when an ACK came before it.",
        "RFC 9293 §3.5 (simultaneous open)",
        of_stream=_crossing,
    ),
    Trap(
        "initial-rtt",
        "It runs from the latest SYN to the first ACK of anybody, whether or not that completes the handshake; zero "
        "counts as none.",
        "Wireshark tcp.analysis.initial_rtt; RFC 9293 §3.5 (what completes it), RFC 6298 §3 (Karn)",
        of_stream=_rtt_of_another,
    ),
    Trap(
        "half-open-recovery",
        "A RST that rejects a stray answer to the SYN looks like the end of the attempt; the client stays in SYN-SENT.",
        "RFC 9293 §3.5.1 (Half-Open Connections)",
        of_stream=_half_open,
    ),
    Trap(
        "syn-and-rst",
        "A segment with SYN and RST counts as SYN; the RST bit is to be looked at first.",
        "RFC 9293 §3.10.7.1 and §3.10.7.2 (first check for a RST)",
        of_stream=_syn_and_rst,
    ),
    Trap(
        "completeness",
        "Its bits are set by flags alone: no sequence or acknowledgment number is checked.",
        "Wireshark tcp.completeness; RFC 9293 §3.5 (the numbers that make a handshake)",
        of_stream=_bits_alone,
    ),
    Trap(
        "time-wait",
        "A 4-tuple is never forgotten: what comes long after the close is counted to the old connection.",
        "RFC 9293 §3.4.2 (2 MSL after the close it is free again)",
        of_stream=_long_closed,
    ),
)
"""All of them; the first that fits explains a difference."""
