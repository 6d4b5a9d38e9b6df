"""Every link header and every tunnel leads to the same TCP segment; cut, wrong or strange ones say so."""

from __future__ import annotations

import struct
import zlib

import pytest

from handshake.model.packet import Datagram, Tag
from handshake.wire.linktypes import link_name
from tests.unit.wire.encapsulations import (
    BRIDGED,
    ERSPAN2,
    ERSPAN3,
    IN_UDP,
    LINKS,
    OUTER,
    PPP_V4,
    SLL,
    TUNNELS,
    V4,
    V6,
    carried,
    deflated,
    dot11,
    ends,
    gre,
    in_udp,
    juniper,
    label,
    pppoe,
    radiotap,
)
from tests.unit.wire.wire_bytes import (
    ETHERNET,
    ICMP,
    UDP,
    datagram_of,
    decoded,
    error_of,
    ethernet,
    icmp,
    ipv4,
    ipv6,
    segment_of,
    stop_of,
    tcp,
    udp,
)

CASES = LINKS | TUNNELS
BY_CONTENT = (
    "BSD/OS SLIP, 24 bytes", "classical IP with LLC", "MPLS pseudowire", "MPLS pseudowire with control word",
    "L2TPv3 in IP", "L2TPv3 in IP, cookie and sublayer", *(name for name in LINKS if name.startswith("Juniper")),
)  # fmt: skip
"""Where a cut may leave something that is not recognised, instead of a header known to be cut."""


@pytest.mark.parametrize("name", CASES)
def test_leads_to_the_segment(name: str) -> None:
    case = CASES[name]
    packet = decoded(case.data, case.linktype)
    segment = segment_of(packet)
    assert packet.stop is None
    assert packet.layers == (*case.layers, "ipv4" if len(segment.src.address) == 4 else "ipv6", "tcp")
    assert segment.tags == case.tags
    assert (segment.src.port, segment.dst.port, segment.seq, segment.payload_len) == (40000, 80, 1000, 5)
    assert packet.payload == b"hello"
    assert segment.checksum_ok


@pytest.mark.parametrize("name", CASES)
def test_cut_header_is_said_or_leaves_a_datagram(name: str) -> None:
    case = CASES[name]
    whole = decoded(case.data, case.linktype).layers
    for kept in range(max(case.header, 0)):
        packet = decoded(case.data[:kept], case.linktype, orig_len=len(case.data))
        assert packet.layers == whole[: len(packet.layers)]
        if isinstance(packet.transport, Datagram):
            assert packet.stop is None
            assert "udp" in packet.layers
        else:
            layer, offset, reason, fault = stop_of(packet)
            assert packet.transport is None
            assert offset <= kept
            if name not in BY_CONTENT:
                assert fault
                assert "header cut short" in reason
                assert layer in {*whole, "ppp", "prism", "nlpid", "pptp", "wccp"}


E = ETHERNET
AT = 14 + 20  # Ethernet and the outer IPv4 header
SLL_HEAD = struct.pack(SLL, 0, 1, 6, bytes(8), 0)[:-2]


