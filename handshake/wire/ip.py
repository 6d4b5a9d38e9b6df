"""IPv4 (RFC 791) and IPv6 (RFC 8200) with its extension headers."""

from __future__ import annotations

from handshake.wire.layout import (
    IPV4,
    IPV6,
    IPV6_EXTENSION,
    IPV6_FRAGMENT,
    IPV6_ROUTING,
    TooShortError,
    ipv4_fragment_offset,
    ipv4_header_length,
    ipv4_more_fragments,
    ipv4_version,
    ipv6_extension_size,
    ipv6_fragment_offset,
    ipv6_more_fragments,
    ipv6_version,
)
from handshake.wire.registry import by_ip_protocol
from handshake.wire.walk import HaltError, Layer, Walk


def by_version(walk: Walk, at: int) -> tuple[Layer, int]:
    """IPv4 or IPv6, whichever the first four bits say."""
    if at >= walk.captured:
        raise TooShortError("ip", at, 1, 0)
    version = walk.data[at] >> 4
    if version == 4:
        return ipv4, at
    if version == 6:
        return ipv6, at
    raise HaltError("ip", at, f"IP version {version}", fault=True)


def ipv4(walk: Walk, at: int) -> tuple[Layer, int]:
    """One IPv4 header with its options. Of a fragmented packet the first fragment goes on (`wire.fragments`)."""
    version_ihl, tos, total, walk.ip_id, fragment, walk.ttl, protocol, _, walk.src, walk.dst = IPV4.read(walk.data, at)
    length = ipv4_header_length(version_ihl)
    if ipv4_version(version_ihl) != 4:
        raise HaltError("ipv4", at, f"IP version {ipv4_version(version_ihl)} where IPv4 was announced", fault=True)
    if length < IPV4.size:
        raise HaltError("ipv4", at, f"header length {length} is less than 20", fault=True)
    if total == 0:  # segmentation offload: the capturing host left the length to the network card
        total = walk.end - at
    if total < length:
        raise HaltError("ipv4", at, f"total length {total} is less than the header's {length}", fault=True)
    if at + length > walk.captured:
        raise TooShortError("ipv4", at, length, walk.captured - at)
    walk.layers.append("ipv4")
    walk.version = 4
    walk.ecn, walk.dscp = tos & 3, tos >> 2
    walk.end_at(at + total)
    offset, more = ipv4_fragment_offset(fragment), ipv4_more_fragments(fragment)
    if offset or more:
        walk.fragment(protocol, walk.ip_id or 0, offset, at + length, more=bool(more))
    return by_ip_protocol(walk, protocol, at + length, "ipv4")


def ipv6(walk: Walk, at: int) -> tuple[Layer, int]:
    """The fixed IPv6 header; extension headers are layers of their own."""
    head, length, protocol, walk.ttl, walk.src, walk.dst = IPV6.read(walk.data, at)
    if ipv6_version(head) != 6:
        raise HaltError("ipv6", at, f"IP version {ipv6_version(head)} where IPv6 was announced", fault=True)
    walk.layers.append("ipv6")
    walk.version = 6
    walk.ecn, walk.dscp = head >> 20 & 3, head >> 22 & 63
    walk.ip_id = None
    at += IPV6.size
    if length:  # zero: a jumbogram (RFC 2675) or segmentation offload; then the frame's length counts
        walk.end_at(at + length)
    return by_ip_protocol(walk, protocol, at, "ipv6")


def _extension_end(walk: Walk, at: int, length: int, layer: str) -> int:
    """Where an extension header ends that counts its length in 8 bytes beyond the first 8 (RFC 8200 §4.2)."""
    size = ipv6_extension_size(length)
    if at + size > walk.captured:
        raise TooShortError(layer, at, size, walk.captured - at)
    walk.layers.append(layer)
    return at + size


def ipv6_options(walk: Walk, at: int) -> tuple[Layer, int]:
    """Hop-by-hop, destination options, mobility and alike: skipped by their length."""
    protocol, length = IPV6_EXTENSION.read(walk.data, at)
    after = _extension_end(walk, at, length, "ipv6-extension")
    return by_ip_protocol(walk, protocol, after, "ipv6-extension")


def ipv6_routing(walk: Walk, at: int) -> tuple[Layer, int]:
    """Routing header: with segments left, the last address of types 0 and 2 is where the packet really goes."""
    protocol, length, kind, left = IPV6_ROUTING.read(walk.data, at)
    after = _extension_end(walk, at, length, "ipv6-routing")
    if left and kind in (0, 2) and length >= 2:
        walk.dst = walk.data[after - 16 : after]
    return by_ip_protocol(walk, protocol, after, "ipv6-routing")


def ipv6_fragment(walk: Walk, at: int) -> tuple[Layer, int]:
    """Fragment header; an atomic fragment (offset 0, no more) is a whole packet (RFC 6946)."""
    protocol, _, offset_more, number = IPV6_FRAGMENT.read(walk.data, at)
    walk.layers.append("ipv6-fragment")
    at += IPV6_FRAGMENT.size
    offset, more = ipv6_fragment_offset(offset_more), ipv6_more_fragments(offset_more)
    if offset or more:
        walk.fragment(protocol, number, offset, at, more=bool(more))
    return by_ip_protocol(walk, protocol, at, "ipv6-fragment")
