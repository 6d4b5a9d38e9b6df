"""What switches wrap around an Ethernet frame: their own tags, fabrics, preambles, capture hardware's headers."""

from __future__ import annotations

from handshake.model.packet import Tag
from handshake.wire.ethernet import ethernet, ethertype_or_llc
from handshake.wire.layout import (
    BROADCOM,
    BROADCOM_TAG,
    DSA,
    EDSA,
    FABRICPATH,
    MPACKET,
    TRILL,
    Layout,
    trill_options_size,
    vlan_id,
)
from handshake.wire.walk import HaltError, Layer, Walk

_DSA_TAGGED = 1 << 29
_EXPRESS = 0xD5
_STARTS = (0xE6, 0x4C, 0x7F, 0xB3)
_CONTINUATIONS = (0x61, 0x52, 0x9E, 0x2A)
_PREAMBLE = b"\x55" * 6
_NETANALYZER, _ETHERNET_PREAMBLE = 4, 8
"""Bytes of headers without any field that matters here."""
_EPON_START, _EPON_PREAMBLE = b"\xd5\x55", 6


def broadcom(walk: Walk, at: int) -> tuple[Layer, int]:
    """Ethernet with the four-byte tag of Broadcom switches behind the addresses."""
    *_, kind = BROADCOM.read(walk.data, at)
    walk.layers += ("ethernet", "brcm-tag")
    return ethertype_or_llc(walk, kind, at + BROADCOM.size, "brcm-tag")


def broadcom_prepended(walk: Walk, at: int) -> tuple[Layer, int]:
    """Ethernet behind the four-byte tag of Broadcom switches."""
    BROADCOM_TAG.read(walk.data, at)
    walk.layers.append("brcm-tag")
    return ethernet, at + BROADCOM_TAG.size


def _dsa(walk: Walk, at: int, header: Layout) -> tuple[Layer, int]:
    *_, tag, kind = header.read(walk.data, at)
    walk.layers += ("ethernet", header.name)
    if tag & _DSA_TAGGED and vlan_id(tag):  # untagged frames have a VLAN in one direction only
        walk.tags += (Tag("vlan", vlan_id(tag)),)
    return ethertype_or_llc(walk, kind, at + header.size, header.name)


def dsa(walk: Walk, at: int) -> tuple[Layer, int]:
    """Ethernet with the tag of Marvell switches, which stands in place of an 802.1Q tag."""
    return _dsa(walk, at, DSA)


def edsa(walk: Walk, at: int) -> tuple[Layer, int]:
    """Ethernet with the tag of Marvell switches behind an EtherType of its own."""
    return _dsa(walk, at, EDSA)


def trill(walk: Walk, at: int) -> tuple[Layer, int]:
    """TRILL: an Ethernet frame on its way through a campus (RFC 6325 §3)."""
    flags, _, _ = TRILL.read(walk.data, at)
    if flags >> 14:
        raise HaltError("trill", at, f"TRILL version {flags >> 14}", fault=True)
    walk.need("trill", at, TRILL.size + trill_options_size(flags))
    walk.layers.append("trill")
    return ethernet, at + TRILL.size + trill_options_size(flags)


def fabricpath(walk: Walk, at: int) -> tuple[Layer, int]:
    """Cisco FabricPath: an Ethernet frame behind another one's addresses."""
    FABRICPATH.read(walk.data, at)
    walk.layers.append("fabricpath")
    return ethernet, at + FABRICPATH.size


def mpacket(walk: Walk, at: int) -> tuple[Layer, int]:
    """Ethernet with its preamble, maybe interrupted by an express frame (IEEE 802.3br §99.3)."""
    preamble, continuation, start = MPACKET.read(walk.data, at)
    walk.layers.append("mpacket")
    if preamble == _PREAMBLE and start in (_EXPRESS, *_STARTS):
        if start != _EXPRESS:
            walk.whole = False
        return ethernet, at + MPACKET.size
    if preamble == _PREAMBLE and continuation in _CONTINUATIONS:
        raise HaltError("mpacket", at, "later part of a preempted frame", fault=False)
    raise HaltError("mpacket", at, "mPacket without a frame", fault=False)


def _behind(name: str, size: int) -> Layer:
    def behind(walk: Walk, at: int) -> tuple[Layer, int]:
        walk.need(name, at, size)
        walk.layers.append(name)
        return ethernet, at + size

    return behind


netanalyzer = _behind("netanalyzer", _NETANALYZER)
netanalyzer_with_preamble = _behind("netanalyzer", _NETANALYZER + _ETHERNET_PREAMBLE)


def epon(walk: Walk, at: int) -> tuple[Layer, int]:
    """Ethernet of a passive optical network: what is left of the preamble, six bytes or seven (IEEE 802.3 §65.1.3)."""
    size = _EPON_PREAMBLE + (walk.data[at + 1 : at + 3] == _EPON_START)
    walk.need("epon", at, size)
    walk.layers.append("epon")
    return ethernet, at + size