@pytest.mark.parametrize(
    ("linktype", "data", "stop"),
    [
        (E, ethernet(b"\x42\x42\x03" + bytes(35), 38), ("llc", 17, "spanning tree (STP)", False)),
        (
            E,
            ethernet(b"\xaa\xaa\x03\0\0\x0c\x20\x00" + bytes(30), 38),
            ("snap", 22, "SNAP protocol 00-00-0c 0x2000", False),
        ),
        (E, ethernet(b"\xaa\xaa\x03\0\0\0\x08\x06" + bytes(30), 38), ("snap", 22, "ARP", False)),
        (E, ethernet(b"\xfe\xfe\x03\x83" + bytes(30), 34), ("llc", 18, "IS-IS", False)),
        (E, ethernet(bytes(46), 0), ("llc", 14, "llc header cut short: 0 of 3 header bytes", True)),
        (E, ethernet(b"\x08\x00\0\0\0\1" + bytes(40), 0x88E5), ("macsec", 14, "MACsec, encrypted", False)),
        (E, ethernet(b"\x80\x00\0\0\0\1" + bytes(40), 0x88E5), ("macsec", 14, "MACsec version 1", True)),
        (E, ethernet(b"\x40" + bytes(50), 0x22F3), ("trill", 14, "TRILL version 1", True)),
        (274, b"\x55" * 6 + b"\x61\x9a" + bytes(60), ("mpacket", 0, "later part of a preempted frame", False)),
        (274, b"\x55" * 7 + b"\x07" + bytes(60), ("mpacket", 0, "mPacket without a frame", False)),
        (10, b"\x41" + bytes(30), ("fddi", 0, "FDDI frame without LLC", False)),
        (6, b"\x10\x00" + bytes(30), ("token-ring", 0, "token ring frame without LLC", False)),
        (
            6,
            b"\x10\x40" + bytes(6) + b"\x80" + bytes(5) + b"\x01\0",
            ("token-ring", 0, "source route of 1 bytes", True),
        ),
        (7, b"\x01\x02\xd4\x02\x00\x07" + V4, ("arcnet", 6, "later ARCnet fragment", False)),
        (7, b"\x01\x02\xd5\x00\x00\x07" + bytes(20), ("arcnet", 6, "ARP", False)),
        (123, b"\x05\x00\x00\x05" + bytes(20), ("sunatm", 0, "ATM frame without LLC", False)),
        (105, dot11(0x80, 0), ("802.11", 0, "802.11 beacon", False)),
        (105, b"\xd4\0\0\0" + bytes(6), ("802.11", 0, "802.11 acknowledgment", False)),
        (105, dot11(0x0C, 0), ("802.11", 0, "802.11 extension frame", False)),
        (105, dot11(0x09, 0), ("802.11", 0, "802.11 version 1", True)),
        (105, dot11(0x48, 1), ("802.11", 0, "802.11 frame without data", False)),
        (105, dot11(0x08, 0x41), ("802.11", 0, "802.11 data, encrypted", False)),
        (105, dot11(0x88, 1, b"\x80\0"), ("802.11", 0, "802.11 aggregate (A-MSDU)", False)),
        (105, dot11(0x88, 3, bytes(6) + b"\x80\0"), ("802.11", 0, "802.11 aggregate (A-MSDU)", False)),
        (105, dot11(0x08, 1)[:22] + b"\x11\x00" + dot11(0x08, 1)[24:], ("802.11", 0, "later 802.11 fragment", False)),
        (127, b"\x01" + radiotap(b"", 0)[1:], ("radiotap", 0, "radiotap version 1", True)),
        (127, b"\0\0\x07\0" + bytes(20), ("radiotap", 0, "length 7 is less than the header's 8", True)),
        (
            127,
            b"\0\0\xff\xff" + bytes(20),
            ("radiotap", 0, "radiotap header cut short: 24 of 65535 header bytes", True),
        ),
        (192, struct.pack("<BBHI", 1, 0, 8, 105), ("ppi", 0, "PPI version 1", True)),
        (192, struct.pack("<BBHI", 0, 0, 7, 105), ("ppi", 0, "length 7 is less than the header's 8", True)),
        (192, struct.pack("<BBHI", 0, 0, 8, 195), ("ppi", 8, "IEEE 802.15.4", False)),
        (192, struct.pack("<BBHI", 0, 0, 8, 192) * 40, ("link", 8 * 32, "more than 32 layers", True)),
        (163, struct.pack("!II", 1, 64) + bytes(90), ("avs", 0, "AVS header 0x00000001 of length 64", True)),
        (163, struct.pack("!II", 0x80211001, 7) + bytes(90), ("avs", 0, "AVS header 0x80211001 of length 7", True)),
        (113, struct.pack(SLL, 0, 824, 0, bytes(8), 0) + bytes(9), ("sll", 16, "netlink", False)),
        (113, SLL_HEAD + b"\x00\x0c" + bytes(16), ("sll", 16, "CAN (no IP here)", False)),
        (113, SLL_HEAD + b"\x00\x01" + bytes(16), ("sll", 16, "IPX", False)),
        (117, b"\x20\x02" + bytes(90), ("pflog", 0, "length 32 of the pflog header", True)),
        (117, b"\x3d\x11" + bytes(90), ("pflog", 64, "address family 17", False)),
        (239, b"\2\0\0\0" + b"\3\0\1\0" * 20, ("nflog", 4, "NFLOG attribute of length 3", True)),
        (239, b"\2\0\0\0" + b"\4\0\1\0" * 70, ("nflog", 0, "more than 64 NFLOG attributes", True)),
        (258, struct.pack("<III", 11, 1, 1) + bytes(90), ("pktap", 0, "length 11 is less than the header's 12", True)),
        (104, b"\x8f\x00\x80\x35" + bytes(20), ("chdlc", 4, "Cisco SLARP", False)),
        (107, b"\x01\x03\xcc" + V4, ("frame-relay", 0, "address of 1 byte", True)),
        (107, b"\x18\x40\x40\x40\x40" + V4, ("frame-relay", 0, "address of more than 4 bytes", True)),
        (107, b"\x00\x01\x03\x08\x00", ("frame-relay", 4, "Q.933", False)),
        (107, b"\x00\x01\x73\x08\x00", ("frame-relay", 2, "Frame Relay frame without user data", False)),
        (9, b"\xff\x03\x00\x3d\x40\0\0\1" + PPP_V4, ("ppp-multilink", 4, "later PPP multilink fragment", False)),
        (9, b"\xff\x03\x00\x31\x00\x02" + BRIDGED, ("ppp-bridged", 4, "bridged frame that is not Ethernet", False)),
        (9, b"\x00\x2d" + bytes(9), ("ppp", 2, "Van Jacobson compressed TCP", False)),
        (102, b"\x01" + bytes(50), ("slip", 0, "BSD/OS SLIP without an IP packet", False)),
        (178, b"MGD\x01" + BRIDGED, ("juniper", 0, "no Juniper magic number", True)),
        (
            178,
            juniper(0x81, b"\xff\xff", BRIDGED),
            ("juniper", 0, f"juniper header cut short: {6 + len(BRIDGED)} of 65541 header bytes", True),
        ),
        (137, juniper(1, b"\x80\0\0\0", bytes(9)), ("juniper", 8, "Juniper ATM1", False)),
        (197, bytes(8) + b"\x03" + bytes(60), ("erf", 0, "ERF record of type 3", False)),
        (E, ethernet(pppoe(PPP_V4, version=0x21), 0x8864), ("pppoe", 14, "PPPoE version 2 type 1", True)),
        (E, ethernet(pppoe(PPP_V4, code=9), 0x8864), ("pppoe", 14, "PPPoE discovery", False)),
        (E, ethernet(pppoe(b"\xc0\x21" + bytes(8)), 0x8864), ("ppp", 22, "PPP LCP", False)),
        (E, ethernet(bytes(20), 0x8863), ("ethernet", 14, "PPPoE discovery", False)),
        (E, ethernet(label(7) + b"\x10\0\0\x07" + bytes(9), 0x8847), ("mpls", 18, "MPLS associated channel", False)),
        (E, ethernet(label(7) + bytes(40), 0x8847), ("mpls", 18, "MPLS pseudowire of unknown content", False)),
        (
            E,
            ethernet(label(7) + b"\x45" + bytes(9), 0x8847),
            ("ipv4", 18, "ipv4 header cut short: 10 of 20 header bytes", True),
        ),
        (E, carried(47, gre(0x0800, V4, 3)), ("gre", AT, "GRE version 3", True)),
        (E, carried(47, gre(0x0806, bytes(28))), ("gre", AT + 4, "ARP", False)),
        (
            E,
            carried(47, gre(0x0800, b"\x08\0\0\xff", 0x4000, bytes(4))),
            ("gre", AT, "gre header cut short: 12 of 267 header bytes", True),
        ),
        (
            E,
            carried(47, gre(0x0800, V4, 0x2001, bytes(4))),
            ("gre", AT, "GRE version 1 without PPP: EtherType 0x0800", True),
        ),
        (E, carried(47, gre(0x880B, b"", 0x2081, bytes(8))), ("gre", AT + 12, "PPTP acknowledgment", False)),
        (
            E,
            carried(47, gre(0x880B, b"\x00\xfd" + bytes(9), 0x3001, b"\0\x0b\0\7" + bytes(4))),
            ("ppp", AT + 14, "PPP compressed (CCP)", False),
        ),
        (
            E,
            carried(47, gre(0x88BE, b"\x20" + bytes(60), 0x1000, bytes(4))),
            ("erspan", AT + 8, "ERSPAN version 2 where II was announced", True),
        ),
        (
            E,
            carried(47, gre(0x22EB, ERSPAN2 + bytes(60), 0x1000, bytes(4))),
            ("erspan", AT + 8, "ERSPAN version 1 where III was announced", True),
        ),
        (
            E,
            carried(47, gre(0x22EB, ERSPAN3[:-2] + b"\x0c\0" + bytes(9), 0x1000, bytes(4))),
            ("erspan", AT + 20, "ERSPAN frame type 3", False),
        ),
        (
            E,
            carried(47, gre(0x0800, b"\x08\0\0\0" * 99, 0x4000, bytes(4))),
            ("gre", AT, "more than 64 GRE source routes", True),
        ),
        (E, carried(97, b"\x40\x00" + BRIDGED), ("etherip", AT, "EtherIP version 4, reserved bits 0x0", True)),
        (E, carried(51, b"\x06\x00" + bytes(30)), ("ah", AT, "length 8 is less than the header's 12", True)),
        (E, carried(51, b"\x06\xff" + bytes(30)), ("ah", AT, "ah header cut short: 32 of 1028 header bytes", True)),
        (E, carried(51, b"\x32\x04" + bytes(30)), ("ah", AT + 24, "ESP", False)),
        (E, carried(108, b"\x06\0\0\3" + b"\xff" * 30), ("ipcomp", AT + 4, "IPComp, not DEFLATE", False)),
        (E, carried(115, bytes(30)), ("l2tpv3", AT, "L2TPv3 control", False)),
        (E, carried(115, b"\0\0\0\7" + bytes(30)), ("l2tpv3", AT, "L2TPv3 session of unknown content", False)),
        (E, carried(4, V6), ("ipv4", AT, "IP version 6 where IPv4 was announced", True)),
        (E, ethernet(b"\x40\0\1\1" + bytes(20), 0x894F), ("nsh", 14, "NSH version 1 of length 0", True)),
        (E, ethernet(b"\x00\x01\1\1" + bytes(20), 0x894F), ("nsh", 14, "NSH version 0 of length 4", True)),
        (E, ethernet(b"\x00\x02\1\x09" + bytes(20), 0x894F), ("nsh", 14, "NSH next protocol 9", False)),
        (
            E,
            in_udp(4789, struct.pack("!II", 1 << 27, 0) + ethernet(bytes(28), 0x0806)),
            ("ethernet", AT + 30, "ARP", False),
        ),
        (
            E,
            in_udp(6081, b"\x01\0\x65\x58\0\0\0\0" + bytes(4) + ethernet(bytes(28), 0x88CC)),
            ("ethernet", AT + 34, "LLDP", False),
        ),
        (189, bytes(64), ("link", 0, "USB (no IP here)", False)),
        (130, b"MGC\1", ("juniper", 0, "juniper header cut short: 4 of 6 header bytes", True)),
        (194, b"MGC\1", ("link", 0, "Juniper ISM", False)),
        (150, V4, ("link", 0, "private link type 150", False)),
    ],
)
def test_says_what_is_wrong_or_found_instead(linktype: int, data: bytes, stop: tuple[str, int, str, bool]) -> None:
    packet = decoded(data, linktype)
    assert stop_of(packet) == stop
    assert packet.transport is None
    assert packet.payload == b""


