"""What follows what: each layer registers itself here under the numbers by which others name it.

A layer is a function (`wire.walk.Layer`). The decorators put it into a table, so that the number of a protocol
stands once, beside the code that reads it; `ethertype(…)`, `ip_protocol(…)` … may be stacked on one function.
Adding a protocol is one decorated function in one of the modules that `wire.decode` names.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from handshake.wire.walk import HaltError, Layer, Walk

LINKS: dict[int, tuple[str, Layer]] = {}
"""LINKTYPE number (registry of tcpdump.org) to (name, first layer)."""
ETHERTYPES: dict[int, Layer] = {}
IP_PROTOCOLS: dict[int, Layer] = {}
IPV6_EXTENSIONS: dict[int, Layer] = {}
"""IPv6 extension headers (RFC 7045 §3)."""
PPP_PROTOCOLS: dict[int, Layer] = {}
UDP_TUNNELS: dict[int, Layer] = {}
"""UDP port, at either end, to the tunnel that is tried there."""

F = TypeVar("F", bound=Layer)


class Register(Protocol):
    """A decorator that returns its function as it was."""

    def __call__(self, layer: F, /) -> F:
        """Put the layer into a table."""


_ETHERTYPE_NAMES = {
    0x0806: "ARP", 0x8035: "RARP", 0x809B: "AppleTalk", 0x8137: "IPX", 0x8809: "slow protocols (LACP)",
    0x8863: "PPPoE discovery", 0x888E: "EAPOL", 0x88CC: "LLDP", 0x88E5: "MACsec", 0x88F7: "PTP",
    0x9000: "loopback test",
}  # fmt: skip
_IP_PROTOCOL_NAMES = {
    2: "IGMP", 46: "RSVP", 50: "ESP", 59: "no next header", 88: "EIGRP", 89: "OSPF", 103: "PIM", 108: "IPComp",
    112: "VRRP", 115: "L2TP", 132: "SCTP", 136: "UDP-Lite",
}  # fmt: skip
_PPP_NAMES = {0xC021: "PPP LCP", 0xC023: "PPP PAP", 0xC223: "PPP CHAP", 0x8021: "PPP IPCP", 0x8057: "PPP IPV6CP"}


def _register(table: dict[int, Layer], numbers: tuple[int, ...]) -> Register:
    def register(layer: F, /) -> F:
        for number in numbers:
            if number in table:
                raise ValueError(f"{number} is already {table[number].__name__}")
            table[number] = layer
        return layer

    return register


def link(name: str, *numbers: int) -> Register:
    """Register the decorated layer as the first one of these link types, which people call `name`."""

    def register(layer: F, /) -> F:
        for number in numbers:
            if number in LINKS:
                raise ValueError(f"link type {number} is already {LINKS[number][0]}")
            LINKS[number] = name, layer
        return layer

    return register


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


def udp_tunnel(*ports: int) -> Register:
    """Register the decorated layer under UDP ports."""
    return _register(UDP_TUNNELS, ports)


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
