"""HS2xx: explicit congestion notification, classic (RFC 3168) and accurate (RFC 9768)."""

from __future__ import annotations

from collections.abc import Iterator

from handshake.findings.registry import Facts, Match, Sign, rule
from handshake.model.finding import Severity
from handshake.model.handshake import Mark, Side
from handshake.model.options import MSS
from handshake.model.packet import ACK, AE, CWR, ECE, SYN, Segment

_ASIDE = {"tfo", "exp1", "exp2"}
_CODEPOINTS = ("Not-ECT", "ECT(1)", "ECT(0)", "CE")
_CE = 3
_CAPABLE = AE | CWR | ECE
_ARRIVED = {CWR: 0, CWR | ECE: 1, AE: 2, AE | CWR: 3}
"""The IP ECN field as it arrived, told by AE, CWR and ECE: of the SYN by the SYN-ACK, of the SYN-ACK by the third
segment (RFC 9768 tables 2 and 3)."""


@rule(
    "HS210", "ecn-reflected", Severity.WARNING, on=(Sign.PAIR,),
    what="The SYN-ACK sends the ECN flags of the SYN back unchanged.",
    why="A broken stack or middlebox copies the reserved bits instead of answering; ECN must then stay off.",
    check="Whether the server or something before it does so.",
    rfc=("RFC 3168 §6.1.1", "RFC 9768 §3.1.2"),
)  # fmt: skip
def ecn_reflected(facts: Facts) -> Iterator[Match]:
    """Same AE, CWR, ECE in SYN and SYN-ACK."""
    pair = facts.pair
    if pair:
        asked, reply = (segment.flags & (AE | CWR | ECE) for segment in pair)
        if asked in (CWR | ECE, AE | CWR | ECE) and asked == reply and pair[1].flags & ACK:
            yield Match("the flags that ask for ECN came back as they were", (pair[1].number,))


@rule(
    "HS223", "ect-in-opening", Severity.NOTE,
    what="A SYN or SYN-ACK travels in a packet marked as ECN-capable.",
    why="Classic ECN forbids it for both; RFC 5562 allows it for a SYN-ACK by way of experiment, and newer experiments "
    "for any segment (RFC 8311). Else a test of ECN, a device that writes the field, or a type of service of old days.",
    check="Who sends it; a router that bleaches or remarks the whole traffic class byte.",
    rfc=("RFC 3168 §6.1.1", "RFC 5562 §3", "RFC 8311 §4.3"),
)  # fmt: skip
def ect_in_opening(facts: Facts) -> Iterator[Match]:
    """ECT or CE on SYN or SYN-ACK."""
    for name, segment in facts.openings:
        if segment.ecn:
            marked = ": a router on the way marked it" if segment.ecn == _CE else ""
            yield Match(f"the {name} arrives as {_CODEPOINTS[segment.ecn]}{marked}", (segment.number,))


@rule(
    "HS224", "ecn-field-changed", Severity.WARNING, on=(Sign.PAIR,),
    what="By the feedback of Accurate ECN a SYN or SYN-ACK arrived with another ECN field than it had here, and not as "
    "congestion would change it.",
    why="A router between here and the receiver clears or rewrites the ECN field (bleaching).",
    check="Which hop does it (`tracebox`, or traceroute with ECT set); ECN cannot work on that way.",
    rfc=("RFC 9768 §3.2.2.3", "RFC 3168 §18"),
)  # fmt: skip
def ecn_field_changed(facts: Facts) -> Iterator[Match]:
    """AccECN's word on the SYN and the SYN-ACK against the captured packets."""
    if not facts.pair or facts.pair[0].flags & _CAPABLE != _CAPABLE or not facts.pair[1].flags & ACK:
        return
    syn, answer = facts.pair
    answers = [("SYN", syn, answer)]
    if answer.flags & _CAPABLE in _ARRIVED:
        answers += [("SYN-ACK", answer, third) for third in _third(facts)]
    for name, sent, reply in answers:
        arrived = _ARRIVED.get(reply.flags & _CAPABLE)
        if arrived is not None and _invalid(sent.ecn, arrived):
            was, became = _CODEPOINTS[sent.ecn], _CODEPOINTS[arrived]
            yield Match(f"the {name} was {was} here and arrived as {became}", (sent.number, reply.number))


def _third(facts: Facts) -> list[Segment]:
    """The pure ACK that completed the handshake: the only one that tells how the SYN-ACK arrived."""
    done = [s for s in facts.marked(Mark.HANDSHAKE_COMPLETE) if not s.seg_len and not s.flags & SYN]
    return [segment for segment in done if segment.src == facts.handshake.client.endpoint]


def _invalid(sent: int, arrived: int) -> bool:
    """Whether no congestion explains the change of the field (RFC 3168 §18)."""
    if sent == arrived:
        return False
    return not sent or sent == _CE or not arrived


@rule(
    "HS228", "syn-asks-for-less", Severity.NOTE, on=(Mark.SYN_RETRANSMITTED,),
    what="A repeated SYN leaves out something that the first one asked for.",
    why="The client got no answer and suspects a device that drops SYNs with new flags or options, so it tries "
    "without. What the second SYN leaves out is not used on this connection, even where the first was merely lost.",
    check="Whether the first SYN got lost, or whether such SYNs never get through (a firewall).",
    rfc=("RFC 3168 §6.1.1.1", "RFC 9768 §3.1.4.1"),
)  # fmt: skip
def syn_asks_for_less(facts: Facts) -> Iterator[Match]:
    """Flags and options of the first SYN that a copy lacks; Fast Open has a rule of its own (HS305)."""
    syns = facts.syns[Side.CLIENT]
    if len(syns) < 2:
        return
    first, whole = _wishes(syns[0]), not (syns[0].options.cut or syns[0].options.fault)
    for copy in syns[1:]:
        lacks = [wish for wish in first if wish not in _wishes(copy)]
        if lacks and whole and not copy.options.cut:
            yield Match(f"asks again without {', '.join(lacks)}", (syns[0].number, copy.number))
            return


def _wishes(syn: Segment) -> list[str]:
    """What a SYN asks for, by name, in wire order; padding, MSS and Fast Open aside."""
    asked = syn.flags & _CAPABLE
    flags = ["AccECN"] if asked == _CAPABLE else ["ECN"] if asked == CWR | ECE else []
    names = dict.fromkeys(item.name for item in syn.options.items if item.kind > MSS)
    return flags + [name for name in names if name not in _ASIDE]
