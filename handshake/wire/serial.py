"""Serial lines: PPP and its kin, Cisco HDLC, Frame Relay, SLIP."""

from __future__ import annotations

from handshake.model.packet import Tag
from handshake.wire.guess import ip_follows
from handshake.wire.ip import by_version
from handshake.wire.layout import CHDLC, NLPID, PPP_BRIDGED, PPP_MULTILINK, PPPOE
from handshake.wire.registry import by_ethertype, by_nlpid, by_ppp_protocol, known_ethertype
from handshake.wire.walk import HaltError, Layer, Walk

_ETHERNET = 0x6558
_CHDLC_ADDRESSES = (0x0F, 0x8F)
_CHDLC_KEEPALIVE = 0x8035
_MULTILINK_FIRST = 1 << 31
_MULTILINK_LAST = 1 << 30
_BRIDGED_LAN_ID, _LAN_ID_SIZE = 0x40, 4
_UNNUMBERED_INFORMATION = 0x03
_LONGEST_DLCI = 4
_SLIP_SIZE, _BSDOS_SIZES = 16, (16, 24)


def ppp(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPP with or without the HDLC address and control bytes, protocol field compressed or not (RFC 1661 §2)."""
    framing = 2 if walk.data[at : at + 2] == b"\xff\x03" else 0
    walk.need("ppp", at, framing + 2)
    at += framing
    protocol, size = walk.data[at], 1
    if not protocol & 1:
        protocol, size = int.from_bytes(walk.data[at : at + 2]), 2
    walk.layers.append("ppp")
    return by_ppp_protocol(protocol, at + size, "ppp")


def hdlc(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPP in HDLC-like framing, or Cisco HDLC: the address byte tells."""
    if at < walk.captured and walk.data[at] in _CHDLC_ADDRESSES:
        return chdlc(walk, at)
    return ppp(walk, at)


def ppp_with_direction(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPP behind one byte that tells sent from received."""
    walk.need("ppp", at, 1)
    return ppp(walk, at + 1)


def pppd(walk: Walk, at: int) -> tuple[Layer, int]:
    """PPP as pppd records it: the direction stands in place of the HDLC address, before the control byte."""
    walk.need("ppp", at, 2)
    return ppp(walk, at + 2)


def ppp_multilink(walk: Walk, at: int) -> tuple[Layer, int]:
    """Multilink PPP with long sequence numbers, as negotiated by default (RFC 1990 §3)."""
    (flags,) = PPP_MULTILINK.read(walk.data, at)
    walk.layers.append("ppp-multilink")
    if not flags & _MULTILINK_FIRST:
        raise HaltError("ppp-multilink", at, "later PPP multilink fragment", fault=False)
    if not flags & _MULTILINK_LAST:
        walk.whole = False
    return ppp, at + PPP_MULTILINK.size


def ppp_bridged(walk: Walk, at: int) -> tuple[Layer, int]:
    """An Ethernet frame over PPP (RFC 3518 §4.2)."""
    flags, kind = PPP_BRIDGED.read(walk.data, at)
    walk.layers.append("ppp-bridged")
    if kind != 1:
        raise HaltError("ppp-bridged", at, "bridged frame that is not Ethernet", fault=False)
    size = PPP_BRIDGED.size + (_LAN_ID_SIZE if flags & _BRIDGED_LAN_ID else 0)
    walk.need("ppp-bridged", at, size)
    return by_ethertype(_ETHERNET, at + size, "ppp-bridged")


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


def chdlc(walk: Walk, at: int) -> tuple[Layer, int]:
    """Cisco HDLC (RFC 1547 §4.3.1)."""
    _, _, kind = CHDLC.read(walk.data, at)
    walk.layers.append("chdlc")
    if kind == _CHDLC_KEEPALIVE:
        raise HaltError("chdlc", at + CHDLC.size, "Cisco SLARP", fault=False)
    return by_ethertype(kind, at + CHDLC.size, "chdlc")


def chdlc_with_direction(walk: Walk, at: int) -> tuple[Layer, int]:
    """Cisco HDLC behind one byte that tells sent from received."""
    walk.need("chdlc", at, 1)
    return chdlc(walk, at + 1)


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


def frame_relay_with_direction(walk: Walk, at: int) -> tuple[Layer, int]:
    """Frame Relay behind one byte that tells sent from received."""
    walk.need("frame-relay", at, 1)
    return frame_relay(walk, at + 1)


def slip(walk: Walk, at: int) -> tuple[Layer, int]:
    """SLIP: direction and compressed header, then the packet as it was decompressed."""
    walk.need("slip", at, _SLIP_SIZE)
    walk.layers.append("slip")
    return by_version(walk, at + _SLIP_SIZE)


def bsdos_slip(walk: Walk, at: int) -> tuple[Layer, int]:
    """SLIP of BSD/OS: tcpdump and libpcap disagree on the size of its header, so the packet is recognised."""
    walk.need("slip", at, min(_BSDOS_SIZES))
    walk.layers.append("slip")
    for size in _BSDOS_SIZES:
        if ip_follows(walk, at + size):
            return by_version(walk, at + size)
    raise HaltError("slip", at, "BSD/OS SLIP without an IP packet", fault=False)
