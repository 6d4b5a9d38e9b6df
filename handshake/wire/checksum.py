"""The Internet checksum (RFC 1071), and those of TCP and ICMPv6 over a pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1)."""

from __future__ import annotations

from handshake.wire.layout import TCP

_TCP_PROTOCOL, _ICMPV6_PROTOCOL = 6, 58
_CHECKSUM_AT = TCP.offset_of("checksum")


def _ones_complement_sum(data: bytes) -> int:
    """Sum of the 16-bit words in ones' complement: the whole number modulo 65535 is the same sum."""
    if len(data) % 2:
        data += b"\0"
    return int.from_bytes(data) % 0xFFFF


def _pseudo_header(src: bytes, dst: bytes, length: int, protocol: int = _TCP_PROTOCOL) -> bytes:
    return src + dst + length.to_bytes(4) + protocol.to_bytes(4)


def internet_checksum(data: bytes) -> int:
    """The checksum to write into `data`, whose checksum field is zero: the complement of the sum."""
    return -_ones_complement_sum(data) % 0xFFFF


def tcp_checksum(src: bytes, dst: bytes, segment: bytes) -> int:
    """The checksum to write into a TCP segment whose checksum field is zero."""
    return internet_checksum(_pseudo_header(src, dst, len(segment)) + segment)


def icmpv6_checksum(src: bytes, dst: bytes, message: bytes) -> int:
    """The checksum to write into an ICMPv6 message whose checksum field is zero (RFC 4443 §2.3)."""
    return internet_checksum(_pseudo_header(src, dst, len(message), _ICMPV6_PROTOCOL) + message)


def tcp_checksum_ok(src: bytes, dst: bytes, segment: bytes) -> bool | None:
    """Whether the checksum of a whole TCP segment is right; None when it was left to the network card.

    A capture on the sending host may show the pseudo-header's sum alone: the card adds the rest.
    """
    size = len(segment)
    pseudo = int.from_bytes(src) + int.from_bytes(dst) + size + _TCP_PROTOCOL  # sums of words, modulo 65535
    words = int.from_bytes(segment)
    if (pseudo + (words << 8 if size & 1 else words)) % 0xFFFF == 0:
        return True
    return None if (int.from_bytes(segment[_CHECKSUM_AT : _CHECKSUM_AT + 2]) - pseudo) % 0xFFFF == 0 else False
