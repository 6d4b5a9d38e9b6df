"""One TCP segment behind every link header and inside every tunnel that is decoded, byte by byte with `struct`.

`tests/oracle/test_decode_tshark.py` shows the same frames to tshark, so that these bytes are not only our own idea.
"""

from __future__ import annotations

import struct
import zlib
from ipaddress import ip_address
from typing import NamedTuple

from handshake.model.packet import Tag
from tests.unit.wire.wire_bytes import CLIENT6, SERVER6, UDP, ethernet, extension, ipv4, ipv6, tcp, udp

V4 = ipv4(tcp(payload=b"hello"))
V6 = ipv6(tcp(payload=b"hello", ends=(CLIENT6, SERVER6)))
OUTER = ip_address("192.0.2.1").packed, ip_address("192.0.2.2").packed
OUTER6 = ip_address("2001:db8::1").packed, ip_address("2001:db8::2").packed
BRIDGED = ethernet(V4)
CHECKED = zlib.crc32(BRIDGED).to_bytes(4, "little")
"""Frame check sequence of BRIDGED."""
WIRED = bytes.fromhex("001b21000002 001b21000001 0800") + V4
"""Ethernet with addresses that a maker assigned: tshark recognises pseudowires by them."""
SNAP = bytes.fromhex("aaaa03 000000")
PPP_V4, PPP_V6 = b"\x00\x21" + V4, b"\x00\x57" + V6


class Case(NamedTuple):
    """A frame with V4 or V6 in it."""

    linktype: int
    data: bytes
    layers: tuple[str, ...]
    """Layers before the IP packet."""
    tags: tuple[Tag, ...] = ()

    @property
    def header(self) -> int:
        """Bytes before the IP packet; -1 where it stands there compressed."""
        return max(self.data.find(V4), self.data.find(V6))


def carried(protocol: int, payload: bytes) -> bytes:
    """Ethernet and an outer IPv4 packet."""
    return ethernet(ipv4(payload, protocol=protocol, ends=OUTER))


def in_udp(port: int, payload: bytes) -> bytes:
    return carried(UDP, udp(payload, ports=(50000 + port, port)))


def label(number: int, bottom: int = 1) -> bytes:
    return struct.pack("!I", number << 12 | bottom << 8 | 64)


def pppoe(payload: bytes, session: int = 0x1234, code: int = 0, version: int = 0x11) -> bytes:
    return struct.pack("!BBHH", version, code, session, len(payload)) + payload


def gre(protocol: int, payload: bytes, flags: int = 0, fields: bytes = b"") -> bytes:
    return struct.pack("!HH", flags, protocol) + fields + payload


def dot11(control: int, flags: int, tail: bytes = b"", body: bytes = SNAP + b"\x08\x00" + V4) -> bytes:
    """An 802.11 data header of three addresses and what more its flags ask for."""
    return struct.pack("<BBH", control, flags, 44) + bytes(range(0x10, 0x22)) + b"\x10\x00" + tail + body


def radiotap(fields: bytes, *present: int) -> bytes:
    return struct.pack(f"<BBH{len(present)}I", 0, 0, 4 + 4 * len(present) + len(fields), *present) + fields


def nflog(order: str, payload: bytes) -> bytes:
    header = struct.pack(order + "HH", 8, 1) + b"\x08\x00\x03\x00"
    prefix = struct.pack(order + "HH", 6, 10) + b"x\0\0\0"
    return (
        b"\x02\x00\x00\x05"
        + header
        + prefix
        + struct.pack(order + "HH", 4 + len(payload), 9)
        + payload
        + bytes(-len(payload) % 4)
    )


def juniper(flags: int, *parts: bytes) -> bytes:
    return b"MGC" + bytes([flags]) + b"".join(parts)


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def ends(kind: str, number: int | None = None, outer: tuple[bytes, bytes] = OUTER) -> Tag:
    return Tag(kind, number, outer)


IN_IP, IN_UDP = ("ethernet", "ipv4"), ("ethernet", "ipv4", "udp")
MACS = bytes.fromhex("020000000002 020000000001")
FDDI = b"\x50" + MACS
TOKEN_RING = b"\x10\x40" + MACS[:6]
SNAP4, SNAP6 = SNAP + b"\x08\x00" + V4, SNAP + b"\x86\xdd" + V6
SLL, SLL2 = "!HHH8sH", "!HHIHBB8s"
ADDRESS = b"\2\0\0\0\0\1\0\0"

