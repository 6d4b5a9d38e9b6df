"""GRE and what is peculiar to it: PPTP, ERSPAN, WCCP."""

from __future__ import annotations

from handshake.wire.ethernet import ethernet
from handshake.wire.guess import ip_follows
from handshake.wire.ip import by_version, ipv4
from handshake.wire.layout import ERSPAN2, ERSPAN3, GRE, GRE_ROUTE, GRE_WORD, PPTP, erspan_session, erspan_version
from handshake.wire.registry import ETHERTYPES, by_ethertype
from handshake.wire.serial import ppp
from handshake.wire.walk import HaltError, Layer, Walk

_CHECKSUM, _ROUTING, _KEY, _SEQUENCE, _ACKNOWLEDGMENT = 0x8000, 0x4000, 0x2000, 0x1000, 0x0080
_RESERVED = 0x0FF8
"""With RFC 1701's strict source route and recursion control: zero in GRE over UDP (RFC 8086 §3)."""
_ERSPAN, _ERSPAN3, _WCCP, _PPP = 0x88BE, 0x22EB, 0x883E, 0x880B
_ERSPAN_SUBHEADER, _ERSPAN_SUBHEADER_SIZE = 0x0001, 8
_WCCP_REDIRECT_SIZE = 4
_MAX_ROUTES = 64


def gre(walk: Walk, at: int) -> tuple[Layer, int]:
    """GRE with the optional fields of RFC 1701 and RFC 2890."""
    flags, protocol = GRE.read(walk.data, at)
    version = flags & 7
    if version == 1:
        return _pptp(walk, at, flags, protocol)
    if version:
        raise HaltError("gre", at, f"GRE version {version}", fault=True)
    start, key_at = at, at + GRE.size + (GRE_WORD.size if flags & (_CHECKSUM | _ROUTING) else 0)
    at = key_at + sum(GRE_WORD.size for flag in (_KEY, _SEQUENCE) if flags & flag)
    walk.need("gre", start, at - start)
    key = GRE_WORD.read(walk.data, key_at)[0] if flags & _KEY else None
    if flags & _ROUTING:
        at = _after_routes(walk, start, at)
    walk.layers.append("gre")
    return _content(walk, flags, protocol, key, at)


def _after_routes(walk: Walk, start: int, at: int) -> int:
    """Source route entries end with an empty one (RFC 1701)."""
    for _ in range(_MAX_ROUTES):
        family, _, length = GRE_ROUTE.read(walk.data, at)
        at += GRE_ROUTE.size + length
        walk.need("gre", start, at - start)
        if not family and not length:
            return at
    raise HaltError("gre", start, f"more than {_MAX_ROUTES} GRE source routes", fault=True)


def _content(walk: Walk, flags: int, protocol: int, key: int | None, at: int) -> tuple[Layer, int]:
    if protocol == _ERSPAN and flags & _SEQUENCE:
        return erspan2, at
    if protocol == _ERSPAN:  # type I has no header of its own
        walk.layers.append("erspan")
        walk.enter("erspan")
        return ethernet, at
    if protocol == _ERSPAN3:
        return erspan3, at
    walk.enter("gre", key)  # of NVGRE too (RFC 7637): its subnet and flow cannot be told from a plain key
    if protocol == _WCCP:
        return wccp, at
    return by_ethertype(protocol, at, "gre")


def gre_in_udp(walk: Walk, at: int) -> tuple[Layer, int] | None:
    """GRE in UDP (RFC 8086): a version 0 header without reserved bits, and a protocol that is decoded."""
    if at + GRE.size > walk.captured:
        return None
    flags, protocol = GRE.read(walk.data, at)
    return (gre, at) if not flags & (_RESERVED | _ROUTING | 7) and protocol in ETHERTYPES else None


def _pptp(walk: Walk, at: int, flags: int, protocol: int) -> tuple[Layer, int]:
    """Enhanced GRE (RFC 2637 §4.1): the key holds the payload's length and the call."""
    start, at = at, at + GRE.size
    length, call = PPTP.read(walk.data, at)
    at += PPTP.size + sum(GRE_WORD.size for flag in (_SEQUENCE, _ACKNOWLEDGMENT) if flags & flag)
    walk.need("gre", start, at - start)
    if protocol != _PPP or not flags & _KEY:
        raise HaltError("gre", start, f"GRE version 1 without PPP: EtherType {protocol:#06x}", fault=True)
    walk.layers.append("gre")
    walk.enter("pptp", call)
    if not flags & _SEQUENCE or not length:
        raise HaltError("gre", at, "PPTP acknowledgment", fault=False)
    walk.end_at(min(at + length, walk.end))
    return ppp, at


def erspan2(walk: Walk, at: int) -> tuple[Layer, int]:
    """ERSPAN type II: a mirrored Ethernet frame (draft-foschiano-erspan-03 §4.2)."""
    version_vlan, session, _ = ERSPAN2.read(walk.data, at)
    if erspan_version(version_vlan) != 1:
        raise HaltError(
            "erspan", at, f"ERSPAN version {erspan_version(version_vlan)} where II was announced", fault=True
        )
    walk.layers.append("erspan")
    walk.enter("erspan", erspan_session(session))
    return ethernet, at + ERSPAN2.size


def erspan3(walk: Walk, at: int) -> tuple[Layer, int]:
    """ERSPAN type III: a mirrored Ethernet frame or IP packet, maybe behind a subheader of the platform."""
    version_vlan, session, _, _, tail = ERSPAN3.read(walk.data, at)
    if erspan_version(version_vlan) != 2:
        raise HaltError(
            "erspan", at, f"ERSPAN version {erspan_version(version_vlan)} where III was announced", fault=True
        )
    size = ERSPAN3.size + (_ERSPAN_SUBHEADER_SIZE if tail & _ERSPAN_SUBHEADER else 0)
    walk.need("erspan", at, size)
    walk.layers.append("erspan")
    walk.enter("erspan", erspan_session(session))
    at += size
    frame_type = tail >> 10 & 0x1F
    if frame_type == 2:
        return by_version(walk, at)
    if frame_type:
        raise HaltError("erspan", at, f"ERSPAN frame type {frame_type}", fault=False)
    return ethernet, at


def wccp(walk: Walk, at: int) -> tuple[Layer, int]:
    """A packet redirected by WCCP: version 2 puts four bytes before it."""
    if ip_follows(walk, at):
        return ipv4, at
    walk.need("wccp", at, _WCCP_REDIRECT_SIZE)
    return ipv4, at + _WCCP_REDIRECT_SIZE
