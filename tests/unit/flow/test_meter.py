"""What is counted of each packet, beside the flow table: parts, order, copies, gaps."""

from __future__ import annotations

import pytest

from handshake.flow import meter as meters
from handshake.flow.meter import Meter
from handshake.flow.table import FlowTable
from handshake.model.comparison import Metered, Part
from handshake.model.packet import ACK, FIN, PSH, RST, SYN, Datagram, Packet
from tests.unit.flow.segment_making import SERVER, client, opening, packet, segment

HERE = client(1)


def metered(*packets: Packet, wire: int = 100) -> Meter:
    meter, table = Meter(), FlowTable()
    table.meter = meter
    for each in packets:
        meter.wire = wire
        table.feed(each)
    return meter


def said(seq: int, size: int = 100, *, ack: int = 9001, time_ns: int = 0) -> Packet:
    return packet(segment(HERE, SERVER, PSH | ACK, seq, ack, payload_len=size, time_ns=time_ns))


def answered(flags: int, seq: int = 9001, ack: int = 1101, size: int = 0) -> Packet:
    return packet(segment(SERVER, HERE, flags, seq, ack, payload_len=size))


def flow(meter: Meter) -> Metered:
    (only,) = meter.tcp().values()
    return only


def test_every_packet_is_of_one_part() -> None:
    close = packet(segment(HERE, SERVER, FIN | ACK, 1101, 9001))
    traffic = flow(
        metered(*opening(1), said(1001), answered(ACK), close, answered(FIN | ACK, ack=1102), answered(ACK, 9002, 1102))
    ).traffic
    assert traffic.parts == {Part.OPENING: (3, 300), Part.DATA: (1, 100), Part.ACK: (1, 100), Part.CLOSING: (3, 300)}
    assert (traffic.packets, traffic.wire, traffic.payload, traffic.headers) == (8, 800, 100, 700)


def test_a_reset_is_closing() -> None:
    syn = opening(1)[0]
    refusal = packet(segment(SERVER, HERE, RST | ACK, 0, 1001))
    assert flow(metered(syn, refusal)).traffic.parts == {Part.OPENING: (1, 100), Part.CLOSING: (1, 100)}


def test_copies_and_gaps_by_sequence_numbers() -> None:
    traffic = flow(
        metered(*opening(1), said(1001), said(1201), said(1101), said(1101), said(1001), answered(ACK), answered(ACK))
    ).traffic
    assert traffic.late == 1, "1101 fills the gap, once"
    assert traffic.again == 2, "1101 and 1001 again; bare acknowledgments are no copies"


def test_a_gap_is_filled_piece_by_piece() -> None:
    traffic = flow(metered(*opening(1), said(1301), said(1001), said(1201), said(1101), said(1101))).traffic
    assert (traffic.late, traffic.again) == (3, 1)


def test_numbers_wrap_around() -> None:
    start = 2**32 - 50
    syn = packet(segment(HERE, SERVER, SYN, start - 1))
    data = [said((start + offset) % 2**32) for offset in (0, 100, 0, 100)]
    traffic = flow(metered(syn, *data)).traffic
    assert (traffic.again, traffic.late) == (2, 0)


def test_sizes_and_gaps_fall_in_bins() -> None:
    times = (0, 50_000, 550_000, 550_000 + 10**10, 10**9)
    packets = [said(1001 + 100 * n, time_ns=time_ns) for n, time_ns in enumerate(times)]
    traffic = flow(metered(*packets)).traffic
    assert traffic.gaps == [1, 1, 0, 0, 0, 1], "a step back in time is no gap"
    assert traffic.sizes == [0, 0, 5, 0, 0, 0, 0, 0]


def test_the_same_bytes_look_like_a_copy() -> None:
    payloads = (b"a", b"b", b"a", b"", b"")
    packets = [Packet(1, 0, (), Datagram(1, 0, HERE, SERVER, len(p)), p, None) for p in payloads]
    back = Packet(1, 0, (), Datagram(1, 0, SERVER, HERE, 1), b"a", None)
    (only,) = metered(*packets, back).udp().values()
    assert [passed.again for passed in only.first] == [False, False, True, False, False, False]
    assert [passed.reply for passed in only.first] == [False] * 5 + [True]


def test_beyond_the_bounds_only_sums_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "MOST_FLOWS", 1)
    monkeypatch.setattr(meters, "MOST_FIRST", 2)
    meter = metered(*opening(1), *opening(2))
    assert len(flow(meter).first) == 2
    assert flow(meter).traffic.packets == 3
    assert (meter.unmetered, meter.rest(tcp=True).packets, meter.rest(tcp=True).wire) == (3, 3, 300)