def gtp(flags: int, kind: int, rest: bytes = V4, *, length: int | None = None) -> bytes:
    return struct.pack("!BBHI", flags, kind, len(rest) if length is None else length, 1) + rest


@pytest.mark.parametrize(
    ("port", "payload"),
    [
        (4789, b""),
        (4789, bytes(7)),
        (4789, struct.pack("!II", 0, 4711 << 8) + BRIDGED),
        (4789, struct.pack("!II", 0x48000000, 4711 << 8) + BRIDGED),
        (4789, struct.pack("!II", 0x08000000, 4711 << 8 | 1) + BRIDGED),
        (4789, struct.pack("!II", 0x08000000, 4711 << 8) + bytes(13)),
        (4790, struct.pack("!II", 0x08000001, 4711 << 8) + V4),
        (4790, struct.pack("!II", 0x1C000001, 4711 << 8) + V4),
        (4790, struct.pack("!II", 0x0C000009, 4711 << 8) + V4),
        (6081, b"\x40\0\x65\x58\0\0\7\0" + BRIDGED),
        (6081, b"\x00\x01\x65\x58\0\0\7\0" + BRIDGED),
        (6081, b"\x00\0\xab\xcd\0\0\7\0" + BRIDGED),
        (6081, b"\x3f\0\x65\x58\0\0\7\0" + BRIDGED),
        (2152, gtp(0x32, 1, bytes(4))),
        (2152, gtp(0x50, 255)),
        (2152, gtp(0x30, 26)),
        (2152, gtp(0x30, 255, b"\x75" + V4[1:])),
        (2152, gtp(0x34, 255, b"\0\0\0\x85" + b"\x00\0\0\0" + V4)),
        (2152, gtp(0x34, 255, b"\0\0\0\x85" + b"\x01\0\0\x85" * 40 + V4)),
        (2152, gtp(0x34, 255, b"\0\0\0\x85" + b"\xff\0\0\x00" + V4)),
        (3386, b"\x1e\x01" + bytes(18)),
        (3544, V4),
        (3544, ipv6(V6[40:], length=4000)),
        (3544, b"\0\1\xff\xff" + V6),
        (3544, b"\0\1"),
        (5072, b"\x44\x52\x10\x29" + bytes(40) + V6),
        (5072, b"\x44\x52\x11\x11" + bytes(40) + V6),
        (5072, b"\x44\x52\x11\x29" + bytes(39) + V6),
        (1701, struct.pack("!HHHHHH", 0xC802, 12, 5, 0, 0, 0)),
        (1701, struct.pack("!HHH", 0x0001, 5, 6) + b"\xff\x03" + PPP_V4),
        (1701, struct.pack("!HHH", 0x1002, 5, 6) + b"\xff\x03" + PPP_V4),
        (1701, struct.pack("!HHHH", 0x4002, 4000, 5, 6) + b"\xff\x03" + PPP_V4),
        (1701, struct.pack("!HHH", 0x0002, 5, 6) + b"\xff\x03\xab\xcd" + V4),
        (1701, struct.pack("!HHI", 3, 0, 0) + BRIDGED),
        (1701, struct.pack("!HHI", 3, 0, 7) + bytes(40)),
        (6635, label(7, 0) * 50),
        (6635, label(7) + b"\x55" + V4[1:]),
        (4754, gre(0x0800, V4, 0x0001)),
        (4754, gre(0x1234, V4)),
        (5247, b"\x10" + bytes(7) + BRIDGED),
        (5247, b"\x00\x10\x02\x08\0\0\0\0" + bytes(16)),
        (5247, b"\x00\x10\x02\x80\0\0\0\x08" + BRIDGED),
    ],
)
def test_port_of_a_tunnel_is_only_a_hint(port: int, payload: bytes) -> None:
    packet = decoded(in_udp(port, payload), ETHERNET)
    assert (packet.layers, packet.stop) == (IN_UDP, None)
    datagram = datagram_of(packet)
    assert (datagram.src.port, datagram.dst.port, datagram.tags) == (50000 + port, port, ())
    assert (datagram.payload_len, packet.payload) == (len(payload), payload)


