"""Header layouts: every field of every header is written down once, here and nowhere else.

A `Layout` names the fields of a fixed header in wire order with their `struct` codes (all integers
are big-endian). `read` is the scalar reader: one header, Python ints; `write` is its twin. A column reader
needs nothing more than `offset_of` and the codes (`H` is numpy's `>u2`, `I` is `>u4`, `4s` is `V4`).
Fields narrower than a byte boundary are taken out of their word by the `bits` functions below the
layouts; they use only `>>` and `&`, so that they work on ints and on numpy arrays alike.
"""

from __future__ import annotations

import struct
from typing import Any


class TooShortError(Exception):
    """A header does not fit into the bytes that are left. Never leaves the room `wire`."""

    def __init__(self, layer: str, at: int, needed: int, have: int) -> None:
        super().__init__(f"{have} of {needed} header bytes")
        self.layer = layer
        self.at = at


class Layout:
    """The fixed part of a header: field names and `struct` codes in wire order."""

    __slots__ = ("_places", "_unpack_from", "fields", "name", "size")

    def __init__(self, name: str, *fields: tuple[str, str]) -> None:
        compiled = struct.Struct("!" + "".join(code for _, code in fields))
        self.name = name
        self.fields = fields
        self.size = compiled.size
        self._unpack_from = compiled.unpack_from
        self._places: dict[str, tuple[struct.Struct, int]] = {}
        at = 0
        for field, code in fields:
            place = struct.Struct("!" + code)
            self._places[field] = place, at
            at += place.size

    def read(self, data: bytes, at: int = 0) -> tuple[Any, ...]:
        """Field values of the header at offset `at`, in layout order. Raises TooShortError."""
        try:
            return self._unpack_from(data, at)
        except struct.error:
            raise TooShortError(self.name, at, self.size, max(len(data) - at, 0)) from None

    def write(self, buffer: bytearray, at: int, **values: int | bytes) -> None:
        """Write some fields of the header at offset `at`; the others keep their bytes."""
        for field, value in values.items():
            place, offset = self._places[field]
            place.pack_into(buffer, at + offset, value)

    def offset_of(self, field: str) -> int:
        """Offset of a field from the start of the header, bytes."""
        return self._places[field][1]


ETHERNET = Layout("ethernet", ("dst", "6s"), ("src", "6s"), ("ethertype", "H"))
VLAN = Layout("vlan", ("tci", "H"), ("ethertype", "H"))  # IEEE 802.1Q
SLL = Layout(
    "sll", ("packet_type", "H"), ("arphrd", "H"), ("address_length", "H"), ("address", "8s"), ("protocol", "H")
)
SLL2 = Layout(
    "sll2",
    ("protocol", "H"),
    ("reserved", "H"),
    ("interface", "I"),
    ("arphrd", "H"),
    ("packet_type", "B"),
    ("address_length", "B"),
    ("address", "8s"),
)
IPV4 = Layout(
    "ipv4",
    ("version_ihl", "B"),
    ("tos", "B"),
    ("total_length", "H"),
    ("id", "H"),
    ("fragment", "H"),
    ("ttl", "B"),
    ("protocol", "B"),
    ("checksum", "H"),
    ("src", "4s"),
    ("dst", "4s"),
)  # RFC 791 §3.1
IPV6 = Layout(
    "ipv6",
    ("version_class_flow", "I"),
    ("payload_length", "H"),
    ("next_header", "B"),
    ("hop_limit", "B"),
    ("src", "16s"),
    ("dst", "16s"),
)  # RFC 8200 §3
IPV6_EXTENSION = Layout("ipv6-extension", ("next_header", "B"), ("length", "B"))  # RFC 8200 §4
IPV6_FRAGMENT = Layout(
    "ipv6-fragment", ("next_header", "B"), ("reserved", "B"), ("offset_more", "H"), ("id", "I")
)  # RFC 8200 §4.5
IPV6_ROUTING = Layout(
    "ipv6-routing", ("next_header", "B"), ("length", "B"), ("type", "B"), ("segments_left", "B")
)  # RFC 8200 §4.4
TCP = Layout(
    "tcp",
    ("src_port", "H"),
    ("dst_port", "H"),
    ("seq", "I"),
    ("ack", "I"),
    ("offset_flags", "H"),
    ("window", "H"),
    ("checksum", "H"),
    ("urgent", "H"),
)  # RFC 9293 §3.1
TCP_QUOTED = Layout("quoted tcp", ("src_port", "H"), ("dst_port", "H"), ("seq", "I"))  # the 8 bytes of RFC 792
UDP = Layout("udp", ("src_port", "H"), ("dst_port", "H"), ("length", "H"), ("checksum", "H"))  # RFC 768
ICMP = Layout("icmp", ("type", "B"), ("code", "B"), ("checksum", "H"), ("rest", "I"))  # RFC 792
ICMPV6 = Layout("icmpv6", *ICMP.fields)  # RFC 4443 §2.1


def ipv4_version(version_ihl: int) -> int:
    """IP version of the first header byte."""
    return version_ihl >> 4


def ipv4_header_length(version_ihl: int) -> int:
    """Header length in bytes, options included."""
    return (version_ihl & 0xF) << 2


def ipv4_more_fragments(fragment: int) -> int:
    """MF flag, 0 or 1."""
    return fragment >> 13 & 1


def ipv4_fragment_offset(fragment: int) -> int:
    """Fragment offset in bytes."""
    return (fragment & 0x1FFF) << 3


def ipv6_version(version_class_flow: int) -> int:
    """IP version of the first header word."""
    return version_class_flow >> 28


def ipv6_extension_size(length: int) -> int:
    """Bytes of an extension header whose length field counts 8-byte units beyond the first."""
    return (length + 1) << 3


def ipv6_more_fragments(offset_more: int) -> int:
    """M flag, 0 or 1."""
    return offset_more & 1


def ipv6_fragment_offset(offset_more: int) -> int:
    """Fragment offset in bytes."""
    return offset_more & 0xFFF8


def tcp_header_length(offset_flags: int) -> int:
    """Data offset in bytes."""
    return (offset_flags >> 12) << 2


def tcp_reserved(offset_flags: int) -> int:
    """The three reserved bits."""
    return offset_flags >> 9 & 0x7


def tcp_flags(offset_flags: int) -> int:
    """The nine flags, FIN = 1 … AE = 256."""
    return offset_flags & 0x1FF
