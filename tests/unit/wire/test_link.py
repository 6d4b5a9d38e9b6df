"""Every link layer leads to the same TCP segment, or says what it found instead."""

from __future__ import annotations

import struct

import pytest

from handshake.model.address import Endpoint
from handshake.model.packet import Tag
from handshake.wire.registry import LINKS
from tests.unit.wire import encapsulations
from tests.unit.wire.wire_bytes import (
    CLIENT,
    CLIENT6,
    ETHERNET,
    SERVER6,
    decoded,
    ethernet,
    ipv4,
    ipv6,
    segment_of,
    stop_of,
    tcp,
)

V4 = ipv4(tcp())
V6 = ipv6(tcp(ends=(CLIENT6, SERVER6)))
SLL_HEAD = struct.pack("!HHH8s", 0, 1, 6, b"\2\0\0\0\0\1")
SLL2_TAIL = struct.pack("!HIHBB8s", 0, 3, 1, 4, 6, b"\2\0\0\0\0\1")

CASES = {
    "ethernet v4": (1, ethernet(V4), ("ethernet", "ipv4")),
    "ethernet v6": (1, ethernet(V6, 0x86DD), ("ethernet", "ipv6")),
    "null little v4": (0, b"\2\0\0\0" + V4, ("null", "ipv4")),
    "null big v4": (0, b"\0\0\0\2" + V4, ("null", "ipv4")),
    **{f"null little v6, AF {af}": (0, bytes([af, 0, 0, 0]) + V6, ("null", "ipv6")) for af in (10, 23, 24, 28, 30)},
    **{f"null big v6, AF {af}": (0, bytes([0, 0, 0, af]) + V6, ("null", "ipv6")) for af in (10, 23, 24, 28, 30)},
    "loop v4": (108, b"\0\0\0\2" + V4, ("null", "ipv4")),
    "loop v6": (108, b"\0\0\0\x18" + V6, ("null", "ipv6")),
    **{f"raw {number} v4": (number, V4, ("ipv4",)) for number in (12, 14, 101, 228)},
    **{f"raw {number} v6": (number, V6, ("ipv6",)) for number in (12, 14, 101, 229)},
    "sll v4": (113, SLL_HEAD + b"\x08\x00" + V4, ("sll", "ipv4")),
    "sll v6": (113, SLL_HEAD + b"\x86\xdd" + V6, ("sll", "ipv6")),
    "sll2 v4": (276, b"\x08\x00" + SLL2_TAIL + V4, ("sll2", "ipv4")),
    "sll2 v6": (276, b"\x86\xdd" + SLL2_TAIL + V6, ("sll2", "ipv6")),
    "ppp v4": (9, b"\x00\x21" + V4, ("ppp", "ipv4")),
    "ppp v6": (9, b"\x00\x57" + V6, ("ppp", "ipv6")),
    "ppp, protocol compressed": (9, b"\x21" + V4, ("ppp", "ipv4")),
    "ppp v6, protocol compressed": (9, b"\x57" + V6, ("ppp", "ipv6")),
    "ppp, HDLC framing": (9, b"\xff\x03\x00\x21" + V4, ("ppp", "ipv4")),
    "ppp 50": (50, b"\xff\x03\x00\x57" + V6, ("ppp", "ipv6")),
    "ppp with direction": (204, b"\x01\xff\x03\x00\x21" + V4, ("ppp", "ipv4")),
    "ppp with direction, bare": (204, b"\x00\x00\x57" + V6, ("ppp", "ipv6")),
    "pppd in": (166, b"\x00\x03\x00\x21" + V4, ("ppp", "ipv4")),
    "pppd out": (166, b"\x01\x03\x00\x57" + V6, ("ppp", "ipv6")),
}


@pytest.mark.parametrize("name", CASES)
def test_leads_to_the_segment(name: str) -> None:
    linktype, data, layers = CASES[name]
    packet = decoded(data, linktype)
    assert packet.layers == (*layers, "tcp")
    assert packet.stop is None
    segment = segment_of(packet)
    assert (segment.src.port, segment.dst.port, segment.seq, segment.checksum_ok) == (40000, 80, 1000, True)
    assert segment.src == Endpoint(CLIENT if "ipv4" in layers else CLIENT6, 40000)
    assert (segment.number, segment.time_ns) == (packet.number, packet.time_ns) == (5, 1_700_000_000_000_000_001)


def test_every_link_type_is_tried() -> None:
    tried = {linktype for linktype, _, _ in CASES.values()} | {case.linktype for case in encapsulations.LINKS.values()}
    assert tried == set(LINKS)


