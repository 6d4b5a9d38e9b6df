"""One listening socket, several connections: which of them were open at the same moment."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from handshake.api import Inspection
from handshake.flow.listeners import listeners
from handshake.model.handshake import Handshake
from handshake.model.packet import Frame
from tests.packets import LINKTYPE_RAW, TCP, ip, tcp

SYN, FIN, RST, ACK = 2, 1, 4, 16
CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
Event = tuple[int, int, bool, int, int, int]


def opening(at_ms: int, port: int) -> list[Event]:
    """SYN, SYN-ACK, ACK, 1 ms apart: time, client port, by the client, flags, seq, ack."""
    return [(at_ms, port, True, SYN, 9, 0), (at_ms + 1, port, False, SYN | ACK, 99, 10),
            (at_ms + 2, port, True, ACK, 10, 100)]  # fmt: skip


def reset(at_ms: int, port: int) -> list[Event]:
    return [(at_ms, port, True, RST, 10, 0)]


def judged(*events: list[Event]) -> list[Handshake]:
    inspection = Inspection()
    handshakes: list[Handshake] = []
    for number, (ms, port, ours, flags, seq, ack) in enumerate(sorted(chain(*events)), 1):
        hosts, ports = ((CLIENT, SERVER), (port, 80)) if ours else ((SERVER, CLIENT), (80, port))
        data = ip(hosts, TCP, tcp(hosts, ports, seq=seq, ack=ack, flags=flags))
        handshakes += inspection.feed(Frame(number, ms * 1_000_000, LINKTYPE_RAW, data, len(data)))
    handshakes += inspection.finish()
    return sorted(handshakes, key=lambda each: each.number)


def served(*events: list[Event]) -> list[tuple[str, int, tuple[int, ...], list[int]]]:
    found = listeners(judged(*events))
    return [(str(e.server), e.connections, e.together, [client.port for client in e.clients]) for e in found]


def test_two_at_once() -> None:
    assert served(opening(0, 1001), opening(1, 1002), reset(9, 1001), reset(10, 1002)) == [
        ("10.0.0.2:80", 2, (1, 2), [1001, 1002])
    ]


def test_one_after_the_other_says_nothing() -> None:
    assert served(opening(0, 1001), reset(3, 1001), opening(4, 1002), reset(9, 1002)) == []


def test_the_most_at_one_moment_of_all_that_were_accepted() -> None:
    first = (opening(0, 1001), reset(20, 1001))
    later = (opening(30, 1002), opening(31, 1003), opening(32, 1004))
    ends = (reset(40, 1002), reset(41, 1003), reset(42, 1004), opening(50, 1005), reset(60, 1005))
    assert served(*first, *later, *ends) == [("10.0.0.2:80", 5, (2, 3, 4), [1002, 1003, 1004])]


def test_an_attempt_that_never_opened_is_no_connection() -> None:
    assert served(opening(0, 1001), reset(9, 1001), [(1, 1002, True, SYN, 9, 0)]) == []


def test_times_that_run_back_do_not_matter() -> None:
    first, second = judged(opening(0, 1001), opening(3, 1002))
    late = replace(first, timing=replace(first.timing, setup_ns=10_000_000))  # it ends before it is open
    assert listeners([late, second]) == ()