LINKS = {
    "802.3 LLC SNAP": Case(1, ethernet(SNAP4, len(SNAP4)), ("ethernet", "llc", "snap")),
    "802.3 LLC with IP's own access point": Case(1, ethernet(b"\x06\x06\x03" + V4, 3 + len(V4)), ("ethernet", "llc")),
    "802.3 SNAP of 802.1H": Case(
        1, ethernet(bytes.fromhex("aaaa03 0000f8 86dd") + V6, 8 + len(V6)), ("ethernet", "llc", "snap")
    ),
    "802.3 behind a VLAN tag": Case(
        1,
        ethernet(struct.pack("!HH", 7, len(SNAP6)) + SNAP6, 0x8100),
        ("ethernet", "vlan", "llc", "snap"),
        (Tag("vlan", 7),),
    ),
    "jumbo LLC": Case(1, ethernet(SNAP4, 0x8870), ("ethernet", "llc", "snap")),
    "HSR": Case(1, ethernet(b"\x00\x40\x00\x01\x08\x00" + V4, 0x892F), ("ethernet", "hsr")),
    "R-TAG": Case(1, ethernet(b"\x00\x00\x00\x01\x08\x00" + V4, 0xF1C1), ("ethernet", "r-tag")),
    "VN-TAG": Case(1, ethernet(b"\x00\x01\x00\x02\x08\x00" + V4, 0x8926), ("ethernet", "vn-tag")),
    "E-TAG": Case(1, ethernet(bytes(6) + b"\x86\xdd" + V6, 0x893F), ("ethernet", "e-tag")),
    "MACsec, integrity only": Case(
        1, ethernet(b"\x00\x00\x00\x00\x00\x01\x08\x00" + V4 + bytes(16), 0x88E5), ("ethernet", "macsec")
    ),
    "MACsec with channel": Case(
        1,
        ethernet(b"\x20\x00\x00\x00\x00\x01" + bytes(8) + b"\x08\x00" + V4 + bytes(16), 0x88E5),
        ("ethernet", "macsec"),
    ),
    "PBB": Case(
        1, ethernet(b"\x00\x01\x02\x03" + BRIDGED, 0x88E7), ("ethernet", "pbb", "ethernet"), (Tag("pbb", 0x10203),)
    ),
    "TRILL": Case(1, ethernet(b"\x00\x3f\x00\x02\x00\x01" + BRIDGED, 0x22F3), ("ethernet", "trill", "ethernet")),
    "TRILL with options": Case(
        1, ethernet(b"\x00\x7f\x00\x02\x00\x01" + bytes(4) + BRIDGED, 0x22F3), ("ethernet", "trill", "ethernet")
    ),
    "FabricPath": Case(
        1,
        ethernet(b"\x00\x60" + BRIDGED, 0x8903),
        ("ethernet", "fabricpath", "ethernet"),
    ),
    "Broadcom tag": Case(281, MACS + b"\x20\0\0\1\x08\x00" + V4, ("ethernet", "brcm-tag")),
    "Broadcom tag prepended": Case(282, b"\x20\0\0\1" + BRIDGED, ("brcm-tag", "ethernet")),
    "DSA, untagged": Case(284, MACS + b"\xc0\x08\x00\x05\x08\x00" + V4, ("ethernet", "dsa")),
    "DSA, tagged": Case(284, MACS + b"\xe0\x08\x20\x05\x86\xdd" + V6, ("ethernet", "dsa"), (Tag("vlan", 5),)),
    "EDSA, tagged": Case(
        285, MACS + b"\xda\xda\0\0\x60\x08\x0f\xff\x08\x00" + V4, ("ethernet", "edsa"), (Tag("vlan", 4095),)
    ),
    "mPacket, express": Case(274, b"\x55" * 7 + b"\xd5" + BRIDGED + CHECKED, ("mpacket", "ethernet")),
    "netANALYZER": Case(240, b"\x00\x04\x3f\x00" + BRIDGED + CHECKED, ("netanalyzer", "ethernet")),
    "netANALYZER with preamble": Case(
        241, b"\x00\x04\x47\x00" + b"\x55" * 7 + b"\xd5" + BRIDGED + CHECKED, ("netanalyzer", "ethernet")
    ),
    "Ethernet PON": Case(259, bytes.fromhex("d55555800100") + BRIDGED, ("epon", "ethernet")),
    "Ethernet PON, seven bytes": Case(259, bytes.fromhex("55d55555800100") + BRIDGED, ("epon", "ethernet")),
    "FDDI": Case(10, FDDI + SNAP4, ("fddi", "llc", "snap")),
    "token ring": Case(6, TOKEN_RING + MACS[6:] + SNAP4, ("token-ring", "llc", "snap")),
    "token ring with route": Case(
        6, TOKEN_RING + b"\x82" + MACS[7:] + b"\x06\x30\0\1\0\2" + SNAP6, ("token-ring", "llc", "snap")
    ),
    "Fibre Channel": Case(122, b"\x10\0" + MACS[:6] + b"\x10\0" + MACS[6:] + SNAP4, ("fc-ip", "llc", "snap")),
    "FireWire": Case(138, bytes(range(16)) + b"\x08\x00" + V4, ("ieee1394",)),
    "InfiniBand": Case(242, bytes(range(40)) + b"\x86\xdd\0\0" + V6, ("ipoib",)),
    "ARCnet, RFC 1051": Case(7, b"\x01\x02\xf0" + V4, ("arcnet",)),
    "ARCnet, RFC 1201": Case(7, b"\x01\x02\xd4\x00\x00\x07" + V4, ("arcnet",)),
    "ARCnet, RFC 1201 exception": Case(7, b"\x01\x02\xd4\xff\xff\xff\xd4\x00\x00\x07" + V4, ("arcnet",)),
    "ARCnet IPv6": Case(7, b"\x01\x02\xc4\x00\x00\x07" + V6, ("arcnet",)),
    "ARCnet of Linux, RFC 1051": Case(129, b"\x01\x02\0\0\xf0" + V4, ("arcnet",)),
    "ARCnet of Linux, RFC 1201": Case(129, b"\x01\x02\0\0\xd4\x00\x00\x07" + V4, ("arcnet",)),
    "SunATM": Case(123, b"\x02\x01\x00\x64" + SNAP4, ("sunatm", "llc", "snap"), (Tag("vpi", 1), Tag("vci", 100))),
    **{f"ATM {number}, LLC": Case(number, SNAP4, ("llc", "snap")) for number in (11, 100)},
    "ATM, bridged": Case(100, bytes.fromhex("aaaa03 0080c2 0007 0000") + BRIDGED, ("llc", "snap", "ethernet")),
    "ATM, IP alone": Case(100, V4, ()),
    **{f"classical IP {number}": Case(number, V4, ()) for number in (19, 106)},
    "classical IP with LLC": Case(106, SNAP4, ("llc", "snap")),
    "802.11": Case(105, dot11(0x08, 0x01), ("802.11", "llc", "snap")),
    "802.11 QoS": Case(105, dot11(0x88, 0x02, b"\x05\0"), ("802.11", "llc", "snap")),
    "802.11 QoS with HT control": Case(105, dot11(0x88, 0x81, b"\x05\0" + bytes(4)), ("802.11", "llc", "snap")),
    "802.11 of four addresses": Case(105, dot11(0x08, 0x03, MACS[:6]), ("802.11", "llc", "snap")),
    "802.11 with check sequence": Case(
        127, radiotap(b"\x10", 2) + dot11(0x08, 0x01) + bytes(4), ("radiotap", "802.11", "llc", "snap")
    ),
    "radiotap": Case(127, radiotap(b"", 0) + dot11(0x08, 0x01), ("radiotap", "802.11", "llc", "snap")),
    "radiotap, padded header": Case(
        127,
        radiotap(bytes(12) + b"\x20", 0x80000003, 0) + dot11(0x88, 0x01, b"\0\0\0\0"),
        ("radiotap", "802.11", "llc", "snap"),
    ),
    "PPI": Case(
        192, struct.pack("<BBHI", 0, 0, 12, 105) + bytes(4) + dot11(0x08, 0x01), ("ppi", "802.11", "llc", "snap")
    ),
    "PPI with Ethernet": Case(192, struct.pack("<BBHI", 0, 0, 8, 1) + BRIDGED, ("ppi", "ethernet")),
    "AVS": Case(
        163, struct.pack("!II", 0x80211001, 64) + bytes(56) + dot11(0x08, 0x01), ("avs", "802.11", "llc", "snap")
    ),
    "Prism": Case(
        119, struct.pack("<II", 0x44, 144) + bytes(136) + dot11(0x08, 0x01), ("prism", "802.11", "llc", "snap")
    ),
    "AVS under the number of Prism": Case(
        119, struct.pack("!II", 0x80211002, 64) + bytes(56) + dot11(0x08, 0x01), ("avs", "802.11", "llc", "snap")
    ),
    "cooked, LLC": Case(113, struct.pack(SLL, 0, 1, 6, ADDRESS, 4) + SNAP4, ("sll", "llc", "snap")),
    "cooked, PPP": Case(113, struct.pack(SLL, 0, 512, 0, ADDRESS, 7) + b"\xff\x03" + PPP_V4, ("sll", "ppp")),
    "cooked, GRE device": Case(113, struct.pack(SLL, 0, 778, 4, ADDRESS, 0x86DD) + V6, ("sll",)),
    "cooked, radiotap": Case(
        113,
        struct.pack(SLL, 0, 803, 6, ADDRESS, 0x0003) + radiotap(b"\x00", 2) + dot11(0x08, 0x01),
        ("sll", "radiotap", "802.11", "llc", "snap"),
    ),
    "cooked, Frame Relay": Case(
        113,
        struct.pack(SLL, 0, 770, 2, ADDRESS, 0x0019) + b"\x18\x41\x03\xcc" + V4,
        ("sll", "frame-relay"),
        (Tag("dlci", 100),),
    ),
    "cooked 2, LLC": Case(276, struct.pack(SLL2, 4, 0, 3, 1, 0, 6, ADDRESS) + SNAP6, ("sll2", "llc", "snap")),
    "OpenBSD enc": Case(109, struct.pack("<III", 2, 0x11, 6) + V4, ("enc",)),
    "OpenBSD enc, big-endian, IPv6": Case(109, struct.pack("!III", 24, 0x11, 6) + V6, ("enc",)),
    "pflog": Case(117, b"\x3d\x02" + bytes(62) + V4, ("pflog",)),
    "pflog IPv6": Case(117, b"\x40\x18" + bytes(62) + V6, ("pflog",)),
    "ipnet": Case(226, b"\x01\x02\0\0" + struct.pack("!I", len(V4)) + bytes(16) + V4, ("ipnet",)),
    "ipnet IPv6": Case(226, b"\x01\x1a\0\0" + struct.pack("!I", len(V6)) + bytes(16) + V6, ("ipnet",)),
    "NFLOG": Case(239, nflog("<", V4), ("nflog",)),
    "NFLOG, big-endian": Case(239, nflog(">", V4), ("nflog",)),
    "PKTAP": Case(258, struct.pack("<III", 108, 1, 1) + bytes(96) + BRIDGED, ("pktap", "ethernet")),
    "SLIP": Case(8, b"\x01" + bytes(15) + V4, ("slip",)),
    "BSD/OS SLIP, 16 bytes": Case(102, b"\x01" + bytes(15) + V4, ("slip",)),
    "BSD/OS SLIP, 24 bytes": Case(15, b"\x01" + bytes(23) + V6, ("slip",)),
    "Cisco HDLC": Case(104, b"\x0f\x00\x08\x00" + V4, ("chdlc",)),
    "Cisco HDLC, broadcast": Case(104, b"\x8f\x00\x86\xdd" + V6, ("chdlc",)),
    "Cisco HDLC with direction": Case(205, b"\x01\x0f\x00\x08\x00" + V4, ("chdlc",)),
    "Cisco HDLC under the number of PPP": Case(50, b"\x0f\x00\x08\x00" + V4, ("chdlc",)),
    "PPPoE device": Case(51, pppoe(PPP_V4), ("pppoe", "ppp"), (Tag("pppoe", 0x1234),)),
    "PPP multilink": Case(9, b"\xff\x03\x00\x3d\xc0\0\0\1" + PPP_V4, ("ppp", "ppp-multilink", "ppp")),
    "PPP bridging": Case(9, b"\xff\x03\x00\x31\x00\x01" + BRIDGED, ("ppp", "ppp-bridged", "ethernet")),
    "Frame Relay": Case(107, b"\x18\x41\x03\xcc" + V4, ("frame-relay",), (Tag("dlci", 100),)),
    "Frame Relay IPv6": Case(107, b"\x18\x41\x03\x8e" + V6, ("frame-relay",), (Tag("dlci", 100),)),
    "Frame Relay SNAP": Case(107, b"\x18\x41\x03\x00\x80" + SNAP4[3:], ("frame-relay", "snap"), (Tag("dlci", 100),)),
    "Frame Relay PPP": Case(107, b"\x18\x41\x03\xcf" + PPP_V4, ("frame-relay", "ppp"), (Tag("dlci", 100),)),
    "Frame Relay bridged": Case(
        107,
        b"\x18\x41\x03\x00\x80" + bytes.fromhex("0080c2 0007") + BRIDGED,
        ("frame-relay", "snap", "ethernet"),
        (Tag("dlci", 100),),
    ),
    "Frame Relay of Cisco": Case(107, b"\x18\x41\x08\x00" + V4, ("frame-relay",), (Tag("dlci", 100),)),
    "Frame Relay, address of 3 bytes": Case(
        107, b"\x18\x40\x15\x03\xcc" + V4, ("frame-relay",), (Tag("dlci", 100 << 6 | 5),)
    ),
    "Frame Relay, address of 4 bytes": Case(
        107, b"\x18\x40\x06\x15\x03\xcc" + V4, ("frame-relay",), (Tag("dlci", (100 << 7 | 3) << 6 | 5),)
    ),
    "Frame Relay with direction": Case(206, b"\x00\x18\x41\x03\xcc" + V4, ("frame-relay",), (Tag("dlci", 100),)),
    "MPLS device": Case(219, label(16) + V4, ("mpls",), (Tag("mpls", 16),)),
    "ERF Ethernet": Case(
        175,
        bytes(8) + b"\x02\x04" + struct.pack("!HHH", 18 + len(BRIDGED), 0, len(BRIDGED)) + b"\0\0" + BRIDGED,
        ("erf", "ethernet"),
    ),
    "ERF, any record": Case(
        197,
        bytes(8) + b"\x02\x04" + struct.pack("!HHH", 18 + len(BRIDGED), 0, len(BRIDGED)) + b"\0\0" + BRIDGED,
        ("erf", "ethernet"),
    ),
    "ERF PPP": Case(
        176,
        bytes(8) + b"\x01\x04" + struct.pack("!HHH", 20 + len(V4), 0, 4 + len(V4)) + b"\xff\x03" + PPP_V4,
        ("erf", "ppp"),
    ),
    "ERF Cisco HDLC": Case(
        197,
        bytes(8) + b"\x01\x04" + struct.pack("!HHH", 20 + len(V4), 0, 4 + len(V4)) + b"\x0f\0\x08\0" + V4,
        ("erf", "chdlc"),
    ),
    "ERF IPv4, two extensions": Case(
        197,
        bytes(8)
        + b"\x96\x04"
        + struct.pack("!HHH", 32 + len(V4), 0, len(V4))
        + b"\x83"
        + bytes(7)
        + b"\x03"
        + bytes(7)
        + V4,
        ("erf",),
    ),
    "ERF IPv6": Case(197, bytes(8) + b"\x17\x04" + struct.pack("!HHH", 16 + len(V6), 0, len(V6)) + V6, ("erf",)),
    **{
        f"Juniper {number}": Case(number, juniper(1, head, content), ("juniper", *layers), tags)
        for number, head, content, layers, tags in (
            (178, b"", BRIDGED, ("ethernet",), ()),
            (167, b"", BRIDGED, ("ethernet",), ()),
            (179, b"\xff\x03", PPP_V4, ("ppp",), ()),
            (180, b"", b"\x18\x41\x03\xcc" + V4, ("frame-relay",), (Tag("dlci", 100),)),
            (181, b"", b"\x0f\x00\x08\x00" + V4, ("chdlc",), ()),
            (168, b"\x88\x64", pppoe(PPP_V4), ("pppoe", "ppp"), (Tag("pppoe", 0x1234),)),
            (137, b"\x01\0\0\1", SNAP4, ("llc", "snap"), ()),
            (135, bytes(8), PPP_V4, ("ppp",), ()),
            (130, b"\0\1", PPP_V4, ("ppp",), ()),
            (131, b"\0\1", b"\x03\xcc" + V4, (), ()),
            (133, b"\0\0\2\0\0\0\0\0", V4, (), ()),
            (136, bytes(8), V4, (), ()),
            (164, bytes(8), V6, (), ()),
            (134, b"\0\0\0\1", b"\x03\xcc" + V4, (), ()),
            (132, b"\0\1\x40\x03" + bytes(12), V4, (), ()),
        )
    },
    "Juniper, extensions": Case(178, juniper(0x81, b"\0\x06\x01\x04\0\0\0\1", BRIDGED), ("juniper", "ethernet")),
    "Juniper, no link header": Case(178, juniper(3, b"\0\0\0\2", V4), ("juniper",)),
    "Juniper cookie of adaptive services": Case(130, juniper(1, b"\x47" + bytes(7), V4), ("juniper",)),
    "Juniper cookie of link services": Case(130, juniper(1, b"\x54\0\0\1", PPP_V4), ("juniper", "ppp")),
}

