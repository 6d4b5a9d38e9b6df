"""IEEE 802.2 LLC and SNAP, and what the LANs, ATM and Frame Relay put behind them."""

from __future__ import annotations

from handshake.wire.guess import ip_follows
from handshake.wire.ip import by_version
from handshake.wire.layout import LLC, NLPID, SNAP
from handshake.wire.registry import by_ethertype, by_nlpid
from handshake.wire.walk import HaltError, Layer, Walk

_SAP_NAMES = {
    0x04: "SNA", 0x42: "spanning tree (STP)", 0x80: "XNS", 0xBC: "Banyan VINES", 0xE0: "IPX", 0xF0: "NetBIOS",
    0xF4: "IBM LAN management", 0xFF: "IPX",
}  # fmt: skip
_UNNUMBERED_INFORMATION = 0x03
_SNAP, _IP, _ISO = 0xAA, 0x06, 0xFE
SNAP_BEGINNING = bytes((_SNAP, _SNAP, _UNNUMBERED_INFORMATION))
"""The LLC header before SNAP (RFC 1042)."""
_ETHERNET_OUIS = (b"\0\0\0", b"\0\0\xf8")
"""RFC 1042, and IEEE 802.1H for bridges: an EtherType follows."""
_BRIDGED_OUI = b"\0\x80\xc2"
_BRIDGED_ETHERNET = (0x0001, 0x0007)
"""With the frame check sequence and without it (RFC 2427 §4.2, RFC 2684 §5.2)."""
_ETHERNET = 0x6558


def _llc(walk: Walk, at: int, pad: int) -> tuple[Layer, int]:
    dsap, ssap, control = LLC.read(walk.data, at)
    walk.layers.append("llc")
    after = at + LLC.size
    if dsap == ssap and control == _UNNUMBERED_INFORMATION:
        if dsap == _SNAP:
            return _snap(walk, after, pad)
        if dsap == _IP:
            return by_version(walk, after)
        if dsap == _ISO:
            (kind,) = NLPID.read(walk.data, after)
            return by_nlpid(kind, after + NLPID.size, "llc")
    raise HaltError("llc", after, _SAP_NAMES.get(dsap, f"LLC service access point {dsap:#04x}"), fault=False)


def _snap(walk: Walk, at: int, pad: int) -> tuple[Layer, int]:
    oui, protocol = SNAP.read(walk.data, at)
    walk.layers.append("snap")
    after = at + SNAP.size
    if oui in _ETHERNET_OUIS:
        return by_ethertype(protocol, after, "snap")
    if oui == _BRIDGED_OUI and protocol in _BRIDGED_ETHERNET:
        walk.need("snap", at, SNAP.size + pad)
        return by_ethertype(_ETHERNET, after + pad, "snap")
    raise HaltError("snap", after, f"SNAP protocol {oui.hex('-')} {protocol:#06x}", fault=False)


def llc(walk: Walk, at: int) -> tuple[Layer, int]:
    """LLC header, and SNAP where it says so."""
    return _llc(walk, at, 0)


def snap(walk: Walk, at: int) -> tuple[Layer, int]:
    """SNAP header without LLC before it (RFC 2427 §3)."""
    return _snap(walk, at, 0)


def atm(walk: Walk, at: int) -> tuple[Layer, int]:
    """AAL5 frame of RFC 2684: LLC, bridged Ethernet behind two bytes of padding, or IP alone (VC multiplexing)."""
    if ip_follows(walk, at):
        return by_version(walk, at)
    return _llc(walk, at, 2)


def classical_ip(walk: Walk, at: int) -> tuple[Layer, int]:
    """Linux classical IP over ATM: the LLC header of RFC 2225 is there or not."""
    if walk.data[at : at + LLC.size] == SNAP_BEGINNING:
        return llc(walk, at)
    return by_version(walk, at)
