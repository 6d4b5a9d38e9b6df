"""Serial lines: PPP and its kin, Cisco HDLC, Frame Relay, SLIP."""

from __future__ import annotations

from handshake.model.packet import Tag
from handshake.wire.ip import by_version
from handshake.wire.layout import CHDLC, NLPID, PPP_BRIDGED, PPP_MULTILINK, PPPOE, TooShortError
from handshake.wire.registry import (
    by_ethertype,
    by_nlpid,
    by_ppp_protocol,
    ethertype,
    known_ethertype,
    link,
    nlpid,
    ppp_protocol,
)
from handshake.wire.walk import HaltError, Layer, Walk

_ETHERNET = 0x6558
_CHDLC_ADDRESSES = (0x0F, 0x8F)
_CHDLC_KEEPALIVE = 0x8035
_MULTILINK_FIRST = 1 << 31
_MULTILINK_LAST = 1 << 30
_BRIDGED_LAN_ID = 0x40
_UNNUMBERED_INFORMATION = 0x03
_LONGEST_DLCI = 4
_SLIP_SIZE, _BSDOS_SIZE = 16, 24
_BSDOS_PROTOCOL_AT = 5


@link(9)
@nlpid(0xCF)
@ethertype(0x880B)
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


@link(50)
def hdlc(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPP in HDLC-like framing, or Cisco HDLC: the address byte tells."""
    if at < walk.captured and walk.data[at] in _CHDLC_ADDRESSES:
        return chdlc(walk, at)
    return ppp(walk, at)


@link(204)
def ppp_with_direction(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPP behind one byte that tells sent from received."""
    return ppp(walk, at + 1)


@link(166)
def pppd(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPP as pppd records it: the direction stands in place of the HDLC address, before the control byte."""
    return ppp(walk, at + 2)


@link(16, 103)
def bsdos_ppp(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPP as BSD/OS records it: 24 bytes of direction, lengths, protocol and link header."""
    walk.need("ppp", at, _BSDOS_SIZE)
    walk.layers.append("ppp")
    field = at + _BSDOS_PROTOCOL_AT
    return by_ppp_protocol(int.from_bytes(walk.data[field : field + 2]), at + _BSDOS_SIZE, "ppp")


@ppp_protocol(0x003D)
def ppp_multilink(walk: Walk, at: int) -> tuple[Layer, int]:
    """Multilink PPP with long sequence numbers, as negotiated by default (RFC 1990 §3)."""
    (flags,) = PPP_MULTILINK.read(walk.data, at)
    walk.layers.append("ppp-multilink")
    if not flags & _MULTILINK_FIRST:
        raise HaltError("ppp-multilink", at, "later PPP multilink fragment", fault=False)
    if not flags & _MULTILINK_LAST:
        walk.whole = False
    return ppp, at + PPP_MULTILINK.size


@ppp_protocol(0x0031)
def ppp_bridged(walk: Walk, at: int) -> tuple[Layer, int]:
    """An Ethernet frame over PPP (RFC 3518 §4.2)."""
    flags, kind = PPP_BRIDGED.read(walk.data, at)
    walk.layers.append("ppp-bridged")
    if kind != 1:
        raise HaltError("ppp-bridged", at, "bridged frame that is not Ethernet", fault=False)
    return by_ethertype(_ETHERNET, at + PPP_BRIDGED.size + (4 if flags & _BRIDGED_LAN_ID else 0), "ppp-bridged")


@link(51)
@ethertype(0x8864)
def pppoe(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPPoE session stage (RFC 2516 §4)."""
    version_type, code, session, length = PPPOE.read(walk.data, at)
    if version_type != 0x11:
        raise HaltError("pppoe", at, f"PPPoE version {version_type >> 4} type {version_type & 0xF}", fault=True)
    walk.layers.append("pppoe")
    if code:
        raise HaltError("pppoe", at, "PPPoE discovery", fault=False)
    walk.enter("pppoe", session)
    at += PPPOE.size
    walk.end_at(min(at + length, walk.end))
    return ppp, at


@link(104)
def chdlc(walk: Walk, at: int) -> tuple[Layer, int]:
    """Cisco HDLC (RFC 1547 §4.3.1)."""
    _, _, kind = CHDLC.read(walk.data, at)
    walk.layers.append("chdlc")
    if kind == _CHDLC_KEEPALIVE:
        raise HaltError("chdlc", at + CHDLC.size, "Cisco SLARP", fault=False)
    return by_ethertype(kind, at + CHDLC.size, "chdlc")


@link(205)
def chdlc_with_direction(walk: Walk, at: int) -> tuple[Layer, int]:
    """Cisco HDLC behind one byte that tells sent from received."""
    return chdlc(walk, at + 1)


@link(107)
def frame_relay(walk: Walk, at: int) -> tuple[Layer, int]:
    """Frame Relay (Q.922), multiprotocol as in RFC 2427 or with Cisco's EtherType; the circuit is the tag."""
    start, dlci = at, 0
    for position in range(_LONGEST_DLCI):  # the last byte has its lowest bit set
        walk.need("frame-relay", start, at + 1 - start)
        byte = walk.data[at]
        at += 1
        bits = 4 if position == 1 else 7 if position == 2 and not byte & 1 else 6
        dlci = dlci << bits | byte >> 8 - bits
        if byte & 1:
            break
    else:
        raise HaltError("frame-relay", start, "address of more than 4 bytes", fault=True)
    if at - start == 1:
        raise HaltError("frame-relay", start, "address of 1 byte", fault=True)
    walk.need("frame-relay", start, at + 2 - start)
    walk.layers.append("frame-relay")
    walk.tags += (Tag("dlci", dlci),)
    kind = int.from_bytes(walk.data[at : at + 2])
    if walk.data[at] != _UNNUMBERED_INFORMATION and known_ethertype(kind):
        return by_ethertype(kind, at + 2, "frame-relay")
    if walk.data[at] != _UNNUMBERED_INFORMATION:
        raise HaltError("frame-relay", at, "Frame Relay frame without user data", fault=False)
    at += 1
    if walk.data[at] == 0:
        at += 1  # a pad byte that makes the header's length even
    (kind,) = NLPID.read(walk.data, at)
    return by_nlpid(kind, at + NLPID.size, "frame-relay")


@link(206)
def frame_relay_with_direction(walk: Walk, at: int) -> tuple[Layer, int]:
    """Frame Relay behind one byte that tells sent from received."""
    return frame_relay(walk, at + 1)


def _slip(size: int) -> Layer:
    def slip(walk: Walk, at: int) -> tuple[Layer, int]:
        walk.need("slip", at, size)
        walk.layers.append("slip")
        return by_version(walk, at + size)

    return slip


link(8)(_slip(_SLIP_SIZE))  # direction and the compressed header; what follows was decompressed
link(15, 102)(_slip(_BSDOS_SIZE))