def test_tunnel_is_found_by_the_source_port_as_well() -> None:
    packet = decoded(carried(UDP, udp(V6, ports=(3544, 12345))), ETHERNET)
    assert segment_of(packet).tags == (ends("teredo"),)


def test_both_directions_have_the_same_ends() -> None:
    there = decoded(ipv4(V4, protocol=4, ends=OUTER))
    back = decoded(ipv4(V4, protocol=4, ends=(OUTER[1], OUTER[0])))
    assert segment_of(there).tags == segment_of(back).tags == (ends("4in4"),)


def test_same_numbers_elsewhere_are_another_tunnel() -> None:
    one, other = (
        decoded(ipv4(gre(0x0800, V4), protocol=47, ends=(OUTER[0], last))) for last in (b"\1\2\3\4", OUTER[1])
    )
    assert segment_of(one).tags != segment_of(other).tags


def test_datagram_and_icmp_error_inside_a_tunnel_carry_its_tag() -> None:
    packet = decoded(ipv4(ipv4(udp(b"abc"), protocol=UDP), protocol=4, ends=OUTER))
    assert (datagram_of(packet).tags, datagram_of(packet).payload_len, packet.payload) == ((ends("4in4"),), 3, b"abc")
    packet = decoded(ipv4(ipv4(icmp(3, 3, V4), protocol=ICMP), protocol=4, ends=OUTER))
    assert error_of(packet).tags == (ends("4in4"),)


