"""ICMP (RFC 792) and ICMPv6 (RFC 4443) errors, tied to the packet that they quote.

What an error means to a connection that is being opened: RFC 1122 §4.2.3.9 and RFC 5461 call
v4 3/0, 3/1, 3/5 (and their v6 kin) soft errors, 3/2 and 3/3 hard ones.
"""

from __future__ import annotations

from handshake.model.address import Endpoint
from handshake.model.packet import IcmpError
from handshake.wire.layout import (
    ICMP,
    ICMPV6,
    IPV4,
    IPV6,
    IPV6_EXTENSION,
    IPV6_FRAGMENT,
    TCP_QUOTED,
    TooShortError,
    ipv4_fragment_offset,
    ipv4_header_length,
    ipv4_version,
    ipv6_extension_size,
    ipv6_fragment_offset,
    ipv6_version,
)
from handshake.wire.walk import HaltError, Walk

MEANINGS_V4 = {
    (3, 0): "network unreachable",
    (3, 1): "host unreachable",
    (3, 2): "protocol unreachable",
    (3, 3): "port unreachable",
    (3, 4): "fragmentation needed but not allowed",
    (3, 5): "source route failed",
    (3, 6): "destination network unknown",
    (3, 7): "destination host unknown",
    (3, 8): "source host isolated",
    (3, 9): "network administratively prohibited",
    (3, 10): "host administratively prohibited",
    (3, 11): "network unreachable for this type of service",
    (3, 12): "host unreachable for this type of service",
    (3, 13): "communication administratively prohibited",
    (3, 14): "host precedence violation",
    (3, 15): "precedence cutoff",
    (4, 0): "source quench",
    (11, 0): "time to live exceeded in transit",
    (11, 1): "fragment reassembly time exceeded",
    (12, 0): "bad header parameter",
    (12, 1): "required option missing",
    (12, 2): "bad header length",
}
MEANINGS_V6 = {
    (1, 0): "no route to destination",
    (1, 1): "communication administratively prohibited",
    (1, 2): "beyond the scope of the source address",
    (1, 3): "address unreachable",
    (1, 4): "port unreachable",
    (1, 5): "source address failed ingress or egress policy",
    (1, 6): "reject route to destination",
    (2, 0): "packet too big",
    (3, 0): "hop limit exceeded in transit",
    (3, 1): "fragment reassembly time exceeded",
    (4, 0): "erroneous header field",
    (4, 1): "unrecognised next header",
    (4, 2): "unrecognised IPv6 option",
}
_ERROR_TYPES = {4: frozenset({3, 4, 11, 12}), 6: frozenset({1, 2, 3, 4})}
_NAMES = {4: "ICMP", 6: "ICMPv6"}
_MEANINGS = {4: MEANINGS_V4, 6: MEANINGS_V6}
_PACKET_TOO_BIG = {4: (3, 4), 6: (2, 0)}
_EXTENSION_HEADERS = frozenset({0, 43, 60})
_FRAGMENT = 44
_MAX_EXTENSIONS = 8


def _quoted_ip(data: bytes, at: int, version: int) -> tuple[int, bytes, bytes, int]:
    """Protocol, source, destination of a quoted IP header and the offset of what follows it."""
    if version == 4:
        version_ihl, _, _, _, fragment, _, protocol, _, src, dst = IPV4.read(data, at)
        if ipv4_version(version_ihl) != 4 or ipv4_header_length(version_ihl) < IPV4.size:
            raise HaltError("icmp", at, "ICMP error quoting no IPv4 packet", fault=True)
        if ipv4_fragment_offset(fragment):
            raise HaltError("icmp", at, "ICMP error quoting a later fragment", fault=False)
        return protocol, src, dst, at + ipv4_header_length(version_ihl)
    head, _, protocol, _, src, dst = IPV6.read(data, at)
    if ipv6_version(head) != 6:
        raise HaltError("icmpv6", at, "ICMPv6 error quoting no IPv6 packet", fault=True)
    at += IPV6.size
    for _ in range(_MAX_EXTENSIONS):
        if protocol in _EXTENSION_HEADERS:
            protocol, length = IPV6_EXTENSION.read(data, at)
            at += ipv6_extension_size(length)
        elif protocol == _FRAGMENT:
            protocol, _, offset_more, _ = IPV6_FRAGMENT.read(data, at)
            if ipv6_fragment_offset(offset_more):
                raise HaltError("icmpv6", at, "ICMPv6 error quoting a later fragment", fault=False)
            at += IPV6_FRAGMENT.size
    return protocol, src, dst, at


def _error(walk: Walk, at: int, version: int) -> None:
    header = ICMP if version == 4 else ICMPV6
    layer = header.name
    kind, code, _, rest = header.read(walk.data, at)
    walk.layers.append(layer)
    if kind not in _ERROR_TYPES[version]:
        raise HaltError(layer, at, f"{_NAMES[version]} that is no error", fault=False)
    try:
        protocol, src, dst, quoted_at = _quoted_ip(walk.data, at + header.size, version)
        src_port, dst_port, seq = TCP_QUOTED.read(walk.data, quoted_at) if protocol in (6, 17) else (0, 0, 0)
    except TooShortError as short:
        where = min(short.at, walk.captured)
        raise HaltError(layer, where, f"{_NAMES[version]} error whose quoted packet is cut", fault=True) from None
    mtu = None
    if (kind, code) == _PACKET_TOO_BIG[version]:
        mtu = rest & 0xFFFF if version == 4 else rest
    walk.transport = IcmpError(
        walk.frame.number,
        walk.frame.time_ns,
        walk.src,
        version,
        kind,
        code,
        mtu,
        protocol,
        Endpoint(src, src_port),
        Endpoint(dst, dst_port),
        seq if protocol == 6 else None,
        _MEANINGS[version].get((kind, code), f"type {kind} code {code}"),
        walk.tags,
    )


def icmpv4(walk: Walk, at: int) -> None:
    """One ICMP message; errors become an `IcmpError`, the rest is counted."""
    _error(walk, at, 4)


def icmpv6(walk: Walk, at: int) -> None:
    """One ICMPv6 message; errors become an `IcmpError`, the rest is counted."""
    _error(walk, at, 6)
