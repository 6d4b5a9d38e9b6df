"""The Internet checksum (RFC 1071) of TCP over its pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1)."""

from __future__ import annotations

from handshake.wire.layout import TCP

_TCP_PROTOCOL = 6
_CHECKSUM_AT = TCP.offset_of("checksum")


def _ones_complement_sum(data: bytes) -> int:
    """Sum of the 16-bit words in ones' complement: the whole number modulo 65535 is the same sum."""
    if len(data) % 2:
        data += b"\0"
    return int.from_bytes(data) % 0xFFFF


def tcp_checksum_ok(src: bytes, dst: bytes, segment: bytes) -> bool | None:
    """Whether the checksum of a whole TCP segment is right; None when it was left to the network card.

    A capture on the sending host may show the pseudo-header's sum alone: the card adds the rest.
    """
    pseudo = src + dst + len(segment).to_bytes(4) + _TCP_PROTOCOL.to_bytes(4)
    if _ones_complement_sum(pseudo + segment) == 0:
        return True
    field = int.from_bytes(segment[_CHECKSUM_AT : _CHECKSUM_AT + 2])
    return None if field % 0xFFFF == _ones_complement_sum(pseudo) else False
