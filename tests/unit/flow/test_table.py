"""The flow table: its limit, who is dropped first, how long a closed 4-tuple is remembered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from handshake.findings import examine
from handshake.flow.table import LINGER_NS, FlowTable
from handshake.flow.ways import MOST_WAYS
from handshake.model.handshake import Handshake, Mark, Outcome, Side
from handshake.model.packet import ACK, PSH, RST, SYN, Datagram, IcmpError, Packet, Segment, Tag, Tags
from tests.unit.flow.segment_making import SERVER, client, opening, packet, segment, syn


def _feed(table: FlowTable, packets: Iterable[Packet]) -> list[Handshake]:
    return [handshake for each in packets for handshake in table.feed(each)]


def _ports(handshakes: Iterable[Handshake]) -> list[int]:
    return [handshake.client.endpoint.port - 20000 for handshake in handshakes]


def test_a_table_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        FlowTable(0)


def test_a_flood_does_not_push_out_open_connections() -> None:
    table = FlowTable(limit=10)
    assert _feed(table, opening(0)) == []
    dropped = _feed(table, (syn(number) for number in range(1, 100)))
    assert 0 not in _ports(dropped)
    assert _ports(dropped) == list(range(1, 91)), "the oldest of the flood go first"
    assert all(handshake.evicted and handshake.outcome is Outcome.UNANSWERED for handshake in dropped)
    assert table.evicted == len(dropped)
    (first, *_) = table.finish()
    assert (first.outcome, first.evicted) == (Outcome.ESTABLISHED, False)


def test_closed_connections_go_before_embryonic_ones_and_are_not_evicted() -> None:
    table = FlowTable(limit=3)
    _feed(table, [syn(0), *opening(1), packet(segment(client(1), SERVER, RST, 1001)), *opening(2)])
    dropped = _feed(table, [syn(3)])
    assert _ports(dropped) == [1]
    assert not dropped[0].evicted
    assert table.evicted == 0


def test_open_connections_go_last_the_oldest_first() -> None:
    table = FlowTable(limit=2)
    dropped = _feed(table, [*opening(0), *opening(1), *opening(2)])
    assert _ports(dropped) == [0]
    assert dropped[0].evicted


def test_eviction_is_a_finding() -> None:
    table = FlowTable(limit=1)
    (dropped,) = _feed(table, [*opening(0), syn(1)])
    assert "HS901" in [finding.code for finding in examine(dropped).findings]


def test_what_comes_back_after_eviction_is_a_connection_of_its_own() -> None:
    table = FlowTable(limit=1)
    data = packet(segment(client(0), SERVER, PSH | ACK, 1001, 9001, payload_len=5))
    found = [*_feed(table, [*opening(0), syn(1), data]), *table.finish()]
    assert [(handshake.number, handshake.outcome) for handshake in found] == [
        (1, Outcome.ESTABLISHED),
        (2, Outcome.UNANSWERED),
        (3, Outcome.MIDSTREAM),
    ]


def test_a_closed_4_tuple_is_remembered_for_time_wait_only() -> None:
    table = FlowTable()
    reset = packet(segment(client(0), SERVER, RST, 1001))
    straggler = segment(SERVER, client(0), ACK, 9001, 1001, time_ns=LINGER_NS)
    late = segment(SERVER, client(0), ACK, 9001, 1001, time_ns=LINGER_NS + 1)
    assert _feed(table, [*opening(0), reset, packet(straggler)]) == []
    (closed,) = table.feed(packet(late))
    assert closed.steps[-1].marks == (Mark.AFTER_RST,)
    (left,) = table.finish()
    assert left.outcome is Outcome.MIDSTREAM


def test_time_wait_that_is_over_makes_room_without_eviction() -> None:
    table = FlowTable(limit=5)
    reset = packet(segment(client(0), SERVER, RST, 1001))
    assert _feed(table, [*opening(0), reset]) == []
    (closed,) = _feed(table, [syn(1, time_ns=LINGER_NS + 1)])
    assert (closed.number, closed.evicted) == (1, False)


def test_finish_empties_the_table_and_numbers_go_on() -> None:
    table = FlowTable()
    _feed(table, [syn(1), syn(0)])
    assert _ports(table.finish()) == [1, 0], "in order of appearance"
    _feed(table, [syn(1)])
    assert [handshake.number for handshake in table.finish()] == [3]
    assert list(table.finish()) == []


def test_a_syn_with_a_new_number_says_what_it_replaces() -> None:
    for before, mark in (
        (opening(0), Mark.SYN_IN_CONNECTION),
        ([*opening(0), packet(segment(client(0), SERVER, RST, 1001))], Mark.PORT_REUSED),
        ([syn(0)], Mark.PORT_REUSED),
    ):
        table = FlowTable()
        assert len(_feed(table, [*before, syn(0, seq=50000)])) == 1
        (fresh,) = table.finish()
        assert fresh.steps[0].marks == (mark,)


def test_the_copies_of_a_syn_are_counted_beyond_those_kept() -> None:
    table = FlowTable()
    _feed(table, (syn(0, time_ns=time_ns) for time_ns in range(300)))
    (found,) = table.finish()
    assert found.syn_retransmits == 299
    assert found.client.segments == 300
    assert len(found.timeline) < 300


def test_icmp_errors_find_their_flow_in_both_directions() -> None:
    table = FlowTable()
    _feed(table, [syn(0)])
    here = client(0)
    for src, dst in ((here, SERVER), (SERVER, here), (client(7), SERVER)):
        table.feed(packet(IcmpError(1, 0, SERVER.address, 4, 3, 1, None, 6, src, dst, None, "host unreachable")))
    assert table.unmatched_icmp == 1
    (found,) = table.finish()
    assert [step.sender.value for step in found.steps[1:]] == ["server", "client"]
    assert found.outcome is Outcome.UNREACHABLE


def test_datagrams_become_exchanges_within_the_limit() -> None:
    table = FlowTable(limit=2)
    there, here = SERVER, client(0)
    table.feed(packet(Datagram(1, 100, here, there, 5)))
    table.feed(packet(Datagram(2, 350, there, here, 7)))
    table.feed(packet(Datagram(3, 400, there, here, 7)))
    (exchange,) = table.exchanges()
    assert (exchange.requests, exchange.replies, exchange.first_reply_ns) == (1, 2, 250)
    for number in (1, 2):
        table.feed(packet(Datagram(4, 500, client(number), there, 5)))
    assert table.evicted_exchanges == 1
    assert [exchange.number for exchange in table.exchanges()] == [2, 3]


def test_a_full_timeline_counts_on() -> None:
    table = FlowTable()
    _feed(table, opening(0))
    for index in range(1000):
        table.feed(packet(segment(SERVER, client(0), SYN | ACK, 9000, 1001, time_ns=index)))
    (found,) = table.finish()
    assert found.synack_retransmits == 1000
    assert found.server.segments == 1001
    assert len(found.timeline) == 201


VLAN_10, VLAN_20 = (Tag("vlan", 10),), (Tag("vlan", 20),)


def test_a_flow_is_found_again_in_another_vlan_by_its_numbers() -> None:
    table = FlowTable()
    there, back, _ = opening(1)
    (first,) = _feed(
        table, [tagged(there, VLAN_10), tagged(back, VLAN_20), tagged(there, VLAN_10), tagged(syn(1, seq=5), VLAN_20)]
    )
    (second,) = table.finish()
    assert (first.outcome, first.tags, first.other_ways) == (Outcome.HALF_OPEN, VLAN_10, ((Side.SERVER, VLAN_20),))
    assert first.syn_retransmits == 1
    assert (second.outcome, second.tags) == (Outcome.UNANSWERED, VLAN_20), "a SYN always begins something"


def test_ways_are_bounded_however_many_tags_a_hostile_capture_has() -> None:
    table = FlowTable(limit=1000)
    for number in range(20_000):
        table.feed(tagged(packet(segment(client(1), SERVER, ACK, 1001, 9001)), (Tag("vlan", number),)))
    flows = table.finish()
    assert max(len(flow.other_ways) for flow in flows) <= MOST_WAYS
    assert not table._flows
    assert not table._ways._flows


def test_a_reply_comes_in_another_tunnel_of_the_same_kind() -> None:
    there, back = (Tag("gtp", 1, (b"1", b"2")),), (Tag("gtp", 2, (b"1", b"2")),)
    table = FlowTable()
    table.feed(packet(Datagram(1, 0, client(1), SERVER, 5, there)))
    table.feed(packet(Datagram(2, 9, SERVER, client(1), 5, VLAN_10)))
    table.feed(packet(Datagram(3, 10, SERVER, client(1), 5, back)))
    table.feed(packet(Datagram(4, 11, SERVER, client(1), 5, back)))
    first, second = table.exchanges()
    assert (first.requests, first.replies, first.first_reply_ns, first.tags) == (1, 2, 10, there)
    assert (second.requests, second.replies) == (1, 0), "another kind of tag is another exchange"


@pytest.mark.parametrize("protocol", [6, 17])
def test_an_icmp_error_is_about_its_flow_also_from_another_vlan(protocol: int) -> None:
    table = FlowTable()
    table.feed(tagged(syn(1), VLAN_10))
    table.feed(packet(Datagram(1, 0, client(1), SERVER, 5, VLAN_10)))
    error = IcmpError(2, 5, b"rout", 4, 3, 1, None, protocol, client(1), SERVER, 1000, "host unreachable", VLAN_20)
    table.feed(packet(error))
    (exchange,) = table.exchanges()
    (flow,) = table.finish()
    assert (flow.outcome is Outcome.UNREACHABLE, exchange.icmp is error) == (protocol == 6, protocol == 17)
    assert table.unmatched_icmp == 0


def tagged(one: Packet, tags: Tags) -> Packet:
    assert isinstance(one.transport, Segment)
    return packet(replace(one.transport, tags=tags))