def test_padding_behind_an_802_3_frame_is_out_of_reach() -> None:
    content = b"\xaa\xaa\x03\0\0\0\x08\x00" + ipv4(tcp(), total=0)
    packet = decoded(ethernet(content, len(content)).ljust(90, b"\xff"), ETHERNET)
    assert (segment_of(packet).payload_len, segment_of(packet).checksum_ok) == (0, True)


def test_first_parts_of_what_a_link_fragments_go_on_unchecked() -> None:
    for linktype, data in (
        (105, dot11(0x08, 0x05)),
        (7, b"\x01\x02\xd4\x01\x00\x07" + V4),
        (9, b"\xff\x03\x00\x3d\x80\0\0\1" + PPP_V4),
        (274, b"\x55" * 7 + b"\xe6" + BRIDGED),
        (ETHERNET, in_udp(5247, b"\x00\x10\x02\x80\0\1\0\0" + BRIDGED)),
    ):
        segment = segment_of(decoded(data, linktype))
        assert (segment.seq, segment.checksum_ok) == (1000, None)


def test_first_fragment_of_the_outer_packet_shows_what_it_begins_with() -> None:
    whole = udp(gtp(0x30, 255, ipv4(tcp(payload=bytes(1400)))), ports=(2152, 2152))
    segment = segment_of(decoded(ethernet(ipv4(whole[:600], protocol=UDP, fragment=0x2000, ends=OUTER)), ETHERNET))
    assert (segment.payload_len, segment.checksum_ok, segment.tags) == (1400, None, (ends("gtp", 1),))


