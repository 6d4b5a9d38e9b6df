"""CAPWAP data: what the clients of wireless access points send, on its way to the controller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.wire.ethernet import ethernet
from handshake.wire.guess import ethernet_follows
from handshake.wire.layout import CAPWAP, capwap_fragment_offset, capwap_size
from handshake.wire.wifi import dot11, dot11_data_follows, swapped_dot11

if TYPE_CHECKING:
    from handshake.wire.walk import Layer, Walk

_NATIVE, _FRAGMENT = 0x01, 0x80
"""Flags of the third and the fourth byte: a frame of the radio's own kind, not Ethernet; not a whole one."""


def capwap(walk: Walk, at: int) -> tuple[Layer, int] | None:
    """CAPWAP data (RFC 5415 §4.3) that is neither encrypted nor a later fragment nor a keep-alive."""
    if at + CAPWAP.size > walk.captured:
        return None
    preamble, size, ids, flags, _, offset = CAPWAP.read(walk.data, at)
    if preamble or (capwap_fragment_offset(offset) and flags & _FRAGMENT):
        return None
    after = at + capwap_size(size)
    following: Layer
    if not ids & _NATIVE and ethernet_follows(walk, after):
        following = ethernet
    elif ids & _NATIVE and dot11_data_follows(walk, after, swapped=False):
        following = dot11
    elif ids & _NATIVE and dot11_data_follows(walk, after, swapped=True):
        following = swapped_dot11
    else:
        return None
    walk.layers.append("capwap")
    walk.enter("capwap")
    if flags & _FRAGMENT:
        walk.whole = False
    return following, after
