"""Overlays of data centres: VXLAN, VXLAN-GPE, Geneve and the network service header."""

from __future__ import annotations

from handshake.wire.ethernet import ethernet
from handshake.wire.ip import ipv4, ipv6
from handshake.wire.layout import ETHERNET, GENEVE, NSH, VXLAN, VXLAN_GPE, geneve_options_size, nsh_size
from handshake.wire.mpls import mpls
from handshake.wire.registry import ETHERTYPES
from handshake.wire.walk import HaltError, Layer, Walk

_VXLAN_FLAGS = (0x08, 0x88)
"""VNI present, alone or with a group policy; all other bits are zero when sent (RFC 7348 §5)."""
_GPE_RESERVED, _GPE_NEEDED = 0x30 | 0xC0, 0x08 | 0x04
"""Version and reserved bits; VNI and next protocol present."""


def vxlan(walk: Walk, at: int) -> tuple[Layer, int] | None:
    """VXLAN (RFC 7348 §5), on the assigned port or on the older one of Linux."""
    if at + VXLAN.size > walk.captured:
        return None
    flags, _, _, vni = VXLAN.read(walk.data, at)
    if flags not in _VXLAN_FLAGS or vni & 0xFF or at + VXLAN.size + ETHERNET.size > walk.end:
        return None
    walk.layers.append("vxlan")
    walk.enter("vxlan", vni >> 8)
    return ethernet, at + VXLAN.size


def vxlan_gpe(walk: Walk, at: int) -> tuple[Layer, int] | None:
    """VXLAN with a next protocol (draft-ietf-nvo3-vxlan-gpe-13 §3)."""
    if at + VXLAN_GPE.size > walk.captured:
        return None
    flags, reserved, following, vni = VXLAN_GPE.read(walk.data, at)
    if flags & _GPE_NEEDED != _GPE_NEEDED or flags & _GPE_RESERVED or reserved or vni & 0xFF or following not in _NEXT:
        return None
    walk.layers.append("vxlan-gpe")
    walk.enter("vxlan-gpe", vni >> 8)
    return _NEXT[following], at + VXLAN_GPE.size


def geneve(walk: Walk, at: int) -> tuple[Layer, int] | None:
    """Geneve (RFC 8926 §3.4); options are skipped by their length."""
    if at + GENEVE.size > walk.captured:
        return None
    version_size, flags, protocol, vni = GENEVE.read(walk.data, at)
    size = GENEVE.size + geneve_options_size(version_size)
    if version_size >> 6 or flags & 0x3F or vni & 0xFF or protocol not in ETHERTYPES or at + size > walk.end:
        return None
    walk.layers.append("geneve")
    walk.enter("geneve", vni >> 8)
    walk.need("geneve", at, size)
    return ETHERTYPES[protocol], at + size


def nsh(walk: Walk, at: int) -> tuple[Layer, int]:
    """Network service header (RFC 8300 §2); the service path is the tag."""
    version_size, _, following, path = NSH.read(walk.data, at)
    size = nsh_size(version_size)
    if version_size >> 14 or size < NSH.size:
        raise HaltError("nsh", at, f"NSH version {version_size >> 14} of length {size}", fault=True)
    walk.need("nsh", at, size)
    walk.layers.append("nsh")
    walk.enter("nsh", path >> 8)
    if following not in _NEXT:
        raise HaltError("nsh", at, f"NSH next protocol {following}", fault=False)
    return _NEXT[following], at + size


_NEXT: dict[int, Layer] = {1: ipv4, 2: ipv6, 3: ethernet, 4: nsh, 5: mpls}
"""Next protocols, the same numbers in VXLAN-GPE and NSH (RFC 8300 §2.2)."""
