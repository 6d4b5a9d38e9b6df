"""Random packets built by scapy: every field of ours equals the one that scapy put in."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, Never

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.config import conf
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop
from scapy.layers.l2 import Dot1Q, Ether

from handshake.model import options as kinds
from handshake.model.packet import ACK, Datagram, Frame, Packet, Segment, Tag
from handshake.wire.decode import decode

ETHERNET, RAW = 1, 101
U8, U16, U32 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32))

V4 = st.ip_addresses(v=4).map(str)
V6 = st.ip_addresses(v=6).map(str)
NETWORKS = st.one_of(
    st.builds(
        IP, src=V4, dst=V4, tos=U8, id=U16, ttl=U8, flags=st.sampled_from([0, "DF"]),
        options=st.sampled_from([[], [b"\x01\x01\x01\x00"], [b"\x94\x04\x00\x00"]]),
    ),
    st.builds(IPv6, src=V6, dst=V6, tc=U8, fl=st.integers(0, 2**20 - 1), hlim=U8),
    st.builds(
        lambda head, *extensions: head / extensions[0] / extensions[1],
        st.builds(IPv6, src=V6, dst=V6, hlim=U8),
        st.just(IPv6ExtHdrHopByHop()),
        st.just(IPv6ExtHdrDestOpt()),
    ),
)  # fmt: skip
MACS: Any = {"dst": "02:00:00:00:00:02", "src": "02:00:00:00:00:01"}
"""Both given, for without them scapy asks the network."""
LINKS = st.sampled_from(
    [
        None,
        Ether(**MACS),
        Ether(**MACS) / Dot1Q(vlan=7),
        Ether(**MACS, type=0x88A8) / Dot1Q(vlan=9) / Dot1Q(vlan=4000),
    ]
)

OPTIONS = st.one_of(
    st.just(("NOP", None)),
    st.tuples(st.just("MSS"), U16),
    st.tuples(st.just("WScale"), U8),
    st.just(("SAckOK", b"")),
    st.tuples(st.just("Timestamp"), st.tuples(U32, U32)),
    st.tuples(st.just("SAck"), st.tuples(U32, U32)),
    st.tuples(st.just("UTO"), U16),
    st.tuples(st.just("TFO"), st.tuples(U32, U32)),
    st.tuples(st.just("MD5"), st.binary(min_size=16, max_size=16).map(lambda digest: (digest,))),
    st.tuples(st.sampled_from([30, 69, 172, 253]), st.sampled_from([b"", b"abc", b"abcdef"])),
)
"""Options as scapy takes them."""

BODY_SIZES = {
    "NOP": -1, "MSS": 2, "WScale": 1, "SAckOK": 0, "Timestamp": 8, "SAck": 8, "UTO": 2, "TFO": 8, "MD5": 16,
}  # fmt: skip
KINDS = {
    "NOP": kinds.NOP, "MSS": kinds.MSS, "WScale": kinds.WSCALE, "SAckOK": kinds.SACK_PERMITTED, "SAck": kinds.SACK,
    "Timestamp": kinds.TIMESTAMPS, "UTO": kinds.USER_TIMEOUT, "TFO": kinds.TFO, "MD5": kinds.MD5,
}  # fmt: skip


def option_size(option: tuple[Any, Any]) -> int:
    name, value = option
    return 2 + (BODY_SIZES[name] if name in BODY_SIZES else len(value))


OPTION_LISTS = st.lists(OPTIONS, max_size=6).filter(lambda chosen: sum(map(option_size, chosen)) <= 40)
TCP_HEADERS = st.builds(
    TCP, sport=U16, dport=U16, seq=U32, ack=U32, flags=st.integers(0, 511), window=U16, urgptr=U16,
    reserved=st.integers(0, 7), options=OPTION_LISTS,
)  # fmt: skip
PAYLOADS = st.binary(max_size=50)


@pytest.fixture(autouse=True, scope="module")
def _ask_nobody() -> Iterator[None]:
    """Building a packet must not send one: scapy would resolve a missing MAC address by ARP."""

    def refuse(*_: object) -> Never:
        raise AssertionError("scapy was about to ask the network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conf.neighbor, "resolve", refuse)
        yield


def stacked(link: Any, network: Any, transport: Any, payload: bytes) -> tuple[Any, Packet]:
    """The packet as scapy dissects its own bytes, and as we do."""
    packet = network / transport / payload
    if link is not None:
        packet = link / packet
    data = bytes(packet)
    linktype = RAW if link is None else ETHERNET
    return packet.__class__(data), decode(Frame(1, 0, linktype, data, len(data)))


def check_network(theirs: Any, packet: Packet, ours: Segment | Datagram) -> None:
    network = theirs[IP] if IP in theirs else theirs[IPv6]
    assert ours.src.address == ip_address(network.src).packed
    assert ours.dst.address == ip_address(network.dst).packed
    vlans = [layer.vlan for layer in theirs.iterpayloads() if isinstance(layer, Dot1Q)]
    assert ours.tags == tuple(Tag("vlan", vlan) for vlan in vlans)
    assert packet.stop is None


@settings(deadline=None)
@given(LINKS, NETWORKS, TCP_HEADERS, PAYLOADS)
def test_every_tcp_field(link: Any, network: Any, header: Any, payload: bytes) -> None:
    theirs, packet = stacked(link, network, header, payload)
    ours = packet.transport
    assert isinstance(ours, Segment)
    check_network(theirs, packet, ours)
    tcp = theirs[TCP]
    assert (ours.src.port, ours.dst.port, ours.seq, ours.ack_raw) == (tcp.sport, tcp.dport, tcp.seq, tcp.ack)
    assert (ours.flags, ours.reserved) == (int(tcp.flags), tcp.reserved)
    assert (ours.wnd, ours.urgent) == (tcp.window, tcp.urgptr)
    assert ours.ack == (tcp.ack if tcp.flags.A else None)
    assert (ours.flags & ACK != 0) == bool(tcp.flags.A)
    assert ours.checksum_ok
    assert ours.payload_len == len(payload)
    assert packet.payload == payload
    if IP in theirs:
        assert (ours.ttl, ours.ecn, ours.ip_id) == (theirs[IP].ttl, theirs[IP].tos & 3, theirs[IP].id)
    else:
        assert (ours.ttl, ours.ecn, ours.ip_id) == (theirs[IPv6].hlim, theirs[IPv6].tc & 3, None)


@settings(deadline=None)
@given(OPTION_LISTS)
def test_every_option_in_wire_order(chosen: list[tuple[Any, Any]]) -> None:
    _, packet = stacked(None, IP(), TCP(options=chosen), b"")
    ours = packet.transport
    assert isinstance(ours, Segment)
    assert not ours.faults
    padding = (-sum(map(option_size, chosen))) % 4
    found = [option for option in ours.options.items if option.kind != kinds.EOL]
    assert [option.kind for option in found] == [KINDS.get(name, name) for name, _ in chosen]
    assert [len(option.data) + 2 for option in found] == [max(option_size(option), 2) for option in chosen]
    assert len(ours.options.items) - len(found) == (padding > 0)
    last = dict(reversed(chosen))
    assert ours.options.mss == last.get("MSS")
    assert ours.options.wscale_shift == last.get("WScale")
    assert ours.options.sack_permitted == ("SAckOK" in last)
    assert (ours.options.tsval, ours.options.tsecr) == last.get("Timestamp", (None, None))
    assert ours.options.md5 == ("MD5" in last)
    assert ours.options.accecn == (172 in last)


@settings(deadline=None)
@given(LINKS, NETWORKS, U16, U16, PAYLOADS)
def test_every_udp_field(link: Any, network: Any, sport: int, dport: int, payload: bytes) -> None:
    theirs, packet = stacked(link, network, UDP(sport=sport, dport=dport), payload)
    ours = packet.transport
    assert isinstance(ours, Datagram)
    check_network(theirs, packet, ours)
    assert (ours.src.port, ours.dst.port, ours.payload_len) == (sport, dport, theirs[UDP].len - 8)
    assert packet.payload == payload
