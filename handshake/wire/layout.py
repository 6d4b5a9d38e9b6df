"""Header layouts: every field of every header is written down once, here and nowhere else.

A `Layout` names the fields of a fixed header in wire order with their `struct` codes (integers are big-endian
but where `order` is `<`). `read` is the scalar reader: one header, Python ints; `write` is its twin. A column
reader needs nothing more than `offset_of` and the codes (`H` is numpy's `>u2`, `I` is `>u4`, `4s` is `V4`).
Fields narrower than a byte boundary are taken out of their word by the `bits` functions below the
layouts; they use only `>>` and `&`, so that they work on ints and on numpy arrays alike.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


class TooShortError(Exception):
    """A header does not fit into the bytes that are left. Never leaves the room `wire`."""

    def __init__(self, layer: str, at: int, needed: int, have: int) -> None:
        super().__init__(f"{have} of {needed} header bytes")
        self.layer = layer
        self.at = at


class Layout:
    """The fixed part of a header: field names and `struct` codes in wire order."""

    __slots__ = ("_places", "_unpack_from", "fields", "name", "order", "size")

    def __init__(self, name: str, *fields: tuple[str, str], order: str = "!") -> None:
        compiled = struct.Struct(order + "".join(code for _, code in fields))
        self.name = name
        self.fields = fields
        self.order = order
        self.size = compiled.size
        self._unpack_from = compiled.unpack_from
        self._places: dict[str, tuple[struct.Struct, int]] = {}
        at = 0
        for field, code in fields:
            place = struct.Struct(order + code)
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

    def column_type(self) -> np.dtype[np.void]:
        """The type of one header in an array: its fields by name, integers in wire order; numpy is loaded only here."""
        import numpy

        order = "<" if self.order == "<" else ">"
        formats = [
            f"V{code[:-1]}" if code.endswith("s") else f"{order}u{struct.calcsize(code)}" for _, code in self.fields
        ]
        names = [name for name, _ in self.fields]
        offsets = [self.offset_of(name) for name in names]
        return numpy.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": self.size})

    def offset_of(self, field: str) -> int:
        """Offset of a field from the start of the header, bytes."""
        return self._places[field][1]


ETHERNET = Layout("ethernet", ("dst", "6s"), ("src", "6s"), ("ethertype", "H"))
ETHERTYPE = Layout("ethertype", ("ethertype", "H"))
VLAN = Layout("vlan", ("tci", "H"), ("ethertype", "H"))  # IEEE 802.1Q
PBB = Layout("pbb", ("flags_isid", "I"))  # IEEE 802.1ah, I-TAG
VNTAG = Layout("vn-tag", ("tag", "I"), ("ethertype", "H"))
ETAG = Layout("e-tag", ("tag", "6s"), ("ethertype", "H"))  # IEEE 802.1BR
HSR = Layout("hsr", ("path_size", "H"), ("sequence", "H"), ("ethertype", "H"))  # IEC 62439-3
RTAG = Layout("r-tag", ("reserved", "H"), ("sequence", "H"), ("ethertype", "H"))  # IEEE 802.1CB
MACSEC = Layout("macsec", ("tci_an", "B"), ("short_length", "B"), ("packet_number", "I"))  # IEEE 802.1AE
TRILL = Layout("trill", ("flags_options_hops", "H"), ("egress", "H"), ("ingress", "H"))  # RFC 6325 §3.2
FABRICPATH = Layout("fabricpath", ("ftag_ttl", "H"))
BROADCOM_TAG = Layout("brcm-tag", ("tag", "I"))
BROADCOM = Layout("brcm-tag", *ETHERNET.fields[:2], *BROADCOM_TAG.fields, ETHERNET.fields[2])
DSA = Layout("dsa", *ETHERNET.fields[:2], ("tag", "I"), ETHERNET.fields[2])
EDSA = Layout("edsa", *ETHERNET.fields[:2], ("tag_ethertype", "H"), ("reserved", "H"), ("tag", "I"), ETHERNET.fields[2])
MPACKET = Layout("mpacket", ("preamble", "6s"), ("continuation", "B"), ("start", "B"))  # IEEE 802.3br §99.3
LLC = Layout("llc", ("dsap", "B"), ("ssap", "B"), ("control", "B"))  # IEEE 802.2
SNAP = Layout("snap", ("oui", "3s"), ("protocol", "H"))  # RFC 1042
NLPID = Layout("nlpid", ("nlpid", "B"))  # ISO/IEC TR 9577
FDDI = Layout("fddi", ("frame_control", "B"), ("dst", "6s"), ("src", "6s"))
TOKEN_RING = Layout(
    "token-ring", ("access_control", "B"), ("frame_control", "B"), ("dst", "6s"), ("src_first", "B"), ("src", "5s")
)  # IEEE 802.5
TOKEN_RING_ROUTE = Layout("token-ring", ("control", "H"))
FIBRE_CHANNEL_IP = Layout("fc-ip", ("dst", "8s"), ("src", "8s"))  # RFC 2625 §3.2
IEEE1394_IP = Layout("ieee1394", ("dst", "8s"), ("src", "8s"), ("ethertype", "H"))
IPOIB = Layout("ipoib", ("dst", "20s"), ("src", "20s"), ("ethertype", "H"), ("reserved", "H"))  # RFC 4391 §6
ARCNET = Layout("arcnet", ("src", "B"), ("dst", "B"), ("type", "B"))  # RFC 1051
ARCNET_LINUX = Layout("arcnet", ("src", "B"), ("dst", "B"), ("offset", "H"), ("type", "B"))
ARCNET_SPLIT = Layout("arcnet", ("split", "B"), ("sequence", "H"))  # RFC 1201
SUNATM = Layout("sunatm", ("flags", "B"), ("vpi", "B"), ("vci", "H"))
DOT11_CONTROL = Layout("802.11", ("frame_control", "B"), ("flags", "B"))  # IEEE 802.11 §9.2.4
DOT11 = Layout(
    "802.11",
    *DOT11_CONTROL.fields,
    ("duration", "H"),
    ("addresses", "18s"),
    ("sequence_control", "H"),
    order="<",
)
RADIOTAP = Layout("radiotap", ("version", "B"), ("pad", "B"), ("length", "H"), ("present", "I"), order="<")
PPI = Layout("ppi", ("version", "B"), ("flags", "B"), ("length", "H"), ("dlt", "I"), order="<")
AVS = Layout("avs", ("cookie", "I"), ("length", "I"))
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
PFLOG = Layout("pflog", ("length", "B"), ("family", "B"))
NFLOG = Layout("nflog", ("family", "B"), ("version", "B"), ("resource", "H"))
PKTAP = Layout("pktap", ("length", "I"), ("next", "I"), ("dlt", "I"), order="<")
CHDLC = Layout("chdlc", ("address", "B"), ("control", "B"), ("protocol", "H"))  # RFC 1547 §4.3.1
PPPOE = Layout("pppoe", ("version_type", "B"), ("code", "B"), ("session", "H"), ("length", "H"))  # RFC 2516 §4
PPP_MULTILINK = Layout("ppp-multilink", ("flags_sequence", "I"))  # RFC 1990 §3
PPP_BRIDGED = Layout("ppp-bridged", ("flags", "B"), ("mac_type", "B"))  # RFC 3518 §4.2
JUNIPER = Layout("juniper", ("magic", "3s"), ("flags", "B"))
JUNIPER_EXTENSIONS = Layout("juniper", ("size", "H"))
ERF = Layout("erf", ("timestamp", "8s"), ("type", "B"), ("flags", "B"), ("record", "H"), ("lost", "H"), ("length", "H"))
MPLS = Layout("mpls", ("label_tc_s_ttl", "I"))  # RFC 3032 §2.1
GRE = Layout("gre", ("flags_version", "H"), ("protocol", "H"))  # RFC 2784 §2.1
GRE_WORD = Layout("gre", ("word", "I"))  # checksum and offset, key, sequence number: RFC 1701, RFC 2890 §2
GRE_ROUTE = Layout("gre", ("family", "H"), ("offset", "B"), ("length", "B"))  # RFC 1701, source route entry
PPTP = Layout("pptp", ("length", "H"), ("call", "H"))  # RFC 2637 §4.1, in place of the key
ERSPAN2 = Layout("erspan", ("version_vlan", "H"), ("flags_session", "H"), ("index", "I"))
ERSPAN3 = Layout("erspan", *ERSPAN2.fields[:2], ("timestamp", "I"), ("sgt", "H"), ("tail", "H"))
ETHERIP = Layout("etherip", ("version_reserved", "H"))  # RFC 3378 §3
AH = Layout(
    "ah", ("next_header", "B"), ("length", "B"), ("reserved", "H"), ("spi", "I"), ("sequence", "I")
)  # RFC 4302 §2
IPCOMP = Layout("ipcomp", ("next_header", "B"), ("flags", "B"), ("parameter_index", "H"))  # RFC 3173 §3
L2TP = Layout("l2tp", ("flags_version", "H"))  # RFC 2661 §3.1
L2TP_IDS = Layout("l2tp", ("tunnel", "H"), ("session", "H"))
L2TP_WORD = Layout("l2tp", ("word", "H"))  # length, offset size
L2TPV3 = Layout("l2tpv3", ("session", "I"))  # RFC 3931 §4.1.1
L2TPV3_UDP = Layout("l2tpv3", ("flags_version", "H"), ("reserved", "H"), ("session", "I"))  # RFC 3931 §4.1.2
VXLAN = Layout("vxlan", ("flags", "B"), ("group_flags", "B"), ("group", "H"), ("vni_reserved", "I"))  # RFC 7348 §5
VXLAN_GPE = Layout("vxlan-gpe", ("flags", "B"), ("reserved", "H"), ("next", "B"), ("vni_reserved", "I"))
GENEVE = Layout(
    "geneve", ("version_size", "B"), ("flags", "B"), ("protocol", "H"), ("vni_reserved", "I")
)  # RFC 8926 §3.4
NSH = Layout("nsh", ("version_ttl_size", "H"), ("md_type", "B"), ("next", "B"), ("path_index", "I"))  # RFC 8300 §2.2
GTP = Layout("gtp", ("flags", "B"), ("type", "B"), ("length", "H"), ("teid", "I"))  # 3GPP TS 29.281 §5.1
GTP_OPTIONAL = Layout("gtp", ("sequence", "H"), ("n_pdu", "B"), ("next_extension", "B"))
GTP0 = Layout(
    "gtp", ("flags", "B"), ("type", "B"), ("length", "H"), ("sequence", "H"), ("flow_label", "H"), ("tid", "12s")
)  # 3GPP TS 09.60 §6
TEREDO_AUTHENTICATION = Layout(
    "teredo", ("indicator", "H"), ("id_length", "B"), ("value_length", "B")
)  # RFC 4380 §5.1.1
AYIYA = Layout(
    "ayiya",
    ("id_size_type", "B"),
    ("signature_size_method", "B"),
    ("authentication_opcode", "B"),
    ("next_header", "B"),
    ("epoch", "I"),
)  # draft-massar-v6ops-ayiya-02 §3
CAPWAP = Layout(
    "capwap", ("preamble", "B"), ("size", "B"), ("ids", "B"), ("flags", "B"), ("fragment", "H"), ("offset", "H")
)  # RFC 5415 §4.3
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


def vlan_id(tci: int) -> int:
    """VLAN of a tag; 0 is none."""
    return tci & 0xFFF


def token_ring_route_size(control: int) -> int:
    """Bytes of a source route, its control field included."""
    return control >> 8 & 0x1F


def dot11_fragment(sequence_control: int) -> int:
    """Number of a fragment, 0 for the first."""
    return sequence_control & 0xF


def trill_options_size(flags_options_hops: int) -> int:
    """Bytes of options behind the fixed TRILL header."""
    return (flags_options_hops >> 6 & 0x1F) << 2


def mpls_label(label_tc_s_ttl: int) -> int:
    """The label, 20 bits."""
    return label_tc_s_ttl >> 12


def mpls_bottom(label_tc_s_ttl: int) -> int:
    """S flag: 1 in the last entry of the stack."""
    return label_tc_s_ttl >> 8 & 1


def erspan_version(version_vlan: int) -> int:
    """1 for type II, 2 for type III."""
    return version_vlan >> 12


def erspan_session(flags_session: int) -> int:
    """Session of the mirror, 10 bits."""
    return flags_session & 0x3FF


def ah_size(length: int) -> int:
    """Bytes of an authentication header whose length field counts 4-byte units beyond the first two."""
    return (length + 2) << 2


def geneve_options_size(version_size: int) -> int:
    """Bytes of options behind the fixed header."""
    return (version_size & 0x3F) << 2


def nsh_size(version_ttl_size: int) -> int:
    """Bytes of the whole header."""
    return (version_ttl_size & 0x3F) << 2


def ayiya_size(id_size_type: int, signature_size_method: int) -> int:
    """Bytes of the whole header: fixed part, identity, signature."""
    return AYIYA.size + (1 << (id_size_type >> 4)) + (signature_size_method >> 4 << 2)


def capwap_size(size: int) -> int:
    """Bytes of the whole header."""
    return size >> 3 << 2


def capwap_fragment_offset(offset: int) -> int:
    """Fragment offset in bytes."""
    return offset & 0xFFF8


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
