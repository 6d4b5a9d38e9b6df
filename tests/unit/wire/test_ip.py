"""IPv4 and IPv6 headers: options, fragments, extension headers, and lengths that lie."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest

from handshake.model.address import Endpoint
from handshake.model.packet import Segment
from handshake.wire.decode import decode
from tests import packets
from tests.unit.wire.wire_bytes import (
    CLIENT6,
    ETHERNET,
    ICMP,
    SERVER6,
    UDP,
    datagram_of,
    decoded,
    ethernet,
    extension,
    fragment,
    ipv4,
    ipv6,
    segment_of,
    stop_of,
    tcp,
    udp,
)

FINAL = ip_address("fd00::99").packed
TCP6 = tcp(b"", b"hello", ends=(CLIENT6, SERVER6))
HOP, ROUTING, FRAGMENT, NO_NEXT, DESTINATION, MOBILITY, HIP, SHIM6 = 0, 43, 44, 59, 60, 135, 139, 140


def test_ipv4_fields_reach_the_segment() -> None:
    segment = segment_of(decoded(ipv4(tcp(payload=b"abc"), tos=0b10111010, ttl=3, ip_id=0xBEEF)))
    assert (segment.ttl, segment.ecn, segment.ip_id, segment.payload_len) == (3, 2, 0xBEEF, 3)


def test_ipv6_fields_reach_the_segment() -> None:
    segment = segment_of(decoded(ipv6(TCP6, traffic_class=0b10111011, hop_limit=9)))
    assert (segment.ttl, segment.ecn, segment.ip_id, segment.payload_len) == (9, 3, None, 5)


def test_ipv4_options_are_skipped() -> None:
    packet = decoded(ipv4(tcp(payload=b"xy"), options=b"\x94\x04\0\0" + bytes(36)))
    assert (packet.layers, packet.payload) == (("ipv4", "tcp"), b"xy")
    assert segment_of(packet).checksum_ok


def test_first_ipv4_fragment_goes_on_unchecked() -> None:
    packet = decoded(ipv4(tcp(payload=bytes(1200), checksum=0xBAD), fragment=0x2000))
    segment = segment_of(packet)
    assert (segment.payload_len, segment.checksum_ok, packet.stop) == (1200, None, None)


def test_later_ipv4_fragment_is_counted() -> None:
    packet = decoded(ipv4(bytes(100), fragment=0x2000 | 185))
    assert packet.layers == ("ipv4",)
    assert stop_of(packet) == ("ipv4", 20, "later IPv4 fragment", False)


def test_first_fragment_ending_in_the_options_has_cut_options_and_no_fault() -> None:
    segment = segment_of(decoded(ipv4(tcp(b"\2\4\5\xb4\1\3\3\7")[:24], fragment=0x2000)))
    assert (segment.options.mss, segment.options.cut, segment.options.fault) == (1460, True, None)
    assert (segment.faults, segment.payload_len) == ((), 0)


def test_total_length_zero_is_segmentation_offload() -> None:
    packet = decoded(ethernet(ipv4(tcp(payload=bytes(3000)), total=0)), ETHERNET)
    assert (segment_of(packet).payload_len, segment_of(packet).checksum_ok) == (3000, True)


@pytest.mark.parametrize("total", [1, 19, 23])
def test_total_length_below_the_header_is_a_fault(total: int) -> None:
    packet = decoded(ipv4(tcp(), options=bytes(4), total=total))
    assert stop_of(packet) == ("ipv4", 0, f"total length {total} is less than the header's 24", True)
    assert packet.layers == ()


@pytest.mark.parametrize("ihl", [0, 1, 4])
def test_header_length_below_20_is_a_fault(ihl: int) -> None:
    assert stop_of(decoded(ipv4(tcp(), ihl=ihl))) == ("ipv4", 0, f"header length {4 * ihl} is less than 20", True)


def test_total_length_that_cuts_the_tcp_header_is_a_fault_although_padding_follows() -> None:
    packet = decoded(ethernet(ipv4(tcp(), total=30)).ljust(60, b"\0"), ETHERNET)
    assert packet.layers == ("ethernet", "ipv4")
    assert stop_of(packet) == ("tcp", 34, "tcp header cut short: 10 of 20 header bytes", True)


def test_total_length_past_the_frame_counts_for_the_payload_and_forbids_the_checksum() -> None:
    segment = segment_of(decoded(ipv4(tcp(payload=b"abcd"), total=1040)))
    assert (segment.payload_len, segment.checksum_ok) == (1000, None)


def test_ipv6_payload_length_bounds_the_packet() -> None:
    packet = decoded(ipv6(TCP6 + b"trailer", length=len(TCP6)))
    assert (packet.payload, segment_of(packet).checksum_ok) == (b"hello", True)


def test_ipv6_payload_length_zero_takes_the_frame() -> None:
    assert segment_of(decoded(ipv6(TCP6, length=0))).payload_len == 5


def test_ipv6_payload_length_past_the_frame() -> None:
    segment = segment_of(decoded(ipv6(TCP6, length=1020)))
    assert (segment.payload_len, segment.checksum_ok) == (1000, None)


@pytest.mark.parametrize("kind", [HOP, DESTINATION, MOBILITY, HIP, SHIM6])
@pytest.mark.parametrize("units", [0, 1, 31])
def test_extension_headers_are_skipped_by_their_length(kind: int, units: int) -> None:
    packet = decoded(ipv6(extension(6, bytes(6 + 8 * units)) + TCP6, following=kind))
    assert packet.layers == ("ipv6", "ipv6-extension", "tcp")
    assert (segment_of(packet).checksum_ok, packet.payload) == (True, b"hello")


@pytest.mark.parametrize("kind", [0, 2])
def test_routing_header_with_segments_left_names_the_real_destination(kind: int) -> None:
    reached = tcp(b"", b"hello", ends=(CLIENT6, FINAL))
    routing = extension(6, struct.pack("!BBI", kind, 1, 0) + FINAL)
    packet = decoded(ipv6(routing + reached, following=ROUTING))
    assert packet.layers == ("ipv6", "ipv6-routing", "tcp")
    assert (segment_of(packet).dst, segment_of(packet).checksum_ok) == (Endpoint(FINAL, 80), True)


@pytest.mark.parametrize(
    ("kind", "left", "addresses"), [(0, 0, FINAL), (2, 0, FINAL), (4, 1, FINAL), (0, 1, b"")], ids=str
)
def test_routing_header_that_changes_nothing(kind: int, left: int, addresses: bytes) -> None:
    routing = extension(6, struct.pack("!BBI", kind, left, 0) + addresses)
    assert segment_of(decoded(ipv6(routing + TCP6, following=ROUTING))).dst == Endpoint(SERVER6, 80)


def test_first_ipv6_fragment_goes_on_unchecked() -> None:
    packet = decoded(ipv6(fragment(6, more=1) + TCP6, following=FRAGMENT))
    assert packet.layers == ("ipv6", "ipv6-fragment", "tcp")
    assert segment_of(packet).checksum_ok is None


def test_atomic_fragment_is_a_whole_packet() -> None:
    assert segment_of(decoded(ipv6(fragment(6) + TCP6, following=FRAGMENT))).checksum_ok


@pytest.mark.parametrize("more", [0, 1])
def test_later_ipv6_fragment_is_counted(more: int) -> None:
    packet = decoded(ipv6(fragment(6, offset=1232, more=more) + bytes(99), following=FRAGMENT))
    assert stop_of(packet) == ("ipv6-fragment", 48, "later IPv6 fragment", False)


def test_chain_of_different_extension_headers() -> None:
    chain = extension(DESTINATION) + extension(ROUTING) + extension(FRAGMENT) + fragment(DESTINATION) + extension(6)
    packet = decoded(ipv6(chain + TCP6, following=HOP))
    assert packet.layers == (
        "ipv6", "ipv6-extension", "ipv6-extension", "ipv6-routing", "ipv6-fragment", "ipv6-extension", "tcp",
    )  # fmt: skip


def test_chain_without_end_is_bounded() -> None:
    packet = decoded(ipv6(extension(HOP) * 5000, following=HOP))
    assert stop_of(packet) == ("link", 40 + 31 * 8, "more than 32 layers", True)


def test_extension_header_past_the_packet_is_a_fault() -> None:
    packet = decoded(ipv6(extension(6, units=30) + TCP6, following=HOP))
    have = 8 + len(TCP6)
    assert packet.layers == ("ipv6",)
    assert stop_of(packet) == (
        "ipv6-extension", 40, f"ipv6-extension header cut short: {have} of 248 header bytes", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "stop"),
    [
        (ipv4(b"", protocol=50), ("ipv4", 20, "ESP", False)),
        (ipv4(b"", protocol=200), ("ipv4", 20, "IP protocol 200", False)),
        (ipv4(extension(6), protocol=HOP), ("ipv4", 20, "IP protocol 0", False)),
        (ipv6(b"", following=NO_NEXT), ("ipv6", 40, "no next header", False)),
        (ipv6(extension(50), following=HOP), ("ipv6-extension", 48, "ESP", False)),
    ],
)
def test_other_protocols_are_counted_and_no_fault(data: bytes, stop: tuple[str, int, str, bool]) -> None:
    assert stop_of(decoded(data)) == stop


@pytest.mark.parametrize(
    ("length", "payload_len", "payload"),
    [(12, 4, b"abcd"), (10, 2, b"ab"), (8, 0, b""), (0, 4, b"abcd"), (7, 4, b"abcd"), (900, 4, b"abcd")],
    ids=["right", "shorter", "empty", "zero", "less than the header", "past the packet"],
)
def test_udp_length_counts_where_it_makes_sense(length: int, payload_len: int, payload: bytes) -> None:
    packet = decoded(ipv4(udp(b"abcd", length=length), protocol=UDP))
    assert packet.layers == ("ipv4", "udp")
    assert (datagram_of(packet).payload_len, packet.payload) == (payload_len, payload)
    assert (datagram_of(packet).src.port, datagram_of(packet).dst.port) == (40000, 53)


def test_udp_payload_cut_by_the_snapshot_length_keeps_its_length() -> None:
    whole = ipv4(udp(bytes(500)), protocol=UDP)
    packet = decoded(whole[:40], orig_len=len(whole))
    assert (datagram_of(packet).payload_len, len(packet.payload)) == (500, 12)


def test_udp_header_cut_by_its_packet() -> None:
    packet = decoded(ipv4(udp(), protocol=UDP, total=24).ljust(60, b"\0"))
    assert stop_of(packet) == ("udp", 20, "udp header cut short: 4 of 8 header bytes", True)


def test_ping_is_no_error() -> None:
    packet = decoded(ipv4(b"\x08\0\0\0\0\1\0\1", protocol=ICMP))
    assert (packet.layers, stop_of(packet)) == (("ipv4", "icmp"), ("icmp", 20, "ICMP that is no error", False))


def test_the_class_of_service_is_told() -> None:
    """DSCP 46 (expedited forwarding) and ECT(0): the upper six and the lower two bits (RFC 2474 §3, RFC 3168 §5)."""
    for hosts in (("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")):
        segment = packets.tcp(hosts, (1, 2), seq=1, flags=2)
        data = packets.ethernet(packets.ip(hosts, packets.TCP, segment, ecn=46 << 2 | 2))
        found = decode(packets.frame(1, 0, data)).transport
        assert isinstance(found, Segment)
        assert (found.dscp, found.ecn) == (46, 2)
