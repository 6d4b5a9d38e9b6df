"""Packets as bytes, written from the RFCs and apart from `handshake.wire`, so that tests check one by the other."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from handshake.model.packet import Frame

LINKTYPE_ETHERNET, LINKTYPE_RAW = 1, 101
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(hosts: tuple[str, str], protocol: int, payload: bytes, *, ttl: int = 64, ecn: int = 0, ip_id: int = 1) -> bytes:
    """An IPv4 or IPv6 packet, by the form of the addresses."""
    source, target = map(ip_address, hosts)
    if source.version == 6:
        head = struct.pack("!IHBB", 6 << 28 | ecn << 20, len(payload), protocol, ttl)
        return head + source.packed + target.packed + payload
    parts = struct.pack("!BBHHHBB", 0x45, ecn, 20 + len(payload), ip_id, 0x4000, ttl, protocol)
    addresses = source.packed + target.packed
    return parts + struct.pack("!H", checksum(parts + bytes(2) + addresses)) + addresses + payload


def tcp(
    hosts: tuple[str, str],
    ports: tuple[int, int],
    *,
    seq: int,
    ack: int = 0,
    flags: int,
    wnd: int = 65535,
    options: bytes = b"",
    payload: bytes = b"",
    data_offset: int | None = None,
    reserved: int = 0,
    bad_checksum: bool = False,
) -> bytes:
    """A TCP segment (RFC 9293 §3.1) from the first host and port to the second.

    Options are padded with zeros; `data_offset` is in words, the true one by default.
    """
    options += bytes(-len(options) % 4)
    words = 5 + len(options) // 4 if data_offset is None else data_offset
    numbers = struct.pack("!HHII", *ports, seq % 2**32, ack % 2**32)
    head = numbers + struct.pack("!HH", words << 12 | reserved << 9 | flags, wnd)
    length = 20 + len(options) + len(payload)
    pseudo = b"".join(ip_address(host).packed for host in hosts) + struct.pack("!II", length, TCP)
    right = checksum(pseudo + head + bytes(4) + options + payload)
    return head + struct.pack("!HH", right ^ bad_checksum << 4, 0) + options + payload


def icmp_error(kind: int, code: int, quoted: bytes, *, version: int = 4, rest: int = 0) -> bytes:
    """An ICMP or ICMPv6 error message quoting an IP packet, cut as RFC 792 (header and 8 bytes) or RFC 4443 ask."""
    quote = quoted[:28] if version == 4 else quoted[:1232]
    body = struct.pack("!BBHI", kind, code, 0, rest) + quote
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def ethernet(packet: bytes, vlans: tuple[int, ...] = ()) -> bytes:
    """An Ethernet frame around an IP packet, with 802.1Q tags."""
    ethertype = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
    tags = b"".join(struct.pack("!HH", 0x8100, vlan) for vlan in vlans)
    return bytes(12) + tags + struct.pack("!H", ethertype) + packet


def frame(number: int, time_ns: int, data: bytes, linktype: int = LINKTYPE_ETHERNET) -> Frame:
    """A whole captured frame."""
    return Frame(number, time_ns, linktype, data, len(data))
