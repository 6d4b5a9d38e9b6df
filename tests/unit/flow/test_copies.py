"""Copies of one packet at several interfaces are told from retransmissions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handshake.flow.copies import AT_ONCE_NS, WITHIN_NS, Copies
from handshake.model.packet import ACK, FIN, PSH, RST, SYN, Segment, Tag
from tests.unit.flow.segment_making import SERVER, client, segment

SYN_OF_1 = segment(client(1), SERVER, SYN, 1000)


def test_a_copy_comes_from_another_interface_and_soon() -> None:
    copies = Copies()
    assert copies.seen_at(SYN_OF_1, "br0") is None
    assert copies.seen_at(replace(SYN_OF_1, time_ns=10_000, ttl=63), "eth0") == "br0"
    assert copies.seen_at(replace(SYN_OF_1, time_ns=WITHIN_NS + 1), "eth1") is None


def test_a_retransmission_comes_to_where_the_first_one_came() -> None:
    copies = Copies()
    assert copies.seen_at(SYN_OF_1, "br0") is None
    assert copies.seen_at(replace(SYN_OF_1, time_ns=10), "eth0") == "br0"
    again = 1_000_000_000
    assert copies.seen_at(replace(SYN_OF_1, time_ns=again), "br0") is None
    assert copies.seen_at(replace(SYN_OF_1, time_ns=again + 10), "eth0") == "br0"


def twice(packet: Segment, apart_ns: int, **change: int) -> bool:
    """Whether a packet that comes again at the same place is a copy."""
    copies = Copies()
    copies.seen_at(packet, "eth0")
    return copies.seen_at(replace(packet, time_ns=packet.time_ns + apart_ns, **change), "eth0") is not None  # type: ignore[arg-type]


def test_at_one_place_the_identification_tells_a_copy() -> None:
    identified = replace(SYN_OF_1, ip_id=7)
    assert twice(identified, WITHIN_NS - 1)
    assert not twice(identified, WITHIN_NS)
    assert not twice(identified, 1000, ip_id=8)
    assert twice(identified, 1000, ttl=63), "a router between the two mirrored ports"


@pytest.mark.parametrize("ip_id", [None, 0])
def test_without_identification_only_what_opens_or_closes_can_be_told(ip_id: int | None) -> None:
    syn = replace(SYN_OF_1, ip_id=ip_id)
    assert twice(syn, AT_ONCE_NS - 1)
    assert not twice(syn, AT_ONCE_NS)
    for flags in (ACK, RST, RST | ACK, PSH | ACK):
        assert not twice(replace(syn, flags=flags), 1000), "a duplicate acknowledgment, a second answer"
    assert twice(replace(syn, flags=FIN | ACK), 1000)


@pytest.mark.parametrize(
    "change", [{"seq": 1}, {"ack_raw": 1}, {"flags": 0}, {"wnd": 1}, {"payload_len": 1}, {"ip_id": 1}]
)
def test_another_packet_is_no_copy(change: dict[str, int]) -> None:
    copies = Copies()
    copies.seen_at(SYN_OF_1, "br0")
    assert copies.seen_at(replace(SYN_OF_1, **change), "eth0") is None  # type: ignore[arg-type]


def test_the_tagged_view_of_a_packet_is_no_copy() -> None:
    copies = Copies()
    copies.seen_at(SYN_OF_1, "eth0.5")
    assert copies.seen_at(replace(SYN_OF_1, tags=(Tag("vlan", 5),)), "eth0") is None


def test_what_is_remembered_is_bounded_and_the_latest_is() -> None:
    copies = Copies()
    for number in range(20_000):
        assert copies.seen_at(replace(SYN_OF_1, seq=number), "br0") is None
        assert copies.seen_at(replace(SYN_OF_1, seq=number), "eth0") == "br0"
    assert len(copies._seen) + len(copies._before) <= 8192
