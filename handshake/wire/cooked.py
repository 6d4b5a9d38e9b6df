"""Link types without a real link header: what kernels record above the device, raw IP."""

from __future__ import annotations

from typing import Literal

from handshake.wire import ip
from handshake.wire.layout import NFLOG, PFLOG, PKTAP, SLL, SLL2
from handshake.wire.llc import llc
from handshake.wire.registry import by_ethertype, by_link
from handshake.wire.serial import frame_relay, hdlc
from handshake.wire.walk import HaltError, Layer, Walk
from handshake.wire.wifi import dot11, prism, radiotap

ARPHRD = {770: frame_relay, 801: dot11, 802: prism, 803: radiotap}
"""Linux device types whose packets are recorded whole, whatever the protocol field says."""
ARPHRD_NETLINK = 824
_SLL_PROTOCOLS: dict[int, Layer] = {0x0004: llc, 0x0007: hdlc}
_SLL_NAMES = {0x0001: "IPX", 0x000C: "CAN (no IP here)", 0x000D: "CAN (no IP here)", 0x00F6: "IEEE 802.15.4"}
IPV4_FAMILY = 2
IPV6_FAMILIES = (10, 23, 24, 26, 28, 30)
"""AF_INET6 of Linux, Windows, NetBSD and OpenBSD, Solaris, FreeBSD, macOS."""
_ENC_SIZE, _IPNET_SIZE = 12, 24
_PFLOG_LEAST = 48
_NFLOG_ATTRIBUTE_SIZE, _NFLOG_PAYLOAD, _MAX_ATTRIBUTES = 4, 9, 64


def _cooked(walk: Walk, arphrd: int, protocol: int, at: int, layer: str) -> tuple[Layer, int]:
    walk.layers.append(layer)
    if arphrd in ARPHRD:
        return ARPHRD[arphrd], at
    if arphrd == ARPHRD_NETLINK:
        raise HaltError(layer, at, "netlink", fault=False)
    if protocol in _SLL_PROTOCOLS:
        return _SLL_PROTOCOLS[protocol], at
    if protocol in _SLL_NAMES:
        raise HaltError(layer, at, _SLL_NAMES[protocol], fault=False)
    return by_ethertype(protocol, at, layer)


def sll(walk: Walk, at: int) -> tuple[Layer, int]:
    """Linux cooked capture, version 1."""
    _, arphrd, _, _, protocol = SLL.read(walk.data, at)
    return _cooked(walk, arphrd, protocol, at + SLL.size, "sll")


def sll2(walk: Walk, at: int) -> tuple[Layer, int]:
    """Linux cooked capture, version 2."""
    protocol, _, _, arphrd, *_ = SLL2.read(walk.data, at)
    return _cooked(walk, arphrd, protocol, at + SLL2.size, "sll2")


def _by_family(family: int, at: int, layer: str) -> tuple[Layer, int]:
    if family == IPV4_FAMILY:
        return ip.ipv4, at
    if family in IPV6_FAMILIES:
        return ip.ipv6, at
    raise HaltError(layer, at, f"address family {family}", fault=False)


def _host_word(data: bytes, at: int) -> int:
    """An address family in the byte order of the capturing host; none is above 65535."""
    family = int.from_bytes(data[at : at + 4])
    return family if family <= 0xFFFF else int.from_bytes(data[at : at + 4], "little")


def null(walk: Walk, at: int) -> tuple[Layer, int]:
    """BSD loopback: four bytes of address family."""
    walk.need("null", at, 4)
    walk.layers.append("null")
    return _by_family(_host_word(walk.data, at), at + 4, "null")


def raw(walk: Walk, at: int) -> tuple[Layer, int]:
    """No link header: the IP version says what follows."""
    return ip.by_version(walk, at)


def enc(walk: Walk, at: int) -> tuple[Layer, int]:
    """OpenBSD's enc device: a packet before encryption or after decryption, behind family, SPI and flags."""
    walk.need("enc", at, _ENC_SIZE)
    walk.layers.append("enc")
    return _by_family(_host_word(walk.data, at), at + _ENC_SIZE, "enc")


def pflog(walk: Walk, at: int) -> tuple[Layer, int]:
    """OpenBSD's packet filter log: the header tells its length, which is rounded up to whole words."""
    length, family = PFLOG.read(walk.data, at)
    size = length + 3 & -4
    if size < _PFLOG_LEAST:
        raise HaltError("pflog", at, f"length {length} of the pflog header", fault=True)
    walk.need("pflog", at, size)
    walk.layers.append("pflog")
    return _by_family(family, at + size, "pflog")


def ipnet(walk: Walk, at: int) -> tuple[Layer, int]:
    """Solaris ipnet device."""
    walk.need("ipnet", at, _IPNET_SIZE)
    walk.layers.append("ipnet")
    return _by_family(walk.data[at + 1], at + _IPNET_SIZE, "ipnet")


def nflog(walk: Walk, at: int) -> tuple[Layer, int]:
    """Linux netfilter log: attributes with host byte order lengths, one of them the packet."""
    NFLOG.read(walk.data, at)
    start, at = at, at + NFLOG.size
    walk.need("nflog", start, NFLOG.size + _NFLOG_ATTRIBUTE_SIZE)
    order: Literal["little", "big"] = "big" if walk.data[at + 2] == 0 else "little"  # types are below 256
    for _ in range(_MAX_ATTRIBUTES):
        walk.need("nflog", start, at + _NFLOG_ATTRIBUTE_SIZE - start)
        length = int.from_bytes(walk.data[at : at + 2], order)
        kind = int.from_bytes(walk.data[at + 2 : at + 4], order)
        if length < _NFLOG_ATTRIBUTE_SIZE:
            raise HaltError("nflog", at, f"NFLOG attribute of length {length}", fault=True)
        if kind == _NFLOG_PAYLOAD:
            walk.layers.append("nflog")
            walk.end_at(min(at + length, walk.end))
            return ip.by_version(walk, at + _NFLOG_ATTRIBUTE_SIZE)
        at += length + 3 & -4
    raise HaltError("nflog", start, f"more than {_MAX_ATTRIBUTES} NFLOG attributes", fault=True)


def pktap(walk: Walk, at: int) -> tuple[Layer, int]:
    """Apple PKTAP: skipped by its length; it names the link type that follows."""
    length, _, dlt = PKTAP.read(walk.data, at)
    if length < PKTAP.size:
        raise HaltError("pktap", at, f"length {length} is less than the header's {PKTAP.size}", fault=True)
    walk.need("pktap", at, length)
    walk.layers.append("pktap")
    return by_link(dlt, at + length, "pktap")
