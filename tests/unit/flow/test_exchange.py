"""The timeline of a UDP exchange: what is kept, in words, and how much at most."""

from __future__ import annotations

import pytest

from handshake.flow import table as tables
from handshake.flow.exchange import MOST_KEPT, OpenExchange
from handshake.flow.table import FlowTable
from handshake.model.address import Endpoint
from handshake.model.handshake import Exchange
from handshake.model.packet import Datagram, IcmpError, Packet
from handshake.wire.dns import encode_answer, encode_query
from tests.unit.app.test_quic import INITIAL
from tests.unit.flow.segment_making import SERVER, client

RESOLVER = Endpoint(bytes((10, 0, 0, 53)), 53)


def datagram(payload: bytes, *, reply: bool = False, server: Endpoint = SERVER, time_ns: int = 0) -> Packet:
    ends = (server, client(1)) if reply else (client(1), server)
    return Packet(1, time_ns, (), Datagram(1, time_ns, *ends, len(payload)), payload, None)


def exchange(*packets: Packet) -> Exchange:
    table = FlowTable()
    for each in packets:
        table.feed(each)
    (found,) = table.exchanges()
    return found


def test_dns_is_told_in_words() -> None:
    query = encode_query(7, "www.example", 1)
    answer = encode_answer(query, [("www.example", 1, 300, bytes((10, 0, 0, 2)))])
    found = exchange(
        datagram(query, server=RESOLVER),
        datagram(query, server=RESOLVER),
        datagram(answer, server=RESOLVER, reply=True),
    )
    assert found.notes == (
        "DNS A www.example?",
        "DNS A www.example? · asked again",
        "DNS www.example → 10.0.0.2 (TTL 300 s)",
    )
    assert [isinstance(packet, Datagram) for packet in found.datagrams] == [True] * 3


def test_the_same_bytes_show_within_a_direction() -> None:
    found = exchange(
        datagram(b"a"), datagram(b"a", reply=True), datagram(b"a"), datagram(b"b"), datagram(b""), datagram(b"")
    )
    assert found.notes == ("", "", "the same bytes again", "", "", "")


def test_quic_is_told_in_words() -> None:
    found = exchange(datagram(INITIAL))
    assert found.notes == ("QUIC Initial · version 1",)
    assert found.quic is not None
    assert (found.quic.version, found.quic.short_ns) == (1, None)


def test_a_name_server_does_not_speak_quic() -> None:
    assert exchange(datagram(INITIAL, server=RESOLVER)).quic is None


def test_the_first_are_kept_and_all_are_counted() -> None:
    found = exchange(*(datagram(bytes((number,))) for number in range(MOST_KEPT + 20)))
    assert (len(found.datagrams), len(found.notes), found.requests) == (MOST_KEPT, MOST_KEPT, MOST_KEPT + 20)


def test_icmp_errors_are_no_more_than_datagrams() -> None:
    first = datagram(b"a").transport
    assert isinstance(first, Datagram)
    growing = OpenExchange(1, first)
    growing.feed(first, b"a")
    error = IcmpError(2, 5, SERVER.address, 4, 3, 3, None, 17, first.src, first.dst, None, "port unreachable")
    for _ in range(10):
        growing.feed_icmp(error)
    assert growing.conclude("").datagrams == (first, error)


def test_all_exchanges_together_keep_no_more_than_the_table_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_DATAGRAMS", 3)
    table = FlowTable(limit=2)
    for number in range(5):
        table.feed(datagram(b"x", server=Endpoint(SERVER.address, 1000 + number)))
        table.feed(datagram(b"y", server=Endpoint(SERVER.address, 1000 + number)))
    assert [len(each.datagrams) for each in table.exchanges()] == [1, 2], "what leaves the table gives its room back"
    assert [each.requests for each in table.exchanges()] == [2, 2]
