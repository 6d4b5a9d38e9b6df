"""Packets built byte by byte with `struct`, independently of the layouts that the decoder reads."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from handshake.model.packet import SYN, Datagram, Frame, IcmpError, Packet, Segment
from handshake.wire.decode import decode

CLIENT, SERVER = ip_address("10.0.0.1").packed, ip_address("10.0.0.2").packed
CLIENT6, SERVER6 = ip_address("fd00::1").packed, ip_address("fd00::2").packed
ETHERNET, RAW = 1, 101
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58


def inverse_sum(data: bytes) -> int:
    """The Internet checksum, carried word by word as RFC 1071 §4.1 writes it."""
    total = 0
    for high, low in zip(*[iter(data + b"\0" * (len(data) % 2))] * 2, strict=True):
        total += high << 8 | low
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(src: bytes, dst: bytes, length: int, protocol: int = TCP) -> bytes:
    if len(src) == 4:
        return src + dst + struct.pack("!BBH", 0, protocol, length)
    return src + dst + struct.pack("!IHBB", length, 0, 0, protocol)


def tcp(
    options: bytes = b"",
    payload: bytes = b"",
    *,
    flags: int = SYN,
    seq: int = 1000,
    ack: int = 0,
    ports: tuple[int, int] = (40000, 80),
    window: int = 64240,
    urgent: int = 0,
    reserved: int = 0,
    offset: int | None = None,
    checksum: int | None = None,
    ends: tuple[bytes, bytes] = (CLIENT, SERVER),
) -> bytes:
    """A TCP segment; `offset` in words and `checksum` lie when given."""
    words = (20 + len(options)) // 4 if offset is None else offset
    head = struct.pack("!HHIIHH", *ports, seq, ack, words << 12 | reserved << 9 | flags, window)
    tail = struct.pack("!H", urgent) + options + payload
    if checksum is None:
        checksum = inverse_sum(pseudo(*ends, len(head) + 2 + len(tail)) + head + b"\0\0" + tail)
    return head + struct.pack("!H", checksum) + tail


def udp(payload: bytes = b"", *, length: int | None = None, ports: tuple[int, int] = (40000, 53)) -> bytes:
    return struct.pack("!HHHH", *ports, 8 + len(payload) if length is None else length, 0) + payload


def ipv4(
    payload: bytes,
    *,
    protocol: int = TCP,
    options: bytes = b"",
    total: int | None = None,
    ihl: int | None = None,
    fragment: int = 0,
    tos: int = 0,
    ttl: int = 64,
    ip_id: int = 7,
    version: int = 4,
    ends: tuple[bytes, bytes] = (CLIENT, SERVER),
) -> bytes:
    """An IPv4 packet; `total` and `ihl` (in words) lie when given, `fragment` is flags and offset as sent."""
    size = 20 + len(options)
    return (
        struct.pack(
            "!BBHHHBBH",
            version << 4 | (size // 4 if ihl is None else ihl),
            tos,
            size + len(payload) if total is None else total,
            ip_id,
            fragment,
            ttl,
            protocol,
            0,
        )
        + ends[0]
        + ends[1]
        + options
        + payload
    )


def ipv6(
    payload: bytes,
    *,
    following: int = TCP,
    length: int | None = None,
    traffic_class: int = 0,
    hop_limit: int = 64,
    version: int = 6,
    ends: tuple[bytes, bytes] = (CLIENT6, SERVER6),
) -> bytes:
    """An IPv6 packet; `length` lies when given."""
    head = struct.pack(
        "!IHBB",
        version << 28 | traffic_class << 20 | 0x12345,
        len(payload) if length is None else length,
        following,
        hop_limit,
    )
    return head + ends[0] + ends[1] + payload


def extension(following: int, body: bytes = bytes(6), units: int | None = None) -> bytes:
    """A hop-by-hop, routing or destination options header; `units` (8 bytes beyond the first 8) lies when given."""
    assert (2 + len(body)) % 8 == 0
    return struct.pack("!BB", following, (2 + len(body)) // 8 - 1 if units is None else units) + body


def fragment(following: int, offset: int = 0, more: int = 0) -> bytes:
    return struct.pack("!BBHI", following, 0, offset | more, 99)


def icmp(kind: int, code: int, quote: bytes, rest: int = 0) -> bytes:
    return struct.pack("!BBHI", kind, code, 0, rest) + quote


def ethernet(payload: bytes, ethertype: int = 0x0800) -> bytes:
    return bytes.fromhex("020000000002 020000000001") + struct.pack("!H", ethertype) + payload


def decoded(data: bytes, linktype: int = RAW, orig_len: int | None = None) -> Packet:
    return decode(Frame(5, 1_700_000_000_000_000_001, linktype, data, len(data) if orig_len is None else orig_len))


def segment_of(packet: Packet) -> Segment:
    assert isinstance(packet.transport, Segment), packet
    return packet.transport


def datagram_of(packet: Packet) -> Datagram:
    assert isinstance(packet.transport, Datagram), packet
    return packet.transport


def error_of(packet: Packet) -> IcmpError:
    assert isinstance(packet.transport, IcmpError), packet
    return packet.transport


def stop_of(packet: Packet) -> tuple[str, int, str, bool]:
    assert packet.stop is not None, packet
    return packet.stop.layer, packet.stop.offset, packet.stop.reason, packet.stop.fault
