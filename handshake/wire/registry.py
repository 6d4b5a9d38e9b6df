"""What follows what: each layer registers itself here under the numbers by which others name it.

A layer is a function (`wire.walk.Layer`). The decorators put it into a table, so that the number of a protocol
stands once, beside the code that reads it; `ethertype(…)`, `ip_protocol(…)` … may be stacked on one function.
Adding a protocol is one decorated function in one of the modules that `wire.decode` names.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from handshake.wire.linktypes import link_name
from handshake.wire.walk import HaltError, Layer, Walk

LINKS: dict[int, Layer] = {}
"""LINKTYPE number (registry of tcpdump.org, names in `wire.linktypes`) to the first layer."""
ETHERTYPES: dict[int, Layer] = {}
IP_PROTOCOLS: dict[int, Layer] = {}
IPV6_EXTENSIONS: dict[int, Layer] = {}
"""IPv6 extension headers (RFC 7045 §3)."""
PPP_PROTOCOLS: dict[int, Layer] = {}
NLPIDS: dict[int, Layer] = {}
"""Network layer protocol identifiers (ISO/IEC TR 9577), by which Frame Relay and ATM name what they carry."""
UDP_TUNNELS: dict[int, Layer] = {}
"""UDP port, at either end, to the tunnel that is tried there."""

F = TypeVar("F", bound=Layer)


class Register(Protocol):
    """A decorator that returns its function as it was."""

    def __call__(self, layer: F, /) -> F:
        """Put the layer into a table."""


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


def _register(table: dict[int, Layer], numbers: tuple[int, ...]) -> Register:
    def register(layer: F, /) -> F:
        for number in numbers:
            if number in table:
                raise ValueError(f"{number} is already {table[number].__name__}")
            table[number] = layer
        return layer

    return register


def link(*numbers: int) -> Register:
    """Register the decorated layer as the first one of these link types."""
    return _register(LINKS, numbers)


def ethertype(*numbers: int) -> Register:
    """Register the decorated layer under EtherTypes."""
    return _register(ETHERTYPES, numbers)


def ip_protocol(*numbers: int) -> Register:
    """Register the decorated layer under IP protocol numbers."""
    return _register(IP_PROTOCOLS, numbers)


def ipv6_extension(*numbers: int) -> Register:
    """Register the decorated layer under next-header numbers that only IPv6 knows."""
    return _register(IPV6_EXTENSIONS, numbers)


def ppp_protocol(*numbers: int) -> Register:
    """Register the decorated layer under PPP protocol numbers."""
    return _register(PPP_PROTOCOLS, numbers)


def nlpid(*numbers: int) -> Register:
    """Register the decorated layer under network layer protocol identifiers."""
    return _register(NLPIDS, numbers)


def udp_tunnel(*ports: int) -> Register:
    """Register the decorated layer under UDP ports. A port is only a hint: not its tunnel, the layer returns None."""
    return _register(UDP_TUNNELS, ports)


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
