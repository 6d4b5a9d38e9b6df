"""Link layers: from the first captured byte to a network layer.

To add one, write a function that reads its header and returns `network(walk, ethertype, at, layer)`,
and give it a row in `LINKS`. Numbers: the LINKTYPE registry of tcpdump.org.
"""

from __future__ import annotations

from handshake.wire import ip
from handshake.wire.layout import ETHERNET, SLL, SLL2, VLAN, TooShortError
from handshake.wire.walk import HaltError, Layer, Walk

ETHERTYPE_IPV4, ETHERTYPE_IPV6 = 0x0800, 0x86DD
VLAN_ETHERTYPES = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})  # 802.1Q, 802.1ad, and the older QinQ numbers

_ETHERTYPE_NAMES = {
    0x0806: "ARP", 0x8035: "RARP", 0x809B: "AppleTalk", 0x8137: "IPX", 0x8809: "slow protocols (LACP)",
    0x8847: "MPLS", 0x8848: "MPLS", 0x8863: "PPPoE discovery", 0x8864: "PPPoE", 0x888E: "EAPOL",
    0x88CC: "LLDP", 0x88E5: "MACsec", 0x88F7: "PTP", 0x9000: "loopback test",
}  # fmt: skip

_PPP_NAMES = {0xC021: "PPP LCP", 0xC023: "PPP PAP", 0xC223: "PPP CHAP", 0x8021: "PPP IPCP", 0x8057: "PPP IPV6CP"}


def network(walk: Walk, ethertype: int, at: int, layer: str) -> tuple[Layer, int]:
    """The network layer (or VLAN tag) that an EtherType names. Raises HaltError for any other."""
    if ethertype == ETHERTYPE_IPV4:
        return ip.ipv4, at
    if ethertype == ETHERTYPE_IPV6:
        return ip.ipv6, at
    if ethertype in VLAN_ETHERTYPES:
        return vlan, at
    if ethertype < 0x0600:
        raise HaltError(layer, at, "IEEE 802.3 frame (LLC)", fault=False)
    raise HaltError(layer, at, _ETHERTYPE_NAMES.get(ethertype, f"EtherType {ethertype:#06x}"), fault=False)


def ethernet(walk: Walk, at: int) -> tuple[Layer, int]:
    """Ethernet II (IEEE 802.3 §3.2.6)."""
    _, _, ethertype = ETHERNET.read(walk.data, at)
    walk.layers.append("ethernet")
    return network(walk, ethertype, at + ETHERNET.size, "ethernet")


def vlan(walk: Walk, at: int) -> tuple[Layer, int]:
    """One 802.1Q or 802.1ad tag; a tag with VLAN 0 only carries a priority."""
    tci, ethertype = VLAN.read(walk.data, at)
    walk.layers.append("vlan")
    if tci & 0xFFF:
        walk.tags += (("vlan", tci & 0xFFF),)
    return network(walk, ethertype, at + VLAN.size, "vlan")


def sll(walk: Walk, at: int) -> tuple[Layer, int]:
    """Linux cooked capture, version 1."""
    *_, protocol = SLL.read(walk.data, at)
    walk.layers.append("sll")
    return network(walk, protocol, at + SLL.size, "sll")


def sll2(walk: Walk, at: int) -> tuple[Layer, int]:
    """Linux cooked capture, version 2."""
    protocol, *_ = SLL2.read(walk.data, at)
    walk.layers.append("sll2")
    return network(walk, protocol, at + SLL2.size, "sll2")


def null(walk: Walk, at: int) -> tuple[Layer, int]:
    """BSD loopback: four bytes of address family in the byte order of the capturing host."""
    if walk.captured < at + 4:
        raise TooShortError("null", at, 4, walk.captured - at)
    walk.layers.append("null")
    family = int.from_bytes(walk.data[at : at + 4])
    if family > 0xFFFF:
        family = int.from_bytes(walk.data[at : at + 4], "little")
    if family == 2:
        return ip.ipv4, at + 4
    if family in (10, 23, 24, 28, 30):  # AF_INET6 of Linux, Windows, NetBSD/OpenBSD, FreeBSD, macOS
        return ip.ipv6, at + 4
    raise HaltError("null", at, f"address family {family}", fault=False)


def raw(walk: Walk, at: int) -> tuple[Layer, int]:
    """No link header: the IP version says what follows."""
    return ip.by_version(walk, at)


def ppp(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPP with or without the HDLC address and control bytes, protocol field compressed or not (RFC 1661 §2)."""
    start = at
    if walk.data[at : at + 2] == b"\xff\x03":
        at += 2
    if walk.captured < at + 2:
        raise TooShortError("ppp", start, 2, walk.captured - at)
    protocol, size = walk.data[at], 1
    if not protocol & 1:
        protocol, size = int.from_bytes(walk.data[at : at + 2]), 2
    walk.layers.append("ppp")
    if protocol == 0x0021:
        return ip.ipv4, at + size
    if protocol == 0x0057:
        return ip.ipv6, at + size
    raise HaltError("ppp", at, _PPP_NAMES.get(protocol, f"PPP protocol {protocol:#06x}"), fault=False)


def ppp_with_direction(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPP behind one byte that tells sent from received."""
    return ppp(walk, at + 1)


def pppd(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPP as pppd records it: the direction stands in place of the HDLC address, before the control byte."""
    return ppp(walk, at + 2)


LINKS: dict[int, tuple[str, Layer]] = {
    0: ("BSD loopback", null),
    1: ("Ethernet", ethernet),
    9: ("PPP", ppp),
    12: ("raw IP", raw),
    14: ("raw IP", raw),
    50: ("PPP in HDLC-like framing", ppp),
    101: ("raw IP", raw),
    108: ("OpenBSD loopback", null),
    113: ("Linux cooked v1", sll),
    166: ("PPP of pppd", pppd),
    204: ("PPP with direction", ppp_with_direction),
    228: ("raw IPv4", raw),
    229: ("raw IPv6", raw),
    276: ("Linux cooked v2", sll2),
}
"""LINKTYPE number to (name, first layer)."""