def nested(times: int) -> bytes:
    packet = V4
    for _ in range(times):
        packet = ipv4(packet, protocol=4)
    return packet


def test_tunnels_nest_up_to_the_bound_and_stop_there() -> None:
    assert len(segment_of(decoded(nested(30))).tags) == 30
    assert stop_of(decoded(nested(31))) == ("link", 32 * 20, "more than 32 layers", True)
    assert stop_of(decoded(nested(2000))) == ("link", 32 * 20, "more than 32 layers", True)


def test_label_stack_without_bottom_is_bounded() -> None:
    assert stop_of(decoded(ethernet(label(1, 0) * 500, 0x8847), ETHERNET)) == (
        "link",
        14 + 31 * 4,
        "more than 32 layers",
        True,
    )


def test_inflated_packet_is_bounded() -> None:
    bomb = ipv4(tcp(), total=0) + bytes(50_000_000)
    packet = decoded(ipv4(b"\x04\0\0\2" + deflated(bomb), protocol=108))
    assert segment_of(packet).payload_len == 0xFFFF - 40
    assert segment_of(packet).checksum_ok is None


def test_compressed_packet_that_is_cut_shows_what_is_there() -> None:
    noise = zlib.compress(bytes(range(256)) * 8)[:200]
    content = deflated(tcp(payload=noise))
    packet = decoded(ipv4(b"\x06\0\0\2" + content, protocol=108)[:-40], orig_len=24 + len(content))
    assert (packet.layers, segment_of(packet).seq, segment_of(packet).checksum_ok) == (
        ("ipv4", "ipcomp", "tcp"),
        1000,
        None,
    )


def test_names_of_link_types() -> None:
    assert [link_name(number) for number in (1, 189, 150, 9999)] == [
        "Ethernet", "USB (no IP here)", "private link type 150", "link type 9999",
    ]  # fmt: skip


def test_explicit_null_label_is_a_tag_like_any_other() -> None:
    assert segment_of(decoded(ethernet(label(0) + V4, 0x8847), ETHERNET)).tags == (Tag("mpls", 0),)
