"""What follows what: the layers by the numbers under which others name them, all on one page.

A layer is a function (`wire.walk.Layer`). It stands here as `module.function` of this room, and its module is imported
with the first packet that needs it: a capture of Ethernet knows nothing of Frame Relay. Adding a protocol is one such
function, and its line here.
"""

from __future__ import annotations

from importlib import import_module

from handshake.wire.walk import HaltError, Layer, Walk

Table = dict[int, Layer]


def _table(**modules: dict[str, int | tuple[int, ...]]) -> Table:
    """The layers of some modules, `module={function: its numbers}`, by their numbers."""
    table: Table = {}
    for module, functions in modules.items():
        for function, numbers in functions.items():
            for number in numbers if isinstance(numbers, tuple) else (numbers,):
                if number in table:
                    raise ValueError(f"{number} stands twice in a table")
                table[number] = _later(table, number, module, function)
    return table


def _later(table: Table, number: int, module: str, function: str) -> Layer:
    """The layer until its first packet: it puts the function itself in its place."""

    def layer(walk: Walk, at: int) -> tuple[Layer, int] | None:
        found: Layer = getattr(import_module(f"handshake.wire.{module}"), function)
        table[number] = found
        return found(walk, at)

    return layer


LINKS = _table(
    ethernet={"ethernet": 1},
    llc={"atm": (11, 100), "classical_ip": (19, 106)},
    serial={
        "ppp": 9, "hdlc": 50, "ppp_with_direction": 204, "pppd": 166, "pppoe": 51, "chdlc": 104,
        "chdlc_with_direction": 205, "frame_relay": 107, "frame_relay_with_direction": 206, "slip": 8,
        "bsdos_slip": (15, 102),
    },
    cooked={
        "sll": 113, "sll2": 276, "null": (0, 108), "raw": (12, 14, 101, 228, 229), "enc": 109, "pflog": 117,
        "ipnet": 226, "nflog": 239, "pktap": 258,
    },
    wifi={"dot11": 105, "radiotap": 127, "ppi": 192, "avs": 163, "prism": 119},
    lan={
        "fddi": 10, "token_ring": 6, "fibre_channel_ip": 122, "ieee1394": 138, "ipoib": 242, "arcnet": 7,
        "arcnet_linux": 129, "sunatm": 123,
    },
    switch={
        "netanalyzer": 240, "netanalyzer_with_preamble": 241, "broadcom": 281, "broadcom_prepended": 282, "dsa": 284,
        "edsa": 285, "mpacket": 274, "epon": 259,
    },
    juniper={
        "plain_ethernet": (167, 178), "plain_ppp": 179, "plain_frame_relay": 180, "plain_chdlc": 181,
        "plain_ethertype": 168, "cookie_16": 132, "cookie_2": (130, 131), "cookie_4": (134, 137),
        "cookie_8": (133, 135, 136, 164),
    },
    erf={"erf": (175, 176, 197)},
    mpls={"mpls": 219},
)  # fmt: skip
"""LINKTYPE number (registry of tcpdump.org, names in `wire.linktypes`) to the first layer."""
VLANS = 0x8100, 0x88A8, 0x9100, 0x9200
"""EtherTypes of tags: 802.1Q, 802.1ad, and the older QinQ numbers."""
ETHERTYPES = _table(
    ip={"ipv4": 0x0800, "ipv6": 0x86DD},
    ethernet={
        "ethernet": 0x6558,  # transparent Ethernet bridging, RFC 1701
        "vlan": VLANS, "pbb": 0x88E7, "macsec": 0x88E5, "hsr": 0x892F, "rtag": 0xF1C1, "vntag": 0x8926, "etag": 0x893F,
    },
    llc={"llc": 0x8870},  # jumbo frames, whose length does not fit into the length field
    serial={"ppp": 0x880B, "pppoe": 0x8864},
    mpls={"mpls": (0x8847, 0x8848)},
    overlay={"nsh": 0x894F},
    switch={"trill": 0x22F3, "fabricpath": 0x8903},
)  # fmt: skip
IP_PROTOCOLS = _table(
    tcp={"tcp": 6},
    udp={"udp": 17},
    icmp={"icmpv4": 1, "icmpv6": 58},
    ipip={
        "ipv4_in_ip": (4, 94), "ipv6_in_ip": 41, "ethernet_in_ip": 143, "etherip": 97, "ah": 51, "ipcomp": 108,
    },
    gre={"gre": 47},
    l2tp={"l2tpv3": 115},
    mpls={"mpls": 137},
)  # fmt: skip
IPV6_EXTENSIONS = _table(ip={"ipv6_options": (0, 60, 135, 139, 140), "ipv6_routing": 43, "ipv6_fragment": 44})
"""IPv6 extension headers (RFC 7045 §3)."""
PPP_PROTOCOLS = _table(
    ip={"ipv4": 0x0021, "ipv6": 0x0057},
    serial={"ppp_multilink": 0x003D, "ppp_bridged": 0x0031},
    mpls={"mpls": (0x0281, 0x0283)},
)
NLPIDS = _table(ip={"ipv4": 0xCC, "ipv6": 0x8E}, llc={"snap": 0x80}, serial={"ppp": 0xCF})
"""Network layer protocol identifiers (ISO/IEC TR 9577), by which Frame Relay and ATM name what they carry."""
UDP_TUNNELS = _table(
    overlay={"vxlan": (4789, 8472), "vxlan_gpe": 4790, "geneve": 6081},
    gtp={"gtp": (2152, 3386)},
    l2tp={"l2tp": 1701},
    gre={"gre_in_udp": 4754},
    mpls={"mpls_in_udp": 6635},
    capwap={"capwap": 5247},
    transition={"teredo": 3544, "ayiya": 5072},
)
"""UDP port, at either end, to the tunnel that is tried there: not its own, it returns None."""

