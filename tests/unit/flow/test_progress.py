"""What a watcher is told, and when."""

from __future__ import annotations

from collections.abc import Iterable

from handshake.flow.progress import PATIENCE_NS, Progress
from handshake.flow.table import FlowTable
from handshake.model.event import EventKind
from handshake.model.packet import ACK, FIN, RST, SYN, IcmpError, Packet
from tests.unit.flow.segment_making import SERVER, client, opening, packet, segment, syn

SECOND = 10**9


class Watched:
    """A table and what its observer says."""

    def __init__(self, limit: int = 100) -> None:
        self.progress = Progress()
        self.table = FlowTable(limit)
        self.table.observer = self.progress

    def feed(self, *packets: Packet) -> list[tuple[str, int]]:
        """`(kind, number of the conversation)` of what happened."""
        for each in packets:
            self.progress.tick(each.time_ns)
            self.table.feed(each)
        return [(kind.value, flow.number) for kind, _, flow in self.progress.take()]

    def tick(self, now_ns: int) -> list[tuple[str, int]]:
        self.progress.tick(now_ns)
        return [(kind.value, flow.number) for kind, _, flow in self.progress.take()]


def closing(number: int) -> Iterable[Packet]:
    here = client(number)
    yield packet(segment(here, SERVER, FIN | ACK, 1001, 9001))
    yield packet(segment(SERVER, here, FIN | ACK, 9001, 1002))
    yield packet(segment(here, SERVER, ACK, 1002, 9002))


def refusal(number: int, time_ns: int = 0) -> Packet:
    return packet(segment(SERVER, client(number), RST | ACK, 0, 1001, time_ns=time_ns))


def test_opened_and_closed_each_once() -> None:
    watched = Watched()
    syn_and_answer, last = opening(1)[:2], opening(1)[2]
    assert watched.feed(*syn_and_answer) == []
    assert watched.feed(last) == [("opened", 1)]
    assert watched.feed(last) == []
    assert watched.feed(*closing(1)) == [("closed", 1)]
    assert watched.tick(100 * SECOND) == []


def test_refused_at_once_and_again_when_it_asks_again() -> None:
    watched = Watched()
    assert watched.feed(syn(1), refusal(1)) == [("failed", 1)]
    assert watched.feed(syn(1, time_ns=SECOND), refusal(1, time_ns=SECOND)) == [("failed", 1)]


def test_unanswered_when_time_is_up_by_packets_or_by_the_clock() -> None:
    watched = Watched()
    assert watched.feed(syn(1), syn(2, time_ns=SECOND), syn(1, time_ns=SECOND)) == []
    assert watched.feed(syn(3, time_ns=PATIENCE_NS)) == [("failed", 1)]
    assert watched.tick(PATIENCE_NS + SECOND - 1) == []
    assert watched.tick(PATIENCE_NS + SECOND) == [("failed", 2)]
    assert watched.tick(PATIENCE_NS + SECOND) == []


def test_the_moment_is_when_time_was_up() -> None:
    watched = Watched()
    watched.feed(syn(1, time_ns=3))
    watched.progress.tick(100 * SECOND)
    assert [(kind, at) for kind, at, _ in watched.progress.take()] == [(EventKind.FAILED, 3 + PATIENCE_NS)]


def test_a_late_answer_still_opens_it() -> None:
    watched = Watched()
    watched.feed(syn(1))
    assert watched.tick(PATIENCE_NS) == [("failed", 1)]
    assert watched.feed(*opening(1, time_ns=PATIENCE_NS + SECOND)[1:]) == [("opened", 1)]


def test_unreachable_at_once_if_the_error_says_so_and_means_it() -> None:
    def error(code: int, number: int) -> Packet:
        reporter = bytes((10, 0, 0, 9))
        return packet(IcmpError(1, 0, reporter, 4, 3, code, None, 6, client(1), SERVER, number, "so it is"))

    watched = Watched()
    assert watched.feed(syn(1), error(4, 1000)) == []  # fragmentation needed
    assert watched.feed(error(1, 77)) == []  # about a number never sent
    assert watched.feed(error(1, 1000)) == [("failed", 1)]
    assert watched.feed(error(1, 1000)) == []


def test_connections_that_were_open_before_are_not_waited_for() -> None:
    watched = Watched()
    assert watched.feed(packet(segment(client(1), SERVER, ACK, 5, 6))) == []
    assert watched.tick(100 * SECOND) == []
    assert watched.feed(packet(segment(client(1), SERVER, RST, 5))) == [("closed", 1)]


def test_open_connections_that_leave_the_table_are_lost() -> None:
    watched = Watched(limit=1)
    watched.feed(*opening(1))
    assert watched.feed(syn(2)) == [("lost", 1)]
    assert watched.feed(syn(2, seq=5000)) == [("failed", 2)]


def test_nothing_is_remembered_of_those_that_left() -> None:
    watched = Watched(limit=10)
    for number in range(1000):
        watched.feed(*opening(number), *closing(number))
        watched.feed(packet(segment(client(number + 2000), SERVER, SYN, 1)))
    assert len(watched.progress._told) <= 10
    assert len(watched.progress._waiting) <= 10
