"""What switches wrap around an Ethernet frame: their own tags, fabrics, preambles, capture hardware's headers."""

from __future__ import annotations

from handshake.model.packet import Tag
from handshake.wire.ethernet import ethernet, ethertype_or_llc
from handshake.wire.layout import (
    BROADCOM_TAG,
    DSA,
    EDSA,
    ETHERTYPE,
    FABRICPATH,
    MACS,
    MPACKET,
    TRILL,
    Layout,
    trill_options_size,
    vlan_id,
)
from handshake.wire.registry import ethertype, link
from handshake.wire.walk import HaltError, Layer, Walk

_DSA_TAGGED = 1 << 29
_EXPRESS = 0xD5
_STARTS = (0xE6, 0x4C, 0x7F, 0xB3)
_CONTINUATIONS = (0x61, 0x52, 0x9E, 0x2A)
_PREAMBLE = b"\x55" * 6
_NETANALYZER, _ETHERNET_PREAMBLE, _EPON_PREAMBLE = 4, 8, 6
"""Bytes of headers without any field that matters here."""


def _inside(walk: Walk, at: int, tag: Layout) -> tuple[Layer, int, int]:
    """What follows a switch's tag between the addresses and the EtherType, and the tag's last word."""
    MACS.read(walk.data, at)
    *_, word = tag.read(walk.data, at + MACS.size)
    after = at + MACS.size + tag.size
    (kind,) = ETHERTYPE.read(walk.data, after)
    walk.layers += ("ethernet", tag.name)
    return *ethertype_or_llc(walk, kind, after + ETHERTYPE.size, tag.name), word


@link(281)
def broadcom(walk: Walk, at: int) -> tuple[Layer, int]:
    """Ethernet with the four-byte tag of Broadcom switches behind the addresses."""
    layer, after, _ = _inside(walk, at, BROADCOM_TAG)
    return layer, after


@link(282)
def broadcom_prepended(walk: Walk, at: int) -> tuple[Layer, int]:
    """Ethernet behind the four-byte tag of Broadcom switches."""
    BROADCOM_TAG.read(walk.data, at)
    walk.layers.append("brcm-tag")
    return ethernet, at + BROADCOM_TAG.size


def _dsa(walk: Walk, at: int, tag: Layout) -> tuple[Layer, int]:
    layer, after, word = _inside(walk, at, tag)
    if word & _DSA_TAGGED and vlan_id(word):  # untagged frames have a VLAN in one direction only
        walk.tags += (Tag("vlan", vlan_id(word)),)
    return layer, after


@link(284)
def dsa(walk: Walk, at: int) -> tuple[Layer, int]:
    """Ethernet with the tag of Marvell switches, which stands in place of an 802.1Q tag."""
    return _dsa(walk, at, DSA)


@link(285)
def edsa(walk: Walk, at: int) -> tuple[Layer, int]:
    """Ethernet with the tag of Marvell switches behind an EtherType of its own."""
    return _dsa(walk, at, EDSA)


@ethertype(0x22F3)
def trill(walk: Walk, at: int) -> tuple[Layer, int]:
    """TRILL: an Ethernet frame on its way through a campus (RFC 6325 §3)."""
    flags, _, _ = TRILL.read(walk.data, at)
    if flags >> 14:
        raise HaltError("trill", at, f"TRILL version {flags >> 14}", fault=True)
    walk.need("trill", at, TRILL.size + trill_options_size(flags))
    walk.layers.append("trill")
    return ethernet, at + TRILL.size + trill_options_size(flags)


@ethertype(0x8903)
def fabricpath(walk: Walk, at: int) -> tuple[Layer, int]:
    """Cisco FabricPath: an Ethernet frame behind another one's addresses."""
    FABRICPATH.read(walk.data, at)
    walk.layers.append("fabricpath")
    return ethernet, at + FABRICPATH.size


@link(274)
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


link(240)(_behind("netanalyzer", _NETANALYZER))
link(241)(_behind("netanalyzer", _NETANALYZER + _ETHERNET_PREAMBLE))
link(259)(_behind("epon", _EPON_PREAMBLE))