@pytest.mark.parametrize("name", CASES)
def test_cut_link_header_is_a_fault_of_the_link(name: str) -> None:
    linktype, data, layers = CASES[name]
    header = len(data) - len(V4 if "ipv4" in layers else V6)
    for kept in range(header):
        packet = decoded(data[:kept], linktype, orig_len=len(data))
        layer, _, reason, fault = stop_of(packet)
        assert (packet.layers, layer, fault) == ((), layers[0], True)
        assert reason.startswith(f"{layers[0]} header cut short")


def tag(vlan: int, ethertype: int, priority: int = 0) -> bytes:
    return struct.pack("!HH", priority << 13 | vlan, ethertype)


@pytest.mark.parametrize(
    ("outer", "between", "tags"),
    [
        (0x8100, tag(7, 0x0800), (Tag("vlan", 7),)),
        (0x8100, tag(0, 0x0800, priority=5), ()),
        (0x88A8, tag(100, 0x8100) + tag(42, 0x0800), (Tag("vlan", 100), Tag("vlan", 42))),
        (0x8100, tag(100, 0x8100) + tag(0, 0x0800), (Tag("vlan", 100),)),
        (
            0x9100,
            tag(4095, 0x9200) + tag(1, 0x8100) + tag(2, 0x0800),
            (Tag("vlan", 4095), Tag("vlan", 1), Tag("vlan", 2)),
        ),
    ],
    ids=["802.1Q", "priority only", "QinQ", "QinQ, inner priority only", "three tags"],
)
def test_vlan_tags_are_kept_outermost_first(outer: int, between: bytes, tags: tuple[Tag, ...]) -> None:
    packet = decoded(ethernet(between + V4, outer), ETHERNET)
    assert packet.layers == ("ethernet", *["vlan"] * (len(between) // 4), "ipv4", "tcp")
    assert segment_of(packet).tags == tags


def test_vlan_tag_behind_a_cooked_header() -> None:
    packet = decoded(SLL_HEAD + b"\x81\x00" + tag(9, 0x86DD) + V6, 113)
    assert (packet.layers, segment_of(packet).tags) == (("sll", "vlan", "ipv6", "tcp"), (Tag("vlan", 9),))


def test_tags_without_end_are_bounded() -> None:
    packet = decoded(ethernet(tag(1, 0x8100) * 500, 0x8100), ETHERNET)
    assert stop_of(packet) == ("link", 14 + 31 * 4, "more than 32 layers", True)


@pytest.mark.parametrize(
    ("linktype", "data", "stop"),
    [
        (1, ethernet(bytes(28), 0x0806), ("ethernet", 14, "ARP", False)),
        (1, ethernet(b"\xe0\xe0\x03" + bytes(37), 0x0026), ("llc", 17, "IPX", False)),
        (1, ethernet(bytes(40), 0xABCD), ("ethernet", 14, "EtherType 0xabcd", False)),
        (1, ethernet(tag(1, 0x88CC) + bytes(4), 0x8100), ("vlan", 18, "LLDP", False)),
        (113, SLL_HEAD + b"\x00\x04\xf0\xf0\x03" + bytes(9), ("llc", 19, "NetBIOS", False)),
        (0, b"\7\0\0\0" + bytes(9), ("null", 4, "address family 7", False)),
        (9, b"\xc0\x21" + bytes(9), ("ppp", 2, "PPP LCP", False)),
        (9, b"\xff\x03\x12\x34" + bytes(9), ("ppp", 4, "PPP protocol 0x1234", False)),
        (101, b"\x50" + bytes(40), ("ip", 0, "IP version 5", True)),
        (1, ethernet(V4, 0x86DD), ("ipv6", 14, "IP version 4 where IPv6 was announced", True)),
        (1, ethernet(V6, 0x0800), ("ipv4", 14, "IP version 6 where IPv4 was announced", True)),
        (250, V4, ("link", 0, "RTAC serial (no IP here)", False)),
        (999, V4, ("link", 0, "link type 999", False)),
        (-1, V4, ("link", 0, "link type -1", False)),
    ],
)
def test_says_what_it_found_instead(linktype: int, data: bytes, stop: tuple[str, int, str, bool]) -> None:
    packet = decoded(data, linktype)
    assert stop_of(packet) == stop
    assert packet.transport is None


def test_ethernet_padding_is_no_payload() -> None:
    frame = ethernet(V4).ljust(60, b"\xff")
    packet = decoded(frame, ETHERNET)
    assert (segment_of(packet).payload_len, packet.payload, segment_of(packet).checksum_ok) == (0, b"", True)
