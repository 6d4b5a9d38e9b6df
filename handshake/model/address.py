"""Addresses and endpoints. An address is kept as its 4 (IPv4) or 16 (IPv6) bytes, shown as text."""

from __future__ import annotations

import ipaddress
from enum import Enum
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop
from typing import NamedTuple


class Scope(Enum):
    """How far an address reaches (RFC 6890 special-purpose registry; IPv6: RFC 4291 §2.4)."""

    LOOPBACK = "loopback"
    PRIVATE = "private"
    LINK_LOCAL = "link-local"
    MULTICAST = "multicast"
    BROADCAST = "broadcast"
    UNSPECIFIED = "unspecified"
    DOCUMENTATION = "documentation"
    RESERVED = "reserved"
    PUBLIC = "public"


_DOCUMENTATION = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
    )
)  # RFC 5737, RFC 3849, RFC 9637


@lru_cache(maxsize=4096)
def format_address(address: bytes) -> str:
    """The textual form of 4 or 16 address bytes (IPv6 compressed as in RFC 5952)."""
    return inet_ntop(AF_INET if len(address) == 4 else AF_INET6, address)


@lru_cache(maxsize=4096)
def scope_of(address: bytes) -> Scope:
    """The reach of an address given as 4 or 16 bytes."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if ip == ipaddress.IPv4Address("255.255.255.255"):
        return Scope.BROADCAST
    for scope, matches in (
        (Scope.UNSPECIFIED, ip.is_unspecified),
        (Scope.LOOPBACK, ip.is_loopback),
        (Scope.MULTICAST, ip.is_multicast),
        (Scope.LINK_LOCAL, ip.is_link_local),
        (Scope.DOCUMENTATION, any(ip in net for net in _DOCUMENTATION)),
        (Scope.RESERVED, ip.is_reserved),
        (Scope.PRIVATE, ip.is_private),
    ):
        if matches:
            return scope
    return Scope.PUBLIC


class Endpoint(NamedTuple):
    """One end of a connection: an address and a port. `str()` gives `10.0.0.1:80` or `[::1]:80`."""

    address: bytes
    """4 or 16 bytes, network order."""
    port: int

    @property
    def host(self) -> str:
        """The address as text."""
        return format_address(self.address)

    @property
    def scope(self) -> Scope:
        """How far the address reaches."""
        return scope_of(self.address)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if len(self.address) == 16 else f"{self.host}:{self.port}"
