"""A TCP header split over IP fragments is read when the last of them is there; all else works fragment by fragment."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import permutations

import pytest

from handshake.model.packet import SYN, Frame, Packet, Segment
from handshake.wire.decode import Decoder
from handshake.wire.fragments import MOST_PENDING, PATIENCE_NS
from tests.unit.wire.wire_bytes import (
    CLIENT,
    CLIENT6,
    RAW,
    SERVER,
    SERVER6,
    datagram_of,
    fragment,
    ipv4,
    ipv6,
    segment_of,
    tcp,
    udp,
)

MSS, MORE = b"\x02\x04\x05\xb4", 0x2000
V4_SYN = tcp(MSS, b"x" * 24)
V6_SYN = tcp(MSS, b"x" * 24, ends=(CLIENT6, SERVER6))


def pieces4(data: bytes, *cuts: int, ip_id: int = 7) -> list[bytes]:
    """The payload of an IPv4 packet in fragments, cut at multiples of 8."""
    return [
        ipv4(data[begin:end], ip_id=ip_id, fragment=begin // 8 | (MORE if end < len(data) else 0))
        for begin, end in zip((0, *cuts), (*cuts, len(data)), strict=True)
    ]


def pieces6(data: bytes, *cuts: int, following: int = 6) -> list[bytes]:
    return [
        ipv6(fragment(following, begin, int(end < len(data))) + data[begin:end], following=44)
        for begin, end in zip((0, *cuts), (*cuts, len(data)), strict=True)
    ]


def run(packets: Sequence[bytes], decoder: Decoder | None = None, step_ns: int = 1000) -> list[Packet]:
    decoder = decoder or Decoder()
    return [
        decoder.decode(Frame(number, number * step_ns, RAW, data, len(data))) for number, data in enumerate(packets, 1)
    ]


def segments(packets: Sequence[Packet]) -> list[Segment]:
    return [packet.transport for packet in packets if isinstance(packet.transport, Segment)]


@pytest.mark.parametrize("make", [pieces4, pieces6])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_split_header_is_put_together_in_any_order(make, order: tuple[int, ...]) -> None:  # type: ignore[no-untyped-def]
    whole = V4_SYN if make is pieces4 else V6_SYN
    cut = make(whole, 8, 16)
    packets = run([cut[index] for index in order])
    assert [packet.transport for packet in packets[:2]] == [None, None]
    segment = segment_of(packets[2])
    assert (segment.src.port, segment.dst.port, segment.seq, segment.flags) == (40000, 80, 1000, SYN)
    assert (segment.options.mss, segment.payload_len, segment.number, segment.time_ns) == (1460, 24, 3, 3000)
    assert segment.checksum_ok is True, "over all fragments"
    assert packets[2].payload == b"x" * 24
    assert packets[2].layers == (("ipv4", "tcp") if make is pieces4 else ("ipv6", "ipv6-fragment", "tcp"))


def test_options_may_be_cut_too() -> None:
    first, second = run(pieces4(tcp(MSS * 5, b"data"), 24))
    assert first.transport is None
    assert first.stop is not None
    assert (first.stop.reason, first.stop.fault) == ("IPv4 fragment that ends inside a header", False)
    assert len(segment_of(second).options.items) == 5


def test_whole_header_in_the_first_fragment_waits_for_nothing() -> None:
    first, second = run(pieces4(V4_SYN, 32))
    segment = segment_of(first)
    assert (segment.number, segment.options.mss, segment.payload_len, segment.checksum_ok) == (1, 1460, 8, None)
    assert second.transport is None
    assert second.stop is not None
    assert (second.stop.reason, second.stop.fault) == ("later IPv4 fragment", False)


def test_cut_by_the_capture_is_not_cut_by_the_fragment() -> None:
    data = pieces4(V4_SYN, 32)[0]
    packet = Decoder().decode(Frame(1, 0, RAW, data[:30], len(data)))
    assert packet.stop is not None
    assert (packet.stop.layer, packet.stop.fault) == ("tcp", True)


def test_bytes_that_came_first_stay() -> None:
    """An attacker sends a second, overlapping port number: what was seen first counts, and the overlap is said."""
    first, last = pieces4(V4_SYN, 8)
    forged = ipv4(struct.pack("!HH", 1, 2) + bytes(4), fragment=MORE)
    packets = run([first, forged, last])
    assert packets[1].stop is not None
    assert (packets[1].stop.reason, packets[1].stop.fault) == ("overlapping IPv4 fragment", True)
    assert segment_of(packets[2]).src.port == 40000


def test_fragments_of_different_packets_do_not_meet() -> None:
    one, two = pieces4(V4_SYN, 8, ip_id=1), pieces4(V4_SYN, 8, ip_id=2)
    assert segments(run([one[0], two[1]])) == []
    other_host = ipv4(V4_SYN[8:], ip_id=1, fragment=1, ends=(SERVER, CLIENT))
    assert segments(run([one[0], other_host])) == []


def test_waits_for_a_minute_only() -> None:
    cut = pieces4(V4_SYN, 8)
    assert len(segments(run(cut, step_ns=PATIENCE_NS))) == 1
    assert segments(run(cut, step_ns=PATIENCE_NS + 1)) == []


def test_the_oldest_is_given_up_when_too_many_wait() -> None:
    heads = [pieces4(V4_SYN, 8, ip_id=number)[0] for number in range(MOST_PENDING + 1)]
    decoder = Decoder()
    run(heads, decoder, step_ns=1)
    last = pieces4(V4_SYN, 8, ip_id=MOST_PENDING)[1]
    given_up = pieces4(V4_SYN, 8, ip_id=0)[1]
    assert len(segments(run([last], decoder))) == 1
    assert segments(run([given_up], decoder)) == []


def test_as_many_fragments_as_there_may_be_but_not_as_many_holes() -> None:
    cut = pieces4(tcp(MSS, bytes(4000)), *range(8, 4000, 8))
    assert len(segments(run(cut))) == 1
    assert segments(run([*cut[::2], *cut[1::2]])) == []


def test_fragments_inside_fragments() -> None:
    """A fragment of a packet inside a tunnel that is itself fragmented: IPv6 in IPv4 (RFC 4213)."""
    inner = pieces6(V6_SYN, 8)
    outer = [
        ipv4(part, protocol=41, ip_id=number, fragment=begin // 8 | (MORE if begin == 0 else 0))
        for number, whole in enumerate(inner)
        for begin, part in ((0, whole[:24]), (24, whole[24:]))
    ]
    (found,) = segments(run(outer))
    assert (found.number, found.options.mss, found.tags[0].ends) == (4, 1460, (CLIENT, SERVER))


def test_udp_reads_its_header_from_the_first_fragment() -> None:
    data = udp(b"x" * 100)
    first = ipv4(data[:16], protocol=17, fragment=MORE)
    assert datagram_of(run([first])[0]).dst.port == 53
