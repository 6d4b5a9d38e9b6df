"""Recognising and following a connection, from segments built by hand."""

from __future__ import annotations

from handshake.api import Inspection
from handshake.model.application import Application
from tests.packets import LINKTYPE_RAW, TCP, frame, ip, tcp

ACK, PSH = 16, 8
CLIENT, SERVER = "10.0.0.1", "10.0.0.2"


def heard(*segments: tuple[bool, int, int, bytes]) -> Application | None:
    """Segments of a connection captured from its middle: by the client, seq, ack, payload."""
    inspection = Inspection()
    for number, (ours, seq, ack, payload) in enumerate(segments, 1):
        hosts, ports = ((CLIENT, SERVER), (40001, 80)) if ours else ((SERVER, CLIENT), (80, 40001))
        data = ip(hosts, TCP, tcp(hosts, ports, seq=seq, ack=ack, flags=ACK | PSH, payload=payload))
        inspection.feed(frame(number, number * 1_000_000, data, LINKTYPE_RAW))
    (handshake,) = inspection.finish()
    return handshake.application


def test_a_request_behind_the_byte_of_a_keep_alive() -> None:
    said = heard((True, 99, 500, b"\0"), (True, 100, 500, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
    assert said is not None
    assert [exchange.target for exchange in said.http] == ["/"]


def test_a_body_with_a_hole_that_was_acknowledged_is_skipped() -> None:
    request, head = b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n"
    after = 500 + len(head) + 30
    said = heard(
        (True, 100, 500, request),
        (False, 500, 100 + len(request), head),
        (False, after - 10, 100 + len(request), b"x" * 10),  # twenty bytes before it were not captured
        (True, 100 + len(request), after, request),
        (False, after, 100 + 2 * len(request), b"HTTP/1.1 204 No Content\r\n\r\n"),
    )
    assert said is not None
    assert [exchange.status for exchange in said.http] == [200, 204]
