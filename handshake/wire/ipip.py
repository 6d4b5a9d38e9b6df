"""What IP carries right behind its header: IP, Ethernet; both authenticated or compressed."""

from __future__ import annotations

import zlib

from handshake.model.packet import Tag
from handshake.wire.ethernet import ethernet
from handshake.wire.ip import ipv4, ipv6
from handshake.wire.layout import AH, ETHERIP, IPCOMP, ah_size
from handshake.wire.registry import by_ip_protocol
from handshake.wire.walk import HaltError, Layer, Walk

_LONGEST_PACKET = 0xFFFF


def ipv4_in_ip(walk: Walk, at: int) -> tuple[Layer, int]:
    """IPv4 in IPv4 (RFC 2003) or in IPv6 (RFC 2473)."""
    walk.enter(f"4in{walk.version}")
    return ipv4, at


def ipv6_in_ip(walk: Walk, at: int) -> tuple[Layer, int]:
    """IPv6 in IPv4 (RFC 4213) or in IPv6 (RFC 2473)."""
    walk.enter(f"6in{walk.version}")
    return ipv6, at


def ethernet_in_ip(walk: Walk, at: int) -> tuple[Layer, int]:
    """An Ethernet frame, as segment routing carries it (RFC 8986 §4.9)."""
    walk.enter("ethernet-in-ip")
    return ethernet, at


def etherip(walk: Walk, at: int) -> tuple[Layer, int]:
    """EtherIP, always version 3 (RFC 3378 §3)."""
    (version,) = ETHERIP.read(walk.data, at)
    if version != 0x3000:
        raise HaltError(
            "etherip", at, f"EtherIP version {version >> 12}, reserved bits {version & 0xFFF:#x}", fault=True
        )
    walk.layers.append("etherip")
    walk.enter("etherip")
    return ethernet, at + ETHERIP.size


def ah(walk: Walk, at: int) -> tuple[Layer, int]:
    """IPsec authentication header (RFC 4302 §2): no tunnel by itself, so it has no ends."""
    protocol, length, _, spi, _ = AH.read(walk.data, at)
    size = ah_size(length)
    if size < AH.size:
        raise HaltError("ah", at, f"length {size} is less than the header's {AH.size}", fault=True)
    walk.need("ah", at, size)
    walk.layers.append("ah")
    walk.tags += (Tag("ah", spi),)
    return by_ip_protocol(walk, protocol, at + size, "ah")


def ipcomp(walk: Walk, at: int) -> tuple[Layer, int]:
    """IP payload compression (RFC 3173) with DEFLATE (RFC 2394): what follows is read from the inflated bytes."""
    protocol, _, _ = IPCOMP.read(walk.data, at)
    walk.layers.append("ipcomp")
    after = at + IPCOMP.size
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = inflater.decompress(walk.data[after:], _LONGEST_PACKET)
    except zlib.error:
        plain = b""
    if not plain:
        raise HaltError("ipcomp", after, "IPComp, not DEFLATE", fault=False)
    walk.inflated(after, plain, whole=inflater.eof)
    return by_ip_protocol(walk, protocol, after, "ipcomp")
