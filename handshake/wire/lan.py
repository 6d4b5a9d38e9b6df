"""Local networks that are not Ethernet: FDDI, token ring, ARCnet, Fibre Channel, FireWire, InfiniBand, SunATM."""

from __future__ import annotations

from handshake.model.packet import Tag
from handshake.wire.ip import by_version
from handshake.wire.layout import (
    ARCNET,
    ARCNET_LINUX,
    ARCNET_SPLIT,
    FDDI,
    FIBRE_CHANNEL_IP,
    IEEE1394_IP,
    IPOIB,
    SUNATM,
    TOKEN_RING,
    TOKEN_RING_ROUTE,
    token_ring_route_size,
)
from handshake.wire.llc import atm, llc
from handshake.wire.registry import by_ethertype
from handshake.wire.walk import HaltError, Layer, Walk

_ARCNET_IP = (0xF0, 0xD4, 0xC4)
"""IPv4 of RFC 1051, IPv4 and IPv6 of RFC 1201."""
_ARCNET_UNSPLIT = (0xF0, 0xF1, 0x80)
"""Types of RFC 1051 and diagnosis: their frames have no fragmentation header."""
_ARCNET_EXCEPTION, _ARCNET_EXCEPTION_SIZE = 0xFF, 4
_ARCNET_NAMES = {0xF1: "ARP", 0xD5: "ARP", 0xD6: "RARP", 0xDD: "AppleTalk", 0xFA: "IPX", 0x80: "ARCnet diagnosis"}


def fddi(walk: Walk, at: int) -> tuple[Layer, int]:
    """FDDI; asynchronous frames carry LLC (ANSI X3.139)."""
    control, _, _ = FDDI.read(walk.data, at)
    walk.layers.append("fddi")
    if control & 0xF0 != 0x50:
        raise HaltError("fddi", at, "FDDI frame without LLC", fault=False)
    return llc, at + FDDI.size


def token_ring(walk: Walk, at: int) -> tuple[Layer, int]:
    """Token ring with its source route (IEEE 802.5)."""
    _, control, _, src, _ = TOKEN_RING.read(walk.data, at)
    after = at + TOKEN_RING.size
    if src & 0x80:
        (route,) = TOKEN_RING_ROUTE.read(walk.data, after)
        size = token_ring_route_size(route)
        if size < TOKEN_RING_ROUTE.size:
            raise HaltError("token-ring", at, f"source route of {size} bytes", fault=True)
        walk.need("token-ring", at, TOKEN_RING.size + size)
        after += size
    walk.layers.append("token-ring")
    if control & 0xC0 != 0x40:
        raise HaltError("token-ring", at, "token ring frame without LLC", fault=False)
    return llc, after


def fibre_channel_ip(walk: Walk, at: int) -> tuple[Layer, int]:
    """IP over Fibre Channel: the network header, then LLC (RFC 2625 §3)."""
    FIBRE_CHANNEL_IP.read(walk.data, at)
    walk.layers.append("fc-ip")
    return llc, at + FIBRE_CHANNEL_IP.size


def ieee1394(walk: Walk, at: int) -> tuple[Layer, int]:
    """IP over FireWire as Apple's systems record it."""
    _, _, kind = IEEE1394_IP.read(walk.data, at)
    walk.layers.append("ieee1394")
    return by_ethertype(kind, at + IEEE1394_IP.size, "ieee1394")


def ipoib(walk: Walk, at: int) -> tuple[Layer, int]:
    """IP over InfiniBand: link addresses, then the header of RFC 4391 §6."""
    _, _, kind, _ = IPOIB.read(walk.data, at)
    walk.layers.append("ipoib")
    return by_ethertype(kind, at + IPOIB.size, "ipoib")


def _arcnet(walk: Walk, kind: int, split: int, at: int) -> tuple[Layer, int]:
    walk.layers.append("arcnet")
    if split and not split & 1:
        raise HaltError("arcnet", at, "later ARCnet fragment", fault=False)
    if split:
        walk.whole = False
    if kind in _ARCNET_IP:
        return by_version(walk, at)
    raise HaltError("arcnet", at, _ARCNET_NAMES.get(kind, f"ARCnet type {kind:#04x}"), fault=False)


def arcnet(walk: Walk, at: int) -> tuple[Layer, int]:
    """ARCnet as BSD records it, each fragment by itself (RFC 1201, RFC 1051)."""
    _, _, kind = ARCNET.read(walk.data, at)
    at += ARCNET.size
    if kind in _ARCNET_UNSPLIT:
        return _arcnet(walk, kind, 0, at)
    split, _ = ARCNET_SPLIT.read(walk.data, at)
    if split == _ARCNET_EXCEPTION:  # a filler that avoids a packet size which ARCnet cannot send
        walk.need("arcnet", at, _ARCNET_EXCEPTION_SIZE)
        at += _ARCNET_EXCEPTION_SIZE
        split, _ = ARCNET_SPLIT.read(walk.data, at)
    return _arcnet(walk, kind, split, at + ARCNET_SPLIT.size)


def arcnet_linux(walk: Walk, at: int) -> tuple[Layer, int]:
    """ARCnet as Linux records it: reassembled."""
    *_, kind = ARCNET_LINUX.read(walk.data, at)
    at += ARCNET_LINUX.size
    if kind not in _ARCNET_UNSPLIT:
        ARCNET_SPLIT.read(walk.data, at)
        at += ARCNET_SPLIT.size
    return _arcnet(walk, kind, 0, at)


def sunatm(walk: Walk, at: int) -> tuple[Layer, int]:
    """ATM as Solaris records it; the virtual circuit is the tag."""
    flags, vpi, vci = SUNATM.read(walk.data, at)
    walk.layers.append("sunatm")
    if flags & 0xF != 2:
        raise HaltError("sunatm", at, "ATM frame without LLC", fault=False)
    walk.tags += (Tag("vpi", vpi), Tag("vci", vci))
    return atm, at + SUNATM.size
