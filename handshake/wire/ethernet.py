"""Ethernet and what stands between it and IP: VLAN tags."""

from __future__ import annotations

from handshake.model.packet import Tag
from handshake.wire.layout import ETHERNET, VLAN
from handshake.wire.registry import by_ethertype, ethertype, link
from handshake.wire.walk import HaltError, Layer, Walk

_LOWEST_ETHERTYPE = 0x0600
"""Below it the field is a length and IEEE 802.2 LLC follows (IEEE 802.3 §3.2.6)."""


def ethertype_or_llc(kind: int, at: int, layer: str) -> tuple[Layer, int]:
    """What follows a field that is an EtherType or a length."""
    if kind < _LOWEST_ETHERTYPE:
        raise HaltError(layer, at, "IEEE 802.3 frame (LLC)", fault=False)
    return by_ethertype(kind, at, layer)


@link("Ethernet", 1)
def ethernet(walk: Walk, at: int) -> tuple[Layer, int]:
    """Ethernet II (IEEE 802.3 §3.2.6)."""
    _, _, kind = ETHERNET.read(walk.data, at)
    walk.layers.append("ethernet")
    return ethertype_or_llc(kind, at + ETHERNET.size, "ethernet")


@ethertype(0x8100, 0x88A8, 0x9100, 0x9200)  # 802.1Q, 802.1ad, and the older QinQ numbers
def vlan(walk: Walk, at: int) -> tuple[Layer, int]:
    """One 802.1Q or 802.1ad tag; a tag with VLAN 0 only carries a priority."""
    tci, kind = VLAN.read(walk.data, at)
    walk.layers.append("vlan")
    if tci & 0xFFF:
        walk.tags += (Tag("vlan", tci & 0xFFF),)
    return ethertype_or_llc(kind, at + VLAN.size, "vlan")
