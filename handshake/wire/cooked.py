"""Link types without a real link header: cooked captures, loopback, raw IP."""

from __future__ import annotations

from handshake.wire import ip
from handshake.wire.layout import SLL, SLL2, TooShortError
from handshake.wire.registry import by_ethertype, link
from handshake.wire.walk import HaltError, Layer, Walk


@link("Linux cooked v1", 113)
def sll(walk: Walk, at: int) -> tuple[Layer, int]:
    """Linux cooked capture, version 1."""
    *_, protocol = SLL.read(walk.data, at)
    walk.layers.append("sll")
    return by_ethertype(protocol, at + SLL.size, "sll")


@link("Linux cooked v2", 276)
def sll2(walk: Walk, at: int) -> tuple[Layer, int]:
    """Linux cooked capture, version 2."""
    protocol, *_ = SLL2.read(walk.data, at)
    walk.layers.append("sll2")
    return by_ethertype(protocol, at + SLL2.size, "sll2")


@link("BSD loopback", 0)
@link("OpenBSD loopback", 108)
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


@link("raw IP", 12, 14, 101)
@link("raw IPv4", 228)
@link("raw IPv6", 229)
def raw(walk: Walk, at: int) -> tuple[Layer, int]:
    """No link header: the IP version says what follows."""
    return ip.by_version(walk, at)