ERSPAN2 = struct.pack("!HHI", 1 << 12 | 5, 0x155, 0)
ERSPAN3 = struct.pack("!HHIHH", 2 << 12 | 5, 0x155, 0, 0, 0)
AYIYA = b"\x44\x52\x11\x29" + bytes(4) + bytes(range(16)) + bytes(20)
CAPWAP = b"\x00\x10\x02\x00\0\0\0\0"
CAPWAP_NATIVE = b"\x00\x10\x03\x00\0\0\0\0"

TUNNELS = {
    "MPLS": Case(1, ethernet(label(16) + V4, 0x8847), ("ethernet", "mpls"), (Tag("mpls", 16),)),
    "MPLS multicast, IPv6": Case(
        1, ethernet(label(1048575) + V6, 0x8848), ("ethernet", "mpls"), (Tag("mpls", 1048575),)
    ),
    "MPLS, two labels": Case(
        1,
        ethernet(label(100, 0) + label(200) + V4, 0x8847),
        ("ethernet", "mpls", "mpls"),
        (Tag("mpls", 100), Tag("mpls", 200)),
    ),
    "MPLS in PPP": Case(9, b"\xff\x03\x02\x81" + label(7) + V4, ("ppp", "mpls"), (Tag("mpls", 7),)),
    "MPLS pseudowire": Case(1, ethernet(label(9) + WIRED, 0x8847), ("ethernet", "mpls", "ethernet"), (Tag("mpls", 9),)),
    "MPLS pseudowire with control word": Case(
        1, ethernet(label(9) + bytes(4) + WIRED, 0x8847), ("ethernet", "mpls", "ethernet"), (Tag("mpls", 9),)
    ),
    "MPLS pseudowire whose address begins like IPv4": Case(
        1,
        ethernet(label(9) + b"\x44" + WIRED[1:], 0x8847),
        ("ethernet", "mpls", "ethernet"),
        (Tag("mpls", 9),),
    ),
    "MPLS in IP": Case(1, carried(137, label(5) + V4), (*IN_IP, "mpls"), (ends("mpls", 5),)),
    "MPLS in UDP": Case(1, in_udp(6635, label(5) + V4), (*IN_UDP, "mpls"), (ends("mpls", 5),)),
    "PPPoE": Case(1, ethernet(pppoe(PPP_V4), 0x8864), ("ethernet", "pppoe", "ppp"), (Tag("pppoe", 0x1234),)),
    "PPPoE IPv6 behind two VLAN tags": Case(
        1,
        ethernet(b"\x00\x64\x81\x00\x00\x2a\x88\x64" + pppoe(PPP_V6), 0x88A8),
        ("ethernet", "vlan", "vlan", "pppoe", "ppp"),
        (Tag("vlan", 100), Tag("vlan", 42), Tag("pppoe", 0x1234)),
    ),
    "GRE": Case(1, carried(47, gre(0x0800, V4)), (*IN_IP, "gre"), (ends("gre"),)),
    "GRE with checksum, key, sequence": Case(
        1, carried(47, gre(0x86DD, V6, 0xB000, struct.pack("!HHII", 0, 0, 77, 5))), (*IN_IP, "gre"), (ends("gre", 77),)
    ),
    "GRE with source route": Case(
        1,
        carried(47, gre(0x0800, V4, 0x4000, bytes(4) + b"\x08\0\0\x04" + OUTER[0] + bytes(4))),
        (*IN_IP, "gre"),
        (ends("gre"),),
    ),
    "GRE in IPv6": Case(
        1,
        ethernet(ipv6(gre(0x0800, V4), following=47, ends=OUTER6), 0x86DD),
        ("ethernet", "ipv6", "gre"),
        (ends("gre", None, OUTER6),),
    ),
    "GRE bridging": Case(
        1,
        carried(47, gre(0x6558, BRIDGED, 0x2000, struct.pack("!I", 5001 << 8 | 3))),
        (*IN_IP, "gre", "ethernet"),
        (ends("gre", 5001 << 8 | 3),),
    ),
    "GRE with MPLS": Case(
        1, carried(47, gre(0x8847, label(3) + V4)), (*IN_IP, "gre", "mpls"), (ends("gre"), Tag("mpls", 3))
    ),
    "GRE with PPP": Case(1, carried(47, gre(0x880B, PPP_V4)), (*IN_IP, "gre", "ppp"), (ends("gre"),)),
    "GRE in UDP": Case(1, in_udp(4754, gre(0x0800, V4, 0x2000, b"\0\0\0\x07")), (*IN_UDP, "gre"), (ends("gre", 7),)),
    "WCCP 1": Case(1, carried(47, gre(0x883E, V4)), (*IN_IP, "gre"), (ends("gre"),)),
    "WCCP 2": Case(1, carried(47, gre(0x883E, b"\0\1\2\3" + V4)), (*IN_IP, "gre"), (ends("gre"),)),
    "ERSPAN I": Case(1, carried(47, gre(0x88BE, BRIDGED)), (*IN_IP, "gre", "erspan", "ethernet"), (ends("erspan"),)),
    "ERSPAN II": Case(
        1,
        carried(47, gre(0x88BE, ERSPAN2 + BRIDGED, 0x1000, bytes(4))),
        (*IN_IP, "gre", "erspan", "ethernet"),
        (ends("erspan", 0x155),),
    ),
    "ERSPAN III": Case(
        1,
        carried(47, gre(0x22EB, ERSPAN3 + BRIDGED, 0x1000, bytes(4))),
        (*IN_IP, "gre", "erspan", "ethernet"),
        (ends("erspan", 0x155),),
    ),
    "ERSPAN III with subheader": Case(
        1,
        carried(47, gre(0x22EB, ERSPAN3[:-1] + b"\x01" + bytes(8) + BRIDGED, 0x1000, bytes(4))),
        (*IN_IP, "gre", "erspan", "ethernet"),
        (ends("erspan", 0x155),),
    ),
    "ERSPAN III with IP": Case(
        1,
        carried(47, gre(0x22EB, ERSPAN3[:-2] + b"\x08\x00" + V4, 0x1000, bytes(4))),
        (*IN_IP, "gre", "erspan"),
        (ends("erspan", 0x155),),
    ),
    "PPTP": Case(
        1,
        carried(47, gre(0x880B, b"\xff\x03" + PPP_V4, 0x3081, struct.pack("!HHII", 4 + len(V4), 99, 5, 6))),
        (*IN_IP, "gre", "ppp"),
        (ends("pptp", 99),),
    ),
    **{f"IPv4 in IPv4, {number}": Case(1, carried(number, V4), IN_IP, (ends("4in4"),)) for number in (4, 94)},
    "IPv6 in IPv4": Case(1, carried(41, V6), IN_IP, (ends("6in4"),)),
    "IPv4 in IPv6": Case(
        1, ethernet(ipv6(V4, following=4, ends=OUTER6), 0x86DD), ("ethernet", "ipv6"), (ends("4in6", None, OUTER6),)
    ),
    "IPv6 in IPv6 behind options": Case(
        1,
        ethernet(ipv6(extension(41, b"\x01\x04\0\0\0\0") + V6, following=60, ends=OUTER6), 0x86DD),
        ("ethernet", "ipv6", "ipv6-extension"),
        (ends("6in6", None, OUTER6),),
    ),
    "Ethernet in IPv6": Case(
        1,
        ethernet(ipv6(BRIDGED, following=143, ends=OUTER6), 0x86DD),
        ("ethernet", "ipv6", "ethernet"),
        (ends("ethernet-in-ip", None, OUTER6),),
    ),
    "EtherIP": Case(1, carried(97, b"\x30\x00" + BRIDGED), (*IN_IP, "etherip", "ethernet"), (ends("etherip"),)),
    "AH, tunnel": Case(
        1,
        carried(51, b"\x04\x04\0\0" + struct.pack("!II", 0xABCDEF01, 7) + bytes(12) + V4),
        (*IN_IP, "ah"),
        (Tag("ah", 0xABCDEF01), ends("4in4")),
    ),
    "IPComp": Case(1, carried(108, b"\x04\0\0\2" + deflated(V4 * 2)), (*IN_IP, "ipcomp"), (ends("4in4"),)),
    "L2TP": Case(
        1,
        in_udp(1701, struct.pack("!HHH", 0x0002, 5, 6) + b"\xff\x03" + PPP_V4),
        (*IN_UDP, "l2tp", "ppp"),
        (ends("l2tp", 5), Tag("session", 6)),
    ),
    "L2TP with length, sequence, offset": Case(
        1,
        in_udp(
            1701, struct.pack("!HHHHHHH", 0x4A02, 18 + len(PPP_V6), 5, 6, 1, 2, 2) + bytes(2) + b"\xff\x03" + PPP_V6
        ),
        (*IN_UDP, "l2tp", "ppp"),
        (ends("l2tp", 5), Tag("session", 6)),
    ),
    "L2TPv3 in IP": Case(
        1,
        carried(115, struct.pack("!I", 4711) + BRIDGED),
        (*IN_IP, "l2tpv3", "ethernet"),
        (ends("l2tpv3", 4711),),
    ),
    "L2TPv3 in IP, cookie and sublayer": Case(
        1,
        carried(115, struct.pack("!I", 4711) + bytes(range(0x81, 0x8D)) + BRIDGED),
        (*IN_IP, "l2tpv3", "ethernet"),
        (ends("l2tpv3", 4711),),
    ),
    "L2TPv3 in UDP": Case(
        1,
        in_udp(1701, struct.pack("!HHI", 3, 0, 4711) + b"\xff\x03" + PPP_V4),
        (*IN_UDP, "l2tpv3", "ppp"),
        (ends("l2tpv3", 4711),),
    ),
    "VXLAN": Case(
        1,
        in_udp(4789, struct.pack("!II", 0x08000000, 4711 << 8) + BRIDGED),
        (*IN_UDP, "vxlan", "ethernet"),
        (ends("vxlan", 4711),),
    ),
    "VXLAN of Linux, group policy": Case(
        1,
        in_udp(8472, struct.pack("!II", 0x88000007, 4711 << 8) + BRIDGED),
        (*IN_UDP, "vxlan", "ethernet"),
        (ends("vxlan", 4711),),
    ),
    **{
        f"VXLAN-GPE, next {number}": Case(
            1,
            in_udp(4790, struct.pack("!II", 0x0C000000 | number, 9 << 8) + content),
            (*IN_UDP, "vxlan-gpe", *layers),
            (ends("vxlan-gpe", 9), *tags),
        )
        for number, content, layers, tags in (
            (1, V4, (), ()),
            (2, V6, (), ()),
            (3, BRIDGED, ("ethernet",), ()),
            (4, b"\x0f\xc6\x01\x03\x00\x00\x2a\xff" + bytes(16) + BRIDGED, ("nsh", "ethernet"), (Tag("nsh", 42),)),
            (5, label(8) + V4, ("mpls",), (Tag("mpls", 8),)),
        )
    },
    "NSH": Case(1, ethernet(b"\x0f\xc2\x02\x01\x00\x00\x2a\xff" + V4, 0x894F), ("ethernet", "nsh"), (Tag("nsh", 42),)),
    "Geneve": Case(
        1,
        in_udp(6081, b"\x00\x00\x65\x58\x00\x12\x67\x00" + BRIDGED),
        (*IN_UDP, "geneve", "ethernet"),
        (ends("geneve", 4711),),
    ),
    "Geneve with options": Case(
        1,
        in_udp(6081, b"\x02\x40\x08\x00\x00\x12\x67\x00" + b"\x01\x02\x80\x01\0\0\0\1" + V4),
        (*IN_UDP, "geneve"),
        (ends("geneve", 4711),),
    ),
    "GTP": Case(
        1, in_udp(2152, struct.pack("!BBHI", 0x30, 255, len(V4), 0xABCD) + V4), (*IN_UDP, "gtp"), (ends("gtp", 0xABCD),)
    ),
    "GTP with sequence": Case(
        1,
        in_udp(2152, struct.pack("!BBHIHBB", 0x32, 255, len(V4) + 4, 0xABCD, 1, 0, 0) + V4),
        (*IN_UDP, "gtp"),
        (ends("gtp", 0xABCD),),
    ),
    "GTP with two extensions": Case(
        1,
        in_udp(
            2152,
            struct.pack("!BBHIHBB", 0x34, 255, len(V4) + 16, 0xABCD, 0, 0, 0x85)
            + b"\x01\x10\x05\xc0"
            + b"\x02\0\0\0\0\0\0\0"
            + V4,
        ),
        (*IN_UDP, "gtp"),
        (ends("gtp", 0xABCD),),
    ),
    "GTP 0": Case(
        1,
        in_udp(3386, struct.pack("!BBHHH", 0x1E, 255, len(V4), 1, 0x77) + b"\0\xff\xff\xff" + bytes(8) + V4),
        (*IN_UDP, "gtp"),
        (ends("gtp", 0x77),),
    ),
    "Teredo": Case(1, in_udp(3544, V6), (*IN_UDP, "teredo"), (ends("teredo"),)),
    "Teredo with origin": Case(1, in_udp(3544, b"\0\0\x12\x34\1\2\3\4" + V6), (*IN_UDP, "teredo"), (ends("teredo"),)),
    "Teredo with authentication and origin": Case(
        1,
        in_udp(3544, b"\0\1\2\3idabc" + bytes(9) + b"\0\0\x12\x34\1\2\3\4" + V6),
        (*IN_UDP, "teredo"),
        (ends("teredo"),),
    ),
    "AYIYA": Case(1, in_udp(5072, AYIYA + V6), (*IN_UDP, "ayiya"), (ends("ayiya"),)),
    "CAPWAP, Ethernet": Case(1, in_udp(5247, CAPWAP + BRIDGED), (*IN_UDP, "capwap", "ethernet"), (ends("capwap"),)),
    "CAPWAP, 802.11": Case(
        1,
        in_udp(5247, CAPWAP_NATIVE + dot11(0x08, 0x01)),
        (*IN_UDP, "capwap", "802.11", "llc", "snap"),
        (ends("capwap"),),
    ),
    "CAPWAP, 802.11 with bytes swapped": Case(
        1,
        in_udp(5247, CAPWAP_NATIVE + dot11(0x02, 0x88, b"\x05\0")),
        (*IN_UDP, "capwap", "802.11", "llc", "snap"),
        (ends("capwap"),),
    ),
    "five tunnels": Case(
        1,
        in_udp(4789, struct.pack("!II", 0x08000000, 1 << 8) + carried(47, gre(0x0800, ipv4(V6, protocol=41)))),
        (*IN_UDP, "vxlan", *IN_IP, "gre", "ipv4"),
        (
            ends("vxlan", 1),
            ends("gre"),
            Tag("6in4", None, (ip_address("10.0.0.1").packed, ip_address("10.0.0.2").packed)),
        ),
    ),
}
