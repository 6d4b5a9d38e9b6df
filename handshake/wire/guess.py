"""What follows where no field says it: guesses by content, made so that other content seldom fits by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.wire.layout import (
    ETHERNET,
    IPV4,
    IPV6,
    VLAN,
    TooShortError,
    ipv4_header_length,
    ipv4_version,
    ipv6_version,
)
from handshake.wire.registry import known_ethertype, known_ppp_protocol

if TYPE_CHECKING:
    from handshake.wire.walk import Walk

_IPV4, _IPV6 = 0x0800, 0x86DD
_VLANS, _MAX_VLANS = (0x8100, 0x88A8), 4


def ip_follows(walk: Walk, at: int) -> bool:
    """A whole IPv4 or IPv6 header whose lengths fit into the packet around it."""
    room = walk.end - at if walk.whole else 0xFFFF
    try:
        version_ihl, _, total, *_ = IPV4.read(walk.data, at)
        if ipv4_version(version_ihl) == 4:
            length = ipv4_header_length(version_ihl)
            return IPV4.size <= length and (total == 0 or length <= total <= room)
        head, length, *_ = IPV6.read(walk.data, at)
    except TooShortError:
        return False
    return ipv6_version(head) == 6 and IPV6.size + length <= room


def ethernet_follows(walk: Walk, at: int) -> bool:
    """An Ethernet header with an EtherType that somebody knows; for IP, the IP header has to fit as well."""
    try:
        _, _, kind = ETHERNET.read(walk.data, at)
        at += ETHERNET.size
        for _ in range(_MAX_VLANS):
            if kind in _VLANS:
                _, kind = VLAN.read(walk.data, at)
                at += VLAN.size
    except TooShortError:
        return False
    return ip_follows(walk, at) if kind in (_IPV4, _IPV6) else known_ethertype(kind)


def ppp_follows(walk: Walk, at: int) -> bool:
    """PPP with or without address and control, with a protocol number that somebody knows."""
    start = at + 2 if walk.data[at : at + 2] == b"\xff\x03" else at
    field = walk.data[start : start + 2]
    return len(field) == 2 and known_ppp_protocol(field[0] if field[0] & 1 else int.from_bytes(field))