_ETHERTYPE_NAMES = {
    0x0806: "ARP", 0x2000: "CDP", 0x2001: "NHRP", 0x22EA: "SRP", 0x22F0: "AVTP", 0x6003: "DECnet", 0x8035: "RARP",
    0x809B: "AppleTalk", 0x80F3: "AppleTalk ARP", 0x8137: "IPX", 0x8204: "QNX", 0x8808: "Ethernet flow control",
    0x8809: "slow protocols (LACP)", 0x8819: "CobraNet", 0x8863: "PPPoE discovery", 0x888E: "EAPOL",
    0x8892: "PROFINET", 0x88A2: "ATA over Ethernet", 0x88A4: "EtherCAT", 0x88B8: "GOOSE", 0x88BA: "sampled values",
    0x88C7: "EAPOL (pre-authentication)", 0x88CC: "LLDP", 0x88CD: "SERCOS", 0x88E1: "HomePlug AV", 0x88E3: "MRP",
    0x88F5: "MVRP", 0x88F6: "MMRP", 0x88F7: "PTP", 0x88FB: "PRP", 0x8902: "CFM", 0x8906: "FCoE",
    0x8909: "Cisco MetaData", 0x8914: "FCoE initialization", 0x8915: "RoCE", 0x9000: "loopback test",
    0xFEFE: "OSI",
}  # fmt: skip
_IP_PROTOCOL_NAMES = {
    2: "IGMP", 3: "GGP", 8: "EGP", 9: "IGRP", 27: "RDP", 33: "DCCP", 46: "RSVP", 50: "ESP", 54: "NHRP",
    55: "minimal encapsulation (mobile IP)", 59: "no next header", 88: "EIGRP", 89: "OSPF", 103: "PIM",
    111: "IPX in IP", 112: "VRRP", 113: "PGM", 124: "IS-IS over IPv4", 132: "SCTP", 136: "UDP-Lite",
    138: "MANET", 142: "ROHC",
}  # fmt: skip
_PPP_NAMES = {
    0x0023: "PPP OSI", 0x0029: "PPP AppleTalk", 0x002B: "PPP IPX", 0x002D: "Van Jacobson compressed TCP",
    0x002F: "Van Jacobson uncompressed TCP", 0x0053: "PPP encrypted (ECP)", 0x00FB: "PPP compressed link (CCP)",
    0x00FD: "PPP compressed (CCP)", 0x0207: "CDP", 0x8021: "PPP IPCP", 0x8031: "PPP BCP", 0x8053: "PPP ECP",
    0x8057: "PPP IPV6CP", 0x80FD: "PPP CCP", 0x8281: "PPP MPLSCP", 0xC021: "PPP LCP", 0xC023: "PPP PAP",
    0xC025: "PPP LQR", 0xC223: "PPP CHAP", 0xC227: "PPP EAP",
}  # fmt: skip
_NLPID_NAMES = {
    0x08: "Q.933", 0x81: "CLNP", 0x82: "ES-IS", 0x83: "IS-IS", 0xB0: "FRF.9 compressed", 0xB1: "FRF.12 fragment",
}  # fmt: skip


def known_ethertype(number: int) -> bool:
    """Whether an EtherType is decoded or at least has a name."""
    return number in ETHERTYPES or number in _ETHERTYPE_NAMES


def known_ppp_protocol(number: int) -> bool:
    """Whether a PPP protocol number is decoded or at least has a name."""
    return number in PPP_PROTOCOLS or number in _PPP_NAMES


def by_link(number: int, at: int, layer: str) -> tuple[Layer, int]:
    """What a link type begins with. Raises HaltError, with its name, for one that is not decoded."""
    following = LINKS.get(number)
    if following is None:
        from handshake.wire.linktypes import link_name

        raise HaltError(layer, at, link_name(number), fault=False)
    return following, at


def by_ethertype(number: int, at: int, layer: str) -> tuple[Layer, int]:
    """What an EtherType names. Raises HaltError, with its name, for one that is not decoded."""
    following = ETHERTYPES.get(number)
    if following is None:
        raise HaltError(layer, at, _ETHERTYPE_NAMES.get(number, f"EtherType {number:#06x}"), fault=False)
    return following, at


def by_ip_protocol(walk: Walk, number: int, at: int, layer: str) -> tuple[Layer, int]:
    """What an IP protocol number names. Raises HaltError, with its name, for one that is not decoded."""
    following = IP_PROTOCOLS.get(number) or (IPV6_EXTENSIONS.get(number) if walk.version == 6 else None)
    if following is None:
        raise HaltError(layer, at, _IP_PROTOCOL_NAMES.get(number, f"IP protocol {number}"), fault=False)
    return following, at


def by_ppp_protocol(number: int, at: int, layer: str) -> tuple[Layer, int]:
    """What a PPP protocol number names. Raises HaltError, with its name, for one that is not decoded."""
    following = PPP_PROTOCOLS.get(number)
    if following is None:
        raise HaltError(layer, at, _PPP_NAMES.get(number, f"PPP protocol {number:#06x}"), fault=False)
    return following, at


def by_nlpid(number: int, at: int, layer: str) -> tuple[Layer, int]:
    """What a network layer protocol identifier names. Raises HaltError for one that is not decoded."""
    following = NLPIDS.get(number)
    if following is None:
        raise HaltError(layer, at, _NLPID_NAMES.get(number, f"NLPID {number:#04x}"), fault=False)
    return following, at
