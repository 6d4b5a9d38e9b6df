"""Random tunnels built by scapy: ours finds the same TCP header inside and the same identifiers around it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, Never

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.config import conf
from scapy.contrib.erspan import ERSPAN_I, ERSPAN_II, ERSPAN_III
from scapy.contrib.etherip import EtherIP
from scapy.contrib.geneve import GENEVE, GeneveOptions
from scapy.contrib.gtp import GTP_U_Header
from scapy.contrib.mpls import MPLS
from scapy.contrib.nsh import NSH
from scapy.layers.dot11 import Dot11, Dot11QoS, RadioTap
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import AH
from scapy.layers.l2 import GRE, LLC, SNAP, CookedLinux, CookedLinuxV2, Dot1Q, Dot3, Ether
from scapy.layers.l2tp import L2TP
from scapy.layers.ppi import PPI
from scapy.layers.ppp import HDLC, PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import NoPayload

from handshake.model.packet import Frame, Segment, Tag
from handshake.wire.decode import decode
from tests.oracle.test_decode_scapy import MACS, PAYLOADS, TCP_HEADERS, U8, U16, U32, V4, V6

ETHERNET, PPP_LINK, DOT11, SLL, RADIOTAP, PPI_LINK, SLL2 = 1, 9, 105, 113, 127, 192, 276
Stack = tuple[Any, Any, bytes]
"""Inner IP header, TCP header, payload."""
U20, U24 = (st.integers(0, 2**bits - 1) for bits in (20, 24))
INNER = st.one_of(st.builds(IP, src=V4, dst=V4, ttl=U8, id=U16), st.builds(IPv6, src=V6, dst=V6, hlim=U8))
STACKS = st.tuples(INNER, TCP_HEADERS, PAYLOADS)
OUTER = st.one_of(st.builds(IP, src=V4, dst=V4), st.builds(IPv6, src=V6, dst=V6))


@pytest.fixture(autouse=True, scope="module")
def _ask_nobody() -> Iterator[None]:
    """Building a packet must not send one: scapy would resolve a missing MAC address by ARP."""

    def refuse(*_: object) -> Never:
        raise AssertionError("scapy was about to ask the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conf.neighbor, "resolve", refuse)
        yield


def wire(layer: Any) -> Any:
    """A fresh copy with a payload-free header: hypothesis hands out the same object again."""
    return layer.copy()


def content(stack: Stack) -> Any:
    """The IP packet inside."""
    inner, tcp, payload = stack
    return wire(inner) / wire(tcp) / payload


def version(inner: Any) -> int:
    return 4 if isinstance(inner, IP) else 6


def kind(inner: Any) -> int:
    return 0x0800 if version(inner) == 4 else 0x86DD


def check(linktype: int, head: Any, stack: Stack, *tags: Tag) -> None:
    """The frame `head / inner / tcp / payload` as scapy writes it, read by us; the TCP fields as scapy reads them."""
    inner, _, payload = stack
    packet = content(stack)
    data = bytes(wire(head) / packet)
    theirs = packet.__class__(bytes(packet))[TCP]
    ours = decode(Frame(1, 0, linktype, data, len(data)))
    segment = ours.transport
    assert isinstance(segment, Segment), (ours, data.hex())
    assert segment.tags == tags
    assert (segment.src.address, segment.dst.address) == tuple(
        ip_address(name).packed for name in (inner.src, inner.dst)
    )
    assert (segment.src.port, segment.dst.port) == (theirs.sport, theirs.dport)
    assert (segment.seq, segment.ack_raw, segment.wnd) == (theirs.seq, theirs.ack, theirs.window)
    assert (segment.flags, segment.payload_len, ours.payload) == (int(theirs.flags), len(payload), payload)
    assert segment.checksum_ok


def ends(outer: Any, name: str, number: int | None = None) -> Tag:
    first, last = sorted(ip_address(address).packed for address in (outer.src, outer.dst))
    return Tag(name, number, (first, last))


def under(outer: Any, inside: Any, protocol: int | None = None) -> Any:
    """Ethernet, the outer IP header and what it carries; its protocol number where scapy does not set it."""
    head = wire(outer)
    if protocol is not None:
        head.setfieldval("proto" if version(head) == 4 else "nh", protocol)
    return Ether(**MACS) / head / inside


deep = settings(deadline=None, max_examples=40)


@deep
@given(STACKS, st.none() | st.integers(1, 4095))
def test_llc_and_snap(stack: Stack, vlan: int | None) -> None:
    inside = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0, code=kind(stack[0]))
    if vlan is None:
        check(ETHERNET, Dot3(**MACS) / inside, stack)
    else:
        length = 8 + len(content(stack))
        check(ETHERNET, Ether(**MACS) / Dot1Q(vlan=vlan, type=length) / inside, stack, Tag("vlan", vlan))


@deep
@given(STACKS, st.integers(1, 3), st.booleans(), st.booleans())
def test_dot11(stack: Stack, direction: int, quality: bool, radio: bool) -> None:
    address = MACS["src"]
    head = Dot11(type=2, subtype=8 if quality else 0, FCfield=direction, addr1=address, addr2=address, addr3=address)
    if direction == 3:
        head.addr4 = address
    head = (head / Dot11QoS() if quality else head) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(code=kind(stack[0]))
    check(RADIOTAP if radio else DOT11, RadioTap() / head if radio else head, stack)
    check(PPI_LINK, PPI(dlt=105) / head, stack)


@deep
@given(STACKS)
def test_cooked(stack: Stack) -> None:
    check(SLL, CookedLinux(proto=kind(stack[0])), stack)
    check(SLL2, CookedLinuxV2(proto=kind(stack[0])), stack)


@deep
@given(STACKS, U16)
def test_ppp_and_pppoe(stack: Stack, session: int) -> None:
    ppp = PPP(proto=0x0021 if version(stack[0]) == 4 else 0x0057)
    check(PPP_LINK, HDLC() / ppp, stack)
    length = 2 + len(content(stack))
    head = Ether(**MACS, type=0x8864) / PPPoE(sessionid=session, len=length) / ppp
    check(ETHERNET, head, stack, Tag("pppoe", session))


@deep
@given(STACKS, st.lists(U20, min_size=1, max_size=4))
def test_mpls(stack: Stack, labels: list[int]) -> None:
    head = Ether(**MACS, type=0x8847)
    for position, label in enumerate(labels, 1):
        head = head / MPLS(label=label, s=position == len(labels))
    check(ETHERNET, head, stack, *(Tag("mpls", label) for label in labels))


@deep
@given(OUTER, STACKS, st.none() | U32, st.none() | U32, st.tuples(st.booleans(), st.booleans()))
def test_gre(outer: Any, stack: Stack, key: int | None, sequence: int | None, flags: tuple[bool, bool]) -> None:
    checked, bridged = flags
    fields: dict[str, Any] = {} if key is None else {"key_present": 1, "key": key}
    if sequence is not None:
        fields |= {"seqnum_present": 1, "sequence_number": sequence}
    gre = GRE(proto=0x6558 if bridged else kind(stack[0]), chksum_present=int(checked), **fields)
    head = under(outer, gre / Ether(**MACS) if bridged else gre)
    check(ETHERNET, head, stack, ends(outer, "gre", key))


@deep
@given(OUTER, STACKS, st.integers(0, 1023))
def test_erspan(outer: Any, stack: Stack, session: int) -> None:
    inside = Ether(**MACS)
    check(ETHERNET, under(outer, GRE(proto=0x88BE) / inside), stack, ends(outer, "erspan"))
    for proto, header in ((0x88BE, ERSPAN_II(session_id=session)), (0x22EB, ERSPAN_III(session_id=session))):
        head = under(outer, GRE(proto=proto, seqnum_present=1) / header / inside)
        check(ETHERNET, head, stack, ends(outer, "erspan", session))
    assert len(ERSPAN_I()) == 0


@deep
@given(OUTER, STACKS)
def test_ip_in_ip_and_etherip(outer: Any, stack: Stack) -> None:
    name = f"{version(stack[0])}in{version(outer)}"
    check(ETHERNET, under(outer, NoPayload(), 4 if version(stack[0]) == 4 else 41), stack, ends(outer, name))
    check(ETHERNET, under(outer, EtherIP() / Ether(**MACS), 97), stack, ends(outer, "etherip"))


@deep
@given(OUTER, STACKS, U32, st.sampled_from([12, 16, 20]))
def test_ah(outer: Any, stack: Stack, spi: int, digest: int) -> None:
    header = AH(
        nh=4 if version(stack[0]) == 4 else 41,
        payloadlen=(12 + digest) // 4 - 2,
        spi=spi,
        icv=bytes(digest),
        padding=b"",
    )
    tunnel = ends(outer, f"{version(stack[0])}in{version(outer)}")
    check(ETHERNET, under(outer, header), stack, Tag("ah", spi), tunnel)


@deep
@given(OUTER, STACKS, U24, U16)
def test_vxlan(outer: Any, stack: Stack, vni: int, port: int) -> None:
    head = under(outer, UDP(sport=port, dport=4789) / VXLAN(vni=vni, flags="Instance") / Ether(**MACS))
    check(ETHERNET, head, stack, ends(outer, "vxlan", vni))


@deep
@given(OUTER, STACKS, U24, st.lists(st.integers(0, 31), max_size=3), st.booleans())
def test_geneve(outer: Any, stack: Stack, vni: int, sizes: list[int], bridged: bool) -> None:
    options = [GeneveOptions(classid=1, type=2, length=size, data=bytes(4 * size)) for size in sizes]
    if 4 * sum(size + 1 for size in sizes) > 252:
        options = options[:1]
    geneve = GENEVE(vni=vni, proto=0x6558 if bridged else kind(stack[0]), options=options)
    head = under(outer, UDP(dport=6081) / (geneve / Ether(**MACS) if bridged else geneve))
    check(ETHERNET, head, stack, ends(outer, "geneve", vni))


@deep
@given(OUTER, STACKS, U32, st.none() | U16)
def test_gtp(outer: Any, stack: Stack, teid: int, sequence: int | None) -> None:
    fields: dict[str, Any] = {} if sequence is None else {"S": 1, "seq": sequence}
    head = under(outer, UDP(dport=2152) / GTP_U_Header(teid=teid, gtp_type=255, **fields))
    check(ETHERNET, head, stack, ends(outer, "gtp", teid))


@deep
@given(OUTER, STACKS, U16, U16)
def test_l2tp(outer: Any, stack: Stack, tunnel: int, session: int) -> None:
    ppp = HDLC() / PPP(proto=0x0021 if version(stack[0]) == 4 else 0x0057)
    head = under(outer, UDP(dport=1701) / L2TP(version=2, hdr=0, tunnel_id=tunnel, session_id=session) / ppp)
    check(ETHERNET, head, stack, ends(outer, "l2tp", tunnel), Tag("session", session))


@deep
@given(STACKS, U24, U8)
def test_nsh(stack: Stack, path: int, index: int) -> None:
    head = Ether(**MACS, type=0x894F) / NSH(nextproto=1 if version(stack[0]) == 4 else 2, spi=path, si=index)
    check(ETHERNET, head, stack, Tag("nsh", path))
