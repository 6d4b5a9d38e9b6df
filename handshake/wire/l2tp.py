"""L2TP: version 2 carries PPP in UDP, version 3 anything in UDP or right in IP."""

from __future__ import annotations

from handshake.model.packet import Tag
from handshake.wire.ethernet import ethernet
from handshake.wire.guess import ethernet_follows, ppp_follows
from handshake.wire.layout import L2TP, L2TP_IDS, L2TP_WORD, L2TPV3, L2TPV3_UDP, TooShortError
from handshake.wire.serial import ppp
from handshake.wire.walk import HaltError, Layer, Walk

_CONTROL, _LENGTH, _SEQUENCE, _OFFSET, _RESERVED = 0x8000, 0x4000, 0x0800, 0x0200, 0x34F0
_VERSION = 0x000F
_COOKIES_AND_SUBLAYERS = (0, 4, 8, 12)
"""Bytes between a session and its frame; both ends agreed on them out of our sight (RFC 3931 §4.1)."""


def l2tp(walk: Walk, at: int) -> tuple[Layer, int] | None:
    """A data message (RFC 2661 §3.1, RFC 3931 §4.1.2); control messages are an exchange like any other."""
    try:
        (flags,) = L2TP.read(walk.data, at)
        if flags & _CONTROL:
            return None
        if flags & _VERSION == 3:
            _, _, session = L2TPV3_UDP.read(walk.data, at)
            return _v3(walk, session, at + L2TPV3_UDP.size)
        return _v2(walk, flags, at)
    except TooShortError:
        return None


def _v2(walk: Walk, flags: int, at: int) -> tuple[Layer, int] | None:
    if flags & _VERSION != 2 or flags & _RESERVED:
        return None
    start, at = at, at + L2TP.size
    if flags & _LENGTH:
        (length,) = L2TP_WORD.read(walk.data, at)
        at += L2TP_WORD.size
        if start + length > walk.end:
            return None
    tunnel, session = L2TP_IDS.read(walk.data, at)
    at += L2TP_IDS.size
    if flags & _SEQUENCE:
        at += 2 * L2TP_WORD.size
    if flags & _OFFSET:
        (offset,) = L2TP_WORD.read(walk.data, at)
        at += L2TP_WORD.size + offset
    if not ppp_follows(walk, at):
        return None
    walk.layers.append("l2tp")
    walk.enter("l2tp", tunnel)
    walk.tags += (Tag("session", session),)
    return ppp, at


def _v3(walk: Walk, session: int, at: int) -> tuple[Layer, int] | None:
    for size in _COOKIES_AND_SUBLAYERS if session else ():
        if ethernet_follows(walk, at + size):
            following: Layer = ethernet
        elif walk.data[at + size : at + size + 2] == b"\xff\x03" and ppp_follows(walk, at + size):
            following = ppp
        else:
            continue
        walk.layers.append("l2tpv3")
        walk.enter("l2tpv3", session)
        return following, at + size
    return None


def l2tpv3(walk: Walk, at: int) -> tuple[Layer, int]:
    """L2TPv3 right in IP (RFC 3931 §4.1.1); session 0 is control."""
    (session,) = L2TPV3.read(walk.data, at)
    if not session:
        raise HaltError("l2tpv3", at, "L2TPv3 control", fault=False)
    following = _v3(walk, session, at + L2TPV3.size)
    if following is None:
        raise HaltError("l2tpv3", at, "L2TPv3 session of unknown content", fault=False)
    return following
