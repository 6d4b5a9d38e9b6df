"""HS2xx: extensions that few connections use: Multipath TCP, experimental and rare options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from handshake.findings.registry import Facts, Match, numbers, rule
from handshake.model import options as kinds
from handshake.model.finding import Severity
from handshake.model.packet import ACK, SYN, Segment

if TYPE_CHECKING:
    from handshake.model.options import Option

_MP_CAPABLE, _MP_JOIN = 0, 1
_MP_LENGTHS: dict[tuple[int, int], tuple[frozenset[int], frozenset[int], frozenset[int]]] = {
    (_MP_CAPABLE, 0): (frozenset({12}), frozenset({12}), frozenset({20})),
    (_MP_CAPABLE, 1): (frozenset({4}), frozenset({12}), frozenset({20, 22, 24})),
}
_MP_JOIN_LENGTHS = (frozenset({12}), frozenset({16}), frozenset({24}))
"""Lengths of MPTCP options in a SYN, a SYN-ACK and later segments: MP_CAPABLE by subtype and version (RFC 6824 §3.1,
RFC 8684 §3.1), MP_JOIN of either version (§3.2)."""

_RARE = {
    6: "echo, replaced by timestamps", 7: "echo reply, replaced by timestamps",
    9: "partial order service", 10: "partial order service",
    11: "T/TCP connection count", 12: "T/TCP connection count", 13: "T/TCP connection count",
    14: "alternate checksum", 15: "alternate checksum", 20: "space communications (SCPS)",
    27: "Quick-Start: asks routers for a rate", kinds.USER_TIMEOUT: "user timeout",
    kinds.ENO: "negotiates encryption (TCP-ENO)",
}  # fmt: skip
"""Options that hardly any stack sends, in words."""


@rule(
    "HS212", "mptcp-fallback", Severity.NOTE, on=(kinds.MPTCP,),
    what="The client offered Multipath TCP, the SYN-ACK does not have it: plain TCP.",
    why="The server does not support it or a middlebox removed the option.",
    check="`sysctl net.mptcp.enabled` on the server; whether the application asks for IPPROTO_MPTCP.",
    rfc=("RFC 8684 §3.7",),
)  # fmt: skip
def mptcp_fallback(facts: Facts) -> Iterator[Match]:
    """MP_CAPABLE in one SYN only."""
    pair = facts.pair
    if pair and pair[0].options.mptcp_subtypes and not pair[1].options.mptcp_subtypes:
        yield Match("Multipath TCP was offered and not accepted", (pair[0].number, pair[1].number))


@rule(
    "HS225", "mptcp-option-length", Severity.WARNING, on=(kinds.MPTCP,),
    what="A Multipath TCP option has a length that its version does not foresee at that point of the handshake.",
    why="A crafted segment, a broken stack, or a middlebox that cut or rewrote the option. The receiver falls back to "
    "plain TCP or refuses.",
    check="The raw bytes; versions of Multipath TCP on both sides.",
    rfc=("RFC 8684 §3.1", "RFC 8684 §3.2", "RFC 6824 §3.1"),
    twin="Wireshark tcp.options.mptcp",
)  # fmt: skip
def mptcp_option_length(facts: Facts) -> Iterator[Match]:
    """MP_CAPABLE and MP_JOIN against what a SYN, a SYN-ACK and a later segment may carry."""
    said, found = [], []
    for _, segment in facts.segments if kinds.MPTCP in facts.kinds else ():
        for item in segment.options.items:
            allowed = _mptcp_lengths(item, segment)
            length = len(item.data) + 2
            if allowed and length not in allowed and not segment.options.cut:
                name = "MP_JOIN" if item.data[0] >> 4 else f"MP_CAPABLE of version {item.data[0] & 15}"
                said.append(f"{name} of {length} bytes, not {' or '.join(map(str, sorted(allowed)))}")
                found.append(segment)
    if said:
        yield Match("; ".join(said[:3]) + ("; …" if len(said) > 3 else ""), numbers(found))


def _mptcp_lengths(item: Option, segment: Segment) -> frozenset[int]:
    """Lengths that an option may have there; empty where anything goes."""
    if item.kind != kinds.MPTCP or not item.data:
        return frozenset()
    subtype, version = item.data[0] >> 4, item.data[0] & 15
    place = 2 if not segment.flags & SYN else 1 if segment.flags & ACK else 0
    if subtype == _MP_JOIN:
        return _MP_JOIN_LENGTHS[place]
    lengths = _MP_LENGTHS.get((subtype, version))
    return lengths[place] if lengths else frozenset()


@rule(
    "HS226", "fast-open-experimental", Severity.NOTE, on=(kinds.EXP2,),
    what="Fast Open is asked for with the experimental option (kind 254) of the time before RFC 7413.",
    why="An old stack, or a test that looks which form gets through. Today's servers mostly answer kind 34 only.",
    check="Versions of client and server.",
    rfc=("RFC 6994 §3", "RFC 7413 §4.1.1"),
    twin="Wireshark tcp.options.experimental",
)  # fmt: skip
def fast_open_experimental(facts: Facts) -> Iterator[Match]:
    """Kind 254 with the identifier F989 in a SYN or SYN-ACK."""
    said, found = [], []
    for name, segment in facts.openings:
        cookie = segment.options.tfo_cookie
        if cookie is not None and segment.options.body(kinds.TFO) is None:
            what = f"a cookie of {len(cookie)} bytes" if cookie else "a request for a cookie"
            said.append(f"the {name} has {what} in option 254")
            found.append(segment)
    if said:
        yield Match(", ".join(said), numbers(found))


@rule(
    "HS227", "rare-option", Severity.NOTE, on=(*_RARE,),
    what="A SYN or SYN-ACK carries an option that hardly any stack sends, or that is obsolete.",
    why="An unusual stack, an experiment, or a crafted packet (scanners tell systems apart by such options).",
    check="Who sends it; whether the connection opens without it.",
    rfc=("RFC 5482", "RFC 8547", "RFC 4782", "RFC 6247"),
)  # fmt: skip
def rare_option(facts: Facts) -> Iterator[Match]:
    """Options out of the ordinary, by name."""
    if facts.kinds.isdisjoint(_RARE):
        return
    said, found = [], []
    for name, segment in facts.openings:
        rare = [f"{item.name} ({_RARE[item.kind]})" for item in segment.options.items if item.kind in _RARE]
        if rare:
            said.append(f"the {name} has {', '.join(rare)}")
            found.append(segment)
    if said:
        yield Match("; ".join(said), numbers(found))
