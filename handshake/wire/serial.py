"""Serial lines: PPP."""

from __future__ import annotations

from handshake.wire.layout import TooShortError
from handshake.wire.registry import by_ppp_protocol, link
from handshake.wire.walk import Layer, Walk


@link("PPP", 9)
@link("PPP in HDLC-like framing", 50)
def ppp(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPP with or without the HDLC address and control bytes, protocol field compressed or not (RFC 1661 §2)."""
    start = at
    if walk.data[at : at + 2] == b"\xff\x03":
        at += 2
    if walk.captured < at + 2:
        raise TooShortError("ppp", start, 2, walk.captured - at)
    protocol, size = walk.data[at], 1
    if not protocol & 1:
        protocol, size = int.from_bytes(walk.data[at : at + 2]), 2
    walk.layers.append("ppp")
    return by_ppp_protocol(protocol, at + size, "ppp")


@link("PPP with direction", 204)
def ppp_with_direction(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPP behind one byte that tells sent from received."""
    return ppp(walk, at + 1)


@link("PPP of pppd", 166)
def pppd(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPP as pppd records it: the direction stands in place of the HDLC address, before the control byte."""
    return ppp(walk, at + 2)
