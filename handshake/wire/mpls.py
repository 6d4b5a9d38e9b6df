"""MPLS label stacks, and the pseudowires at their bottom."""

from __future__ import annotations

from handshake.wire.ethernet import ethernet
from handshake.wire.guess import ethernet_follows, ip_follows
from handshake.wire.ip import by_version
from handshake.wire.layout import MPLS, TooShortError, mpls_bottom, mpls_label
from handshake.wire.walk import MAX_LAYERS, HaltError, Layer, Walk

_CONTROL_WORD_SIZE = 4
_CONTROL_WORD, _ASSOCIATED_CHANNEL = 0, 1
"""First four bits of RFC 4385; no IP version has these numbers (RFC 4928 §3)."""


def mpls(walk: Walk, at: int) -> tuple[Layer, int]:
    """One label stack entry (RFC 3032 §2.1); below the last one nothing says what follows."""
    (entry,) = MPLS.read(walk.data, at)
    walk.layers.append("mpls")
    walk.enter("mpls", mpls_label(entry))
    at += MPLS.size
    return _bottom(walk, at) if mpls_bottom(entry) else (mpls, at)


def _bottom(walk: Walk, at: int) -> tuple[Layer, int]:
    """IP by its version; an Ethernet pseudowire (RFC 4448) with or without control word, if it looks like one."""
    if ip_follows(walk, at):
        return by_version(walk, at)
    walk.need("mpls", at, 1)
    first = walk.data[at] >> 4
    if first == _CONTROL_WORD and ethernet_follows(walk, at + _CONTROL_WORD_SIZE):
        return ethernet, at + _CONTROL_WORD_SIZE
    if ethernet_follows(walk, at):
        return ethernet, at
    if first in (4, 6):
        return by_version(walk, at)
    if first == _ASSOCIATED_CHANNEL:
        raise HaltError("mpls", at, "MPLS associated channel", fault=False)
    raise HaltError("mpls", at, "MPLS pseudowire of unknown content", fault=False)


def mpls_in_udp(walk: Walk, at: int) -> tuple[Layer, int] | None:
    """MPLS in UDP (RFC 7510): a label stack with a bottom below which something is recognised."""
    start = at
    try:
        for _ in range(MAX_LAYERS):
            (entry,) = MPLS.read(walk.data, at)
            at += MPLS.size
            if mpls_bottom(entry):
                break
    except TooShortError:
        return None
    content = ip_follows(walk, at) or ethernet_follows(walk, at) or ethernet_follows(walk, at + _CONTROL_WORD_SIZE)
    return (mpls, start) if content else None
