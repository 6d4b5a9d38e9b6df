"""GTP user plane: the packets of mobile phones on their way through an operator's network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.wire.guess import ip_follows, ppp_follows
from handshake.wire.ip import by_version
from handshake.wire.layout import GTP, GTP0, GTP_OPTIONAL, Layout
from handshake.wire.serial import ppp

if TYPE_CHECKING:
    from handshake.wire.walk import Layer, Walk

_VERSION_TYPE = 0xF0
_VERSION_0, _VERSION_1 = 0x10, 0x30
"""Version and protocol type (GTP, not GTP'), as they stand in the flags."""
_ANY_OPTIONAL, _EXTENSION = 0x07, 0x04
_T_PDU = 255
_MAX_EXTENSIONS = 16


def gtp(walk: Walk, at: int) -> tuple[Layer, int] | None:
    """GTP version 1 (3GPP TS 29.281 §5) and version 0 (TS 09.60); only user packets, and only with IP or PPP inside."""
    header = _header(walk, at)
    if header is None:
        return None
    number, after = header
    following = by_version(walk, after) if ip_follows(walk, after) else None
    if following is None and ppp_follows(walk, after):
        following = ppp, after
    if following is not None:
        walk.layers.append("gtp")
        walk.enter("gtp", number)
    return following


def _header(walk: Walk, at: int) -> tuple[int, int] | None:
    """Tunnel endpoint identifier (flow label in version 0) and where the packet begins; None if there is none."""
    layout: Layout = GTP
    if at < walk.captured and walk.data[at] & _VERSION_TYPE == _VERSION_0:
        layout = GTP0
    if at + layout.size > walk.captured:
        return None
    flags, kind, *fields = layout.read(walk.data, at)
    if kind != _T_PDU or flags & _VERSION_TYPE not in (_VERSION_0, _VERSION_1):
        return None
    after = at + layout.size
    if layout is GTP0:
        return fields[2], after
    return fields[1], _after_extensions(walk, after, flags)


def _after_extensions(walk: Walk, at: int, flags: int) -> int:
    """Where the optional fields and the chain of extension headers end; past the packet if the chain is broken."""
    if not flags & _ANY_OPTIONAL:
        return at
    if at + GTP_OPTIONAL.size > walk.captured:
        return walk.end
    _, _, following = GTP_OPTIONAL.read(walk.data, at)
    at += GTP_OPTIONAL.size
    for _ in range(_MAX_EXTENSIONS):
        if not flags & _EXTENSION or not following:
            return at
        size = walk.data[at] * 4 if at < walk.captured else 0  # the last byte of each names the next
        if not size or at + size > walk.captured:
            break
        at += size
        following = walk.data[at - 1]
    return walk.end
