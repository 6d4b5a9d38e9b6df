"""TCP against UDP: known answers of bundled captures, and situations made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from handshake.api import Comparing
from handshake.compare.transports import first_byte
from handshake.model.comparison import Comparison, FirstByte, Part, Passed
from handshake.model.packet import ACK, PSH, SYN, Frame
from handshake.source.capture import open_capture
from handshake.wire.dns import encode_answer, encode_query
from tests.packets import LINKTYPE_RAW, TCP, UDP, ip, tcp
from tests.support import ROOT, require, shared_captures
from tests.unit.app.test_quic import ANSWER, FINISHED, INITIAL, SHORT

HOSTS = ("10.0.0.1", "10.0.0.2")
BACK = HOSTS[::-1]


def compared(path: Path) -> Comparison:
    inspection = Comparing()
    with open_capture(path) as capture:
        inspection.begin(capture.name)
        handshakes = [handshake for frame in capture for handshake in inspection.feed(frame)]
        handshakes += inspection.finish()
        return inspection.comparison(inspection.report(handshakes, [capture.info()]))


def of(*packets: bytes) -> Comparison:
    """Raw IP packets, one each millisecond."""
    inspection = Comparing()
    handshakes = []
    for number, data in enumerate(packets, 1):
        handshakes += inspection.feed(Frame(number, number * 10**6, LINKTYPE_RAW, data, len(data)))
    handshakes += inspection.finish()
    return inspection.comparison(inspection.report(handshakes, []))


def datagram(payload: bytes, port: int, *, reply: bool = False, client: int = 40000) -> bytes:
    ports = (port, client) if reply else (client, port)
    head = b"".join(number.to_bytes(2) for number in (*ports, 8 + len(payload), 0))
    return ip(BACK if reply else HOSTS, UDP, head + payload)


def connection(port: int, request: bytes, reply: bytes) -> list[bytes]:
    """SYN, SYN-ACK, ACK, request, reply."""
    up, down = (40000, port), (port, 40000)
    asked = 1 + len(request)
    return [
        ip(HOSTS, TCP, tcp(HOSTS, up, seq=0, flags=SYN)),
        ip(BACK, TCP, tcp(BACK, down, seq=500, ack=1, flags=SYN | ACK)),
        ip(HOSTS, TCP, tcp(HOSTS, up, seq=1, ack=501, flags=ACK)),
        ip(HOSTS, TCP, tcp(HOSTS, up, seq=1, ack=501, flags=PSH | ACK, payload=request)),
        ip(BACK, TCP, tcp(BACK, down, seq=501, ack=asked, flags=PSH | ACK, payload=reply)),
    ]


def test_echo_over_both() -> None:
    """By hand, from the frames that tshark lists: ten of TCP (3 to 12) with 702 bytes, the reply in 8."""
    path = ROOT / "captures" / "udp-and-tcp-echo.pcapng"
    with open_capture(path) as capture:
        times_ns = [frame.time_ns for frame in capture]
    comparison = compared(path)
    (match,) = comparison.matches
    assert match.service == "echo"
    assert match.tcp.useful == FirstByte(packets=6, wire=438, round_trips=2, took_ns=times_ns[7] - times_ns[2])
    assert match.udp.useful is not None
    assert (match.udp.useful.packets, match.udp.useful.wire, match.udp.useful.round_trips) == (2, 110, 1)
    traffic = match.tcp.traffic
    assert (traffic.packets, traffic.wire, traffic.payload, traffic.headers) == (10, 702, 26, 676)
    assert {part: packets for part, (packets, _) in traffic.parts.items()} == {
        Part.OPENING: 3, Part.DATA: 2, Part.ACK: 2, Part.CLOSING: 3,
    }  # fmt: skip
    assert (comparison.udp.flows, comparison.udp.answered, comparison.udp.refused, comparison.udp.silent) == (
        2,
        1,
        1,
        0,
    )


def test_a_lost_syn_costs_time_not_round_trips() -> None:
    (useful,) = [compared(ROOT / "captures" / "syn-lost.pcap").tcp.useful]
    assert useful is not None
    assert useful.round_trips == 2
    assert useful.took_ns > 10**9
    assert compared(ROOT / "captures" / "syn-lost.pcap").tcp.asked_again == 1


def test_data_in_the_syn_saves_the_round_trip() -> None:
    best = compared(ROOT / "captures" / "fast-open.pcapng").tcp.best
    assert best is not None
    assert best.useful.round_trips == 1


def test_dns_over_both() -> None:
    query = encode_query(7, "www.example", 1)
    answer = encode_answer(query, [("www.example", 1, 300, bytes((10, 0, 0, 2)))])
    framed = [len(each).to_bytes(2) + each for each in (query, answer)]
    comparison = of(
        datagram(query, 53),
        datagram(query, 53),
        datagram(answer, 53, reply=True),
        *connection(53, framed[0], framed[1]),
    )
    (match,) = comparison.matches
    assert match.service == "DNS"
    assert match.tcp.useful is not None
    assert match.udp.useful is not None
    assert (match.tcp.useful.round_trips, match.udp.useful.round_trips, match.udp.asked_again) == (2, 1, 1)


def test_http_against_quic() -> None:
    comparison = of(
        *connection(80, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        datagram(INITIAL, 443),
        datagram(ANSWER, 443, reply=True),
        datagram(FINISHED + SHORT, 443),
        datagram(SHORT, 443, reply=True),
    )
    (match,) = comparison.matches
    assert match.service == "HTTP"
    assert match.tcp.useful is not None
    assert match.udp.useful is not None
    assert (match.tcp.useful.round_trips, match.udp.useful.round_trips, match.udp.opened) == (2, 2, 1)
    assert (match.tcp.useful.packets, match.udp.useful.packets) == (5, 4)


def test_unnamed_ports_match_only_at_one_server() -> None:
    other = ip(("10.0.0.1", "10.0.0.3"), UDP, datagram(b"x", 45000)[20:])
    assert not of(*connection(45000, b"a", b"b"), other).matches
    (match,) = of(*connection(45000, b"a", b"b"), datagram(b"x", 45000)).matches
    assert (match.service, match.udp.silent) == ("10.0.0.2:45000", 1)


def test_nothing_at_all() -> None:
    comparison = of()
    assert (comparison.tcp.flows, comparison.udp.flows, comparison.tcp.useful, comparison.matches) == (0, 0, None, ())


def passed(*packets: tuple[bool, int, int]) -> list[Passed]:
    """Packets of (reply, payload, sequence space), one each ns."""
    return [
        Passed(time_ns, reply, 50, payload, span, ACK, again=False)
        for time_ns, (reply, payload, span) in enumerate(packets)
    ]


@pytest.mark.parametrize(
    ("packets", "round_trips"),
    [
        ([(False, 0, 1), (True, 0, 1), (False, 0, 0), (True, 9, 9)], 2),
        ([(False, 0, 1), (True, 0, 1), (False, 0, 0), (False, 5, 5), (True, 0, 0), (False, 5, 5), (True, 9, 9)], 2),
        ([(False, 5, 6), (True, 0, 1), (False, 0, 0), (True, 9, 9)], 1),
    ],
    ids=["the server begins", "acknowledgments are no answers", "the request was in the SYN"],
)
def test_round_trips(packets: list[tuple[bool, int, int]], round_trips: int) -> None:
    useful = first_byte(passed(*packets))
    assert useful == FirstByte(len(packets), 50 * len(packets), round_trips, len(packets) - 1)


def test_the_handshake_of_tls_is_no_use_yet() -> None:
    hello = [(False, 0, 1), (True, 0, 1), (False, 0, 0), (False, 5, 5), (True, 90, 90), (False, 7, 7), (True, 9, 9)]
    useful = first_byte(passed(*hello), since_ns=5)
    assert useful is not None
    assert (useful.packets, useful.round_trips) == (7, 3)


def test_no_reply_is_no_first_byte() -> None:
    assert first_byte([]) is None
    assert first_byte(passed((False, 0, 1), (True, 0, 1), (False, 0, 0))) is None


def test_shared_captures_add_up() -> None:
    """The parts of TCP, and the bins, are all of its packets."""
    paths = shared_captures("real")
    require(bool(paths), "no shared captures")
    for path in paths[::7]:
        comparison = compared(path)
        for each in (comparison.tcp, comparison.udp):
            traffic = each.traffic
            assert sum(packets for packets, _ in traffic.parts.values()) == traffic.packets == sum(traffic.sizes)
            assert sum(wire for _, wire in traffic.parts.values()) == traffic.wire
            assert sum(traffic.gaps) <= traffic.packets
            assert max(each.answered, each.refused, each.silent, each.measured) <= each.flows
