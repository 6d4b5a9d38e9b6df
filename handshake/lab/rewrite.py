"""Frames as middleboxes change them, with checksums made anew, and the ICMP errors that they send instead.

All take and give whole Ethernet frames; what is not an unfragmented IP packet stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from handshake.model.options import EOL, NOP, Option
from handshake.wire.checksum import icmpv6_checksum, internet_checksum, tcp_checksum
from handshake.wire.layout import (
    ETHERNET,
    ICMP,
    ICMPV6,
    IPV4,
    IPV6,
    TCP,
    ipv4_fragment_offset,
    ipv4_header_length,
    ipv4_more_fragments,
    ipv4_version,
    ipv6_version,
    tcp_header_length,
)
from handshake.wire.tcp import parse_options

ICMP_ERRORS = {
    "net-unreachable": {4: (3, 0), 6: (1, 0)},
    "host-unreachable": {4: (3, 1), 6: (1, 3)},
    "port-unreachable": {4: (3, 3), 6: (1, 4)},
    "too-big": {4: (3, 4), 6: (2, 0)},
    "prohibited": {4: (3, 13), 6: (1, 1)},
    "time-exceeded": {4: (11, 0), 6: (3, 0)},
}
"""Type and code by IP version (RFC 792, RFC 4443)."""
ROUTER = b"\xfe"
"""Last byte of the address from which errors come that are not the host's own: 10.0.0.254, fd00::fe."""
_TCP, _ICMP, _ICMPV6 = 6, 1, 58
_TTL = 64
_MOST_QUOTED = {4: 548, 6: 1232}
"""An error fits 576 bytes (RFC 1812 §4.3.2.3), or 1280 (RFC 4443 §2.4)."""


class _Headers(NamedTuple):
    """Where the parts of a frame are."""

    version: int
    protocol: int
    transport: int
    end: int
    src: bytes
    dst: bytes


def _headers(frame: bytes) -> _Headers | None:
    at = ETHERNET.size
    if len(frame) >= at + IPV4.size and ipv4_version(frame[at]) == 4:
        version_ihl, _, total, _, fragment, _, protocol, _, src, dst = IPV4.read(frame, at)
        if ipv4_more_fragments(fragment) or ipv4_fragment_offset(fragment):
            return None
        return _Headers(4, protocol, at + ipv4_header_length(version_ihl), at + total, src, dst)
    if len(frame) >= at + IPV6.size:
        head, length, protocol, _, src, dst = IPV6.read(frame, at)
        if ipv6_version(head) == 6:
            return _Headers(6, protocol, at + IPV6.size, at + IPV6.size + length, src, dst)
    return None


def with_ttl(frame: bytes, change: Callable[[int], int]) -> bytes:
    """With another TTL or hop limit."""
    found = _headers(frame)
    if found is None:
        return frame
    data, at = bytearray(frame), ETHERNET.size
    if found.version == 6:
        IPV6.write(data, at, hop_limit=change(frame[at + IPV6.offset_of("hop_limit")]))
    else:
        IPV4.write(data, at, ttl=change(frame[at + IPV4.offset_of("ttl")]), checksum=0)
        IPV4.write(data, at, checksum=internet_checksum(bytes(data[at : found.transport])))
    return bytes(data)


def with_options(frame: bytes, change: Callable[[Option], Option]) -> bytes:
    """With each TCP option replaced; a replacement that is shorter is filled up with NOP."""
    found = _headers(frame)
    if found is None or found.protocol != _TCP:
        return frame
    at = found.transport
    first, last = at + TCP.size, at + tcp_header_length(TCP.read(frame, at)[_OFFSET_FLAGS])
    options = parse_options(frame[first:last])
    if options.fault:
        return frame
    written = b"".join(_bytes(change(item)).ljust(len(_bytes(item)), bytes((NOP,))) for item in options.items)
    if written == frame[first : first + len(written)]:
        return frame
    data = bytearray(frame)
    data[first : first + len(written)] = written
    TCP.write(data, at, checksum=0)
    TCP.write(data, at, checksum=tcp_checksum(found.src, found.dst, bytes(data[at : found.end])))
    return bytes(data)


_OFFSET_FLAGS = [name for name, _ in TCP.fields].index("offset_flags")


def _bytes(option: Option) -> bytes:
    """An option as on the wire."""
    if option.kind in (EOL, NOP):
        return bytes((option.kind,))
    return bytes((option.kind, 2 + len(option.data))) + option.data


def icmp_error(frame: bytes, error: str, mtu: int = 0) -> bytes | None:
    """The frame that tells its sender of an error (a key of `ICMP_ERRORS`); `mtu` goes with `too-big`.

    Port unreachable comes from the host that was addressed, all else from a router of its network. None for what
    must not be answered with an error: another one (RFC 1122 §3.2.2).
    """
    found = _headers(frame)
    if found is None or found.protocol in (_ICMP, _ICMPV6):
        return None
    kind, code = ICMP_ERRORS[error][found.version]
    sender = found.dst if error == "port-unreachable" else found.dst[:-1] + ROUTER
    at = ETHERNET.size
    quote = frame[at : min(found.end, at + _MOST_QUOTED[found.version])]
    layout = ICMP if found.version == 4 else ICMPV6
    message = bytearray(layout.size) + quote
    layout.write(message, 0, type=kind, code=code, rest=mtu)
    dst, src, ethertype = ETHERNET.read(frame)
    data = bytearray(at)
    ETHERNET.write(data, 0, dst=src, src=dst, ethertype=ethertype)
    if found.version == 6:
        layout.write(message, 0, checksum=icmpv6_checksum(sender, found.src, bytes(message)))
        data += bytearray(IPV6.size)
        fields = {"payload_length": len(message), "next_header": _ICMPV6, "hop_limit": _TTL}
        IPV6.write(data, at, version_class_flow=6 << 28, **fields, src=sender, dst=found.src)
    else:
        layout.write(message, 0, checksum=internet_checksum(bytes(message)))
        data += bytearray(IPV4.size)
        fields = {"total_length": IPV4.size + len(message), "ttl": _TTL, "protocol": _ICMP}
        IPV4.write(data, at, version_ihl=0x45, **fields, src=sender, dst=found.src)
        IPV4.write(data, at, checksum=internet_checksum(bytes(data[at:])))
    return bytes(data + message)
