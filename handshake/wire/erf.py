"""Endace's extensible record format: a record header before Ethernet, PPP, Cisco HDLC or IP."""

from __future__ import annotations

from handshake.wire.ethernet import ethernet
from handshake.wire.ip import ipv4, ipv6
from handshake.wire.layout import ERF
from handshake.wire.serial import hdlc
from handshake.wire.walk import HaltError, Layer, Walk

_MORE = 0x80
_EXTENSION_SIZE, _ETHERNET_PAD, _MAX_EXTENSIONS = 8, 2, 16
_TYPES: dict[int, Layer] = {
    **dict.fromkeys((1, 10, 15, 19), hdlc),
    **dict.fromkeys((2, 11, 16, 20), ethernet),
    22: ipv4,
    23: ipv6,
}  # fmt: skip


def erf(walk: Walk, at: int) -> tuple[Layer, int]:
    """One record header with its extension headers."""
    _, kind, *_ = ERF.read(walk.data, at)
    size, more = ERF.size, kind
    for _ in range(_MAX_EXTENSIONS):
        if not more & _MORE:
            break
        walk.need("erf", at, size + _EXTENSION_SIZE)
        more = walk.data[at + size]
        size += _EXTENSION_SIZE
    following = _TYPES.get(kind & ~_MORE)
    if following is None:
        raise HaltError("erf", at, f"ERF record of type {kind & ~_MORE}", fault=False)
    if following is ethernet:
        size += _ETHERNET_PAD
    walk.need("erf", at, size)
    walk.layers.append("erf")
    return following, at + size
