"""Copies of one packet at several interfaces are told from retransmissions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handshake.flow.copies import WITHIN_NS, Copies
from handshake.model.packet import SYN, Tag
from tests.unit.flow.segment_making import SERVER, client, segment

SYN_OF_1 = segment(client(1), SERVER, SYN, 1000)


def test_a_copy_comes_from_another_interface_and_soon() -> None:
    copies = Copies()
    assert not copies.is_copy(SYN_OF_1, "br0")
    assert copies.is_copy(replace(SYN_OF_1, time_ns=10_000, ttl=63), "eth0")
    assert not copies.is_copy(replace(SYN_OF_1, time_ns=WITHIN_NS + 1), "eth1")


def test_a_retransmission_comes_to_where_the_first_one_came() -> None:
    copies = Copies()
    assert not copies.is_copy(SYN_OF_1, "br0")
    assert copies.is_copy(replace(SYN_OF_1, time_ns=10), "eth0")
    assert not copies.is_copy(replace(SYN_OF_1, time_ns=20_000), "br0")
    assert copies.is_copy(replace(SYN_OF_1, time_ns=20_010), "eth0")


@pytest.mark.parametrize(
    "change", [{"seq": 1}, {"ack_raw": 1}, {"flags": 0}, {"wnd": 1}, {"payload_len": 1}, {"ip_id": 1}]
)
def test_another_packet_is_no_copy(change: dict[str, int]) -> None:
    copies = Copies()
    copies.is_copy(SYN_OF_1, "br0")
    assert not copies.is_copy(replace(SYN_OF_1, **change), "eth0")  # type: ignore[arg-type]


def test_the_tagged_view_of_a_packet_is_no_copy() -> None:
    copies = Copies()
    copies.is_copy(SYN_OF_1, "eth0.5")
    assert not copies.is_copy(replace(SYN_OF_1, tags=(Tag("vlan", 5),)), "eth0")


def test_what_is_remembered_is_bounded_and_the_latest_is() -> None:
    copies = Copies()
    for number in range(20_000):
        assert not copies.is_copy(replace(SYN_OF_1, seq=number), "br0")
        assert copies.is_copy(replace(SYN_OF_1, seq=number), "eth0")
    assert len(copies._seen) + len(copies._before) <= 8192
