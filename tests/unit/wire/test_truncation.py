"""Rich packets cut at every byte: never an exception, always the good layers and a sensible stop."""

from __future__ import annotations

import random

import pytest

from handshake.model.packet import Packet, Segment
from handshake.wire.registry import LINKS
from tests.unit.wire.wire_bytes import (
    CLIENT6,
    ETHERNET,
    ICMPV6,
    SERVER6,
    decoded,
    ethernet,
    extension,
    fragment,
    icmp,
    ipv4,
    ipv6,
    tcp,
)

TAGS = bytes.fromhex("0064 8100 002a 86dd")
LINUX_OPTIONS = bytes.fromhex("020405b4 0402 080a0000000500000000 01 030307")
CHAIN = extension(43) + extension(44) + fragment(60) + extension(6)
SEGMENT = tcp(LINUX_OPTIONS, b"payload", ends=(CLIENT6, SERVER6))
QUOTE = ipv6(extension(6) + SEGMENT, following=0)

RICH = {
    "tcp": ethernet(TAGS + ipv6(CHAIN + SEGMENT, following=0), 0x88A8),
    "icmpv6": ethernet(TAGS + ipv6(extension(ICMPV6) + icmp(1, 4, QUOTE), following=0), 0x88A8),
    "ipv4": ethernet(ipv4(tcp(LINUX_OPTIONS, b"payload"), options=bytes(8))),
}
STARTS = {
    "tcp": [0, 14, 18, 22, 62, 70, 78, 86, 94],
    "icmpv6": [0, 14, 18, 22, 62, 70, 78, 118, 126],
    "ipv4": [0, 14, 42],
}
"""Offsets at which each header of the rich packet begins, quoted ones included."""


def cut(name: str, kept: int) -> Packet:
    return decoded(RICH[name][:kept], ETHERNET, orig_len=len(RICH[name]))


@pytest.mark.parametrize("name", RICH)
def test_stops_at_the_header_that_is_cut(name: str) -> None:
    whole = decoded(RICH[name], ETHERNET)
    assert whole.stop is None
    fixed_header_end = STARTS[name][-1] + (20 if name != "icmpv6" else 8)
    for kept in range(fixed_header_end):
        packet = cut(name, kept)
        assert packet.transport is None
        assert packet.stop is not None
        assert packet.stop.fault
        start = max(start for start in STARTS[name] if start <= kept)
        assert packet.layers == whole.layers[: len(packet.layers)]
        if "quoted" not in packet.stop.reason:
            following = whole.layers[len(packet.layers)]
            assert packet.stop.layer == following
            assert packet.stop.offset == start
            assert packet.stop.reason.startswith(f"{following} header cut short: {kept - start} of ")
        else:
            assert packet.stop.offset in (start, kept)
            assert (packet.stop.layer, packet.layers) == ("icmpv6", whole.layers)


@pytest.mark.parametrize("name", ["tcp", "ipv4"])
def test_keeps_the_segment_as_soon_as_its_fixed_header_is_there(name: str) -> None:
    whole = decoded(RICH[name], ETHERNET)
    assert isinstance(whole.transport, Segment)
    options_end = len(RICH[name]) - len(b"payload")
    for kept in range(STARTS[name][-1] + 20, len(RICH[name])):
        packet = cut(name, kept)
        segment = packet.transport
        assert isinstance(segment, Segment)
        assert packet.stop is None
        assert (segment.seq, segment.payload_len, segment.faults) == (1000, 7, ())
        assert segment.checksum_ok is None
        assert segment.options.cut == (kept < options_end)
        assert segment.options.fault is None
        shown = segment.options.items
        assert shown[:-1] == whole.transport.options.items[: max(len(shown) - 1, 0)]
        assert packet.payload == b"payload"[: max(kept - options_end, 0)]


@pytest.mark.parametrize("linktype", [*LINKS, 147])
def test_any_change_of_any_byte_is_decoded_without_an_exception(linktype: int) -> None:
    dice = random.Random(linktype)
    for data in RICH.values():
        for _ in range(300):
            changed = bytearray(data)
            for _ in range(dice.randint(1, 4)):
                changed[dice.randrange(len(changed))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
            kept = dice.randint(0, len(changed))
            packet = decoded(bytes(changed[:kept]), linktype, orig_len=dice.choice((0, kept, len(changed), 2**32 - 1)))
            stop = packet.stop
            assert (stop is None) == (packet.transport is not None)
            assert stop is None or 0 <= stop.offset <= len(changed) + 4
