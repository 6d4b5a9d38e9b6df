"""Captures of Juniper routers: a magic number, flags, and often a cookie of the line card before the packet."""

from __future__ import annotations

from handshake.wire.ethernet import ethernet
from handshake.wire.guess import ip_follows, ppp_follows
from handshake.wire.ip import by_version
from handshake.wire.layout import ETHERTYPE, JUNIPER, JUNIPER_EXTENSIONS, NLPID
from handshake.wire.linktypes import link_name
from handshake.wire.llc import SNAP_BEGINNING, atm
from handshake.wire.registry import by_ethertype, by_nlpid
from handshake.wire.serial import chdlc, frame_relay, ppp
from handshake.wire.walk import HaltError, Layer, Walk

_MAGIC = b"MGC"
_NO_LINK_HEADER, _EXTENDED = 0x02, 0x80
_LINK_SERVICES, _ADAPTIVE_SERVICES, _LONGEST_COOKIE = 0x54, 0x47, 8
"""First bytes of cookies that line cards of other kinds put first."""
_ISO_BEGINNING = b"\xfe\xfe\x03"


def _header(walk: Walk, at: int) -> int:
    """Where the Juniper header ends; raises HaltError when its magic number is not there."""
    magic, flags = JUNIPER.read(walk.data, at)
    if magic != _MAGIC:
        raise HaltError("juniper", at, "no Juniper magic number", fault=True)
    size = JUNIPER.size
    if flags & _EXTENDED:
        (extensions,) = JUNIPER_EXTENSIONS.read(walk.data, at + size)
        size += JUNIPER_EXTENSIONS.size + extensions
    if flags & _NO_LINK_HEADER:
        size += 4  # a protocol family
    walk.need("juniper", at, size)
    walk.layers.append("juniper")
    return at + size


def _plain(following: Layer) -> Layer:
    def juniper(walk: Walk, at: int) -> tuple[Layer, int]:
        after = _header(walk, at)
        return by_version(walk, after) if JUNIPER.read(walk.data, at)[1] & _NO_LINK_HEADER else (following, after)

    return juniper


def _behind_cookie(size: int) -> Layer:
    """Cards whose header says too little of what follows: it is recognised by its first bytes."""

    def juniper(walk: Walk, at: int) -> tuple[Layer, int]:
        after = _header(walk, at)
        if JUNIPER.read(walk.data, at)[1] & _NO_LINK_HEADER:
            return by_version(walk, after)
        first = walk.data[after : after + 1]
        cookie = {_LINK_SERVICES: size + 2, _ADAPTIVE_SERVICES: 8}.get(
            first[0] if first and size <= _LONGEST_COOKIE else 0, size
        )
        walk.need("juniper", at, after + cookie - at)
        after += cookie
        if ip_follows(walk, after):
            return by_version(walk, after)
        if walk.data[after : after + 3] in (SNAP_BEGINNING, _ISO_BEGINNING):
            return atm, after
        if walk.data[after : after + 1] == b"\x03":
            (kind,) = NLPID.read(walk.data, after + 1)
            return by_nlpid(kind, after + 1 + NLPID.size, "juniper")
        if ppp_follows(walk, after):
            return ppp, after
        raise HaltError("juniper", after, link_name(walk.frame.linktype), fault=False)

    return juniper


def _ethertype(walk: Walk, at: int) -> tuple[Layer, int]:
    walk.need("juniper", at, ETHERTYPE.size)
    (kind,) = ETHERTYPE.read(walk.data, at)
    return by_ethertype(kind, at + ETHERTYPE.size, "juniper")


plain_ethernet = _plain(ethernet)
plain_ppp = _plain(ppp)
plain_frame_relay = _plain(frame_relay)
plain_chdlc = _plain(chdlc)
plain_ethertype = _plain(_ethertype)
cookie_16 = _behind_cookie(16)
cookie_2 = _behind_cookie(2)
cookie_4 = _behind_cookie(4)
cookie_8 = _behind_cookie(8)
