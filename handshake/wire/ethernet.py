"""Ethernet, and the tags and shims that stand between it and IP."""

from __future__ import annotations

from handshake.model.packet import Tag
from handshake.wire.layout import (
    ETAG,
    ETHERNET,
    ETHERTYPE,
    HSR,
    MACSEC,
    PBB,
    RTAG,
    VLAN,
    VNTAG,
    Layout,
    vlan_id,
)
from handshake.wire.registry import by_ethertype
from handshake.wire.walk import HaltError, Layer, Walk

_LLC = 0x8870
_LOWEST_ETHERTYPE = 0x0600
"""Below it the field is a length and IEEE 802.2 LLC follows (IEEE 802.3 §3.2.6)."""


def ethertype_or_llc(walk: Walk, kind: int, at: int, layer: str) -> tuple[Layer, int]:
    """What follows a field that is an EtherType, or a length that ends the frame before its padding."""
    if kind >= _LOWEST_ETHERTYPE:
        return by_ethertype(kind, at, layer)
    walk.end_at(min(at + kind, walk.end))
    return by_ethertype(_LLC, at, layer)


def ethernet(walk: Walk, at: int) -> tuple[Layer, int]:
    """Ethernet II or IEEE 802.3 (IEEE 802.3 §3.2.6)."""
    _, _, kind = ETHERNET.read(walk.data, at)
    walk.layers.append("ethernet")
    return ethertype_or_llc(walk, kind, at + ETHERNET.size, "ethernet")


def vlan(walk: Walk, at: int) -> tuple[Layer, int]:
    """One 802.1Q or 802.1ad tag; a tag with VLAN 0 only carries a priority."""
    tci, kind = VLAN.read(walk.data, at)
    walk.layers.append("vlan")
    if vlan_id(tci):
        walk.tags += (Tag("vlan", vlan_id(tci)),)
    return ethertype_or_llc(walk, kind, at + VLAN.size, "vlan")


def _shim(header: Layout) -> Layer:
    """A layer for a header that tells a switch something, and nothing about whose packet it is."""

    def shim(walk: Walk, at: int) -> tuple[Layer, int]:
        *_, kind = header.read(walk.data, at)
        walk.layers.append(header.name)
        return ethertype_or_llc(walk, kind, at + header.size, header.name)

    return shim


hsr = _shim(HSR)
rtag = _shim(RTAG)
vntag = _shim(VNTAG)
etag = _shim(ETAG)


def pbb(walk: Walk, at: int) -> tuple[Layer, int]:
    """Provider backbone bridge: a whole Ethernet frame of a customer inside (IEEE 802.1ah)."""
    (flags_isid,) = PBB.read(walk.data, at)
    walk.layers.append("pbb")
    walk.enter("pbb", flags_isid & 0xFFFFFF)
    return ethernet, at + PBB.size


def macsec(walk: Walk, at: int) -> tuple[Layer, int]:
    """MACsec (IEEE 802.1AE §9): entered where it only protects from change, and leaves the content readable."""
    tci, _, _ = MACSEC.read(walk.data, at)
    if tci & 0x80:
        raise HaltError("macsec", at, "MACsec version 1", fault=True)
    walk.layers.append("macsec")
    if tci & 0x0C:
        raise HaltError("macsec", at, "MACsec, encrypted", fault=False)
    size = MACSEC.size + (8 if tci & 0x20 else 0)  # the secure channel identifier
    walk.need("macsec", at, size + ETHERTYPE.size)
    (kind,) = ETHERTYPE.read(walk.data, at + size)
    return ethertype_or_llc(walk, kind, at + size + ETHERTYPE.size, "macsec")
