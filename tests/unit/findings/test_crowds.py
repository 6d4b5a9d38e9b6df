"""Scans, floods and badly chosen numbers are said once, for all their handshakes; ordinary traffic is none of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random

import pytest

from handshake.findings import crowds_of
from handshake.flow.table import FlowTable
from handshake.model.address import Endpoint
from handshake.model.crowd import Crowd
from handshake.model.handshake import Handshake
from handshake.model.packet import ACK, FIN, PSH, RST, SYN, Segment
from handshake.model.report import Report, Tally
from handshake.render.crowds import crowd_words, without_crowds
from tests.unit.flow.segment_making import packet, segment

MS = 1_000_000
CLIENT, SERVER = b"\x0a\0\0\1", b"\x0a\0\0\2"
CHANCE = Random(4)


def host(number: int) -> bytes:
    return b"\x0a\1" + number.to_bytes(2)


def judged(segments: Iterable[Segment]) -> list[Handshake]:
    table = FlowTable()
    table.source = "a.pcap"
    found = [handshake for each in segments for handshake in table.feed(packet(each))]
    return sorted([*found, *table.finish()], key=lambda handshake: handshake.number)


def crowds(segments: Iterable[Segment]) -> list[Crowd]:
    return list(crowds_of(judged(segments)))


def codes(segments: Iterable[Segment]) -> list[str]:
    return [crowd.code for crowd in crowds(segments)]


def attempt(
    number: int, src: bytes, dst: bytes, port: int, answer: str = "", *, isn: int | None = None, every_ns: int = MS
) -> Iterator[Segment]:
    """One try: `` no answer, `refused`, `half-open`, `unused` (opened and closed at once), `used` (with data)."""
    client, server = Endpoint(src, CHANCE.randrange(20000, 60000)), Endpoint(dst, port)
    x, y = (CHANCE.randrange(2**32) if isn is None else isn), CHANCE.randrange(2**32)
    time_ns = number * every_ns
    yield segment(client, server, SYN, x, time_ns=time_ns)
    if answer == "refused":
        yield segment(server, client, RST | ACK, 0, (x + 1) % 2**32, time_ns=time_ns + 1000)
    elif answer:
        yield segment(server, client, SYN | ACK, y, (x + 1) % 2**32, time_ns=time_ns + 1000)
    if answer in ("used", "unused"):
        x, y = (x + 1) % 2**32, (y + 1) % 2**32
        yield segment(client, server, ACK, x, y, time_ns=time_ns + 2000)
        if answer == "used":
            yield segment(client, server, PSH | ACK, x, y, time_ns=time_ns + 3000, payload_len=10)
            x = (x + 10) % 2**32
        yield segment(client, server, FIN | ACK, x, y, time_ns=time_ns + 4000)


def many(count: int, *arguments: object, **options: object) -> list[Segment]:
    """Attempts; a callable argument is asked for each."""
    return [
        each
        for number in range(count)
        for each in attempt(number, *(a(number) if callable(a) else a for a in arguments), **options)  # type: ignore[arg-type]
    ]


def test_many_ports_of_one_host_are_a_scan() -> None:
    open_one = [*attempt(50, CLIENT, SERVER, 443, "unused")]
    (crowd,) = crowds([*many(40, CLIENT, SERVER, lambda n: 100 + n, "refused"), *open_one])
    assert (crowd.code, crowd.who, crowd.members) == ("HS601", "10.0.0.1", tuple(range(1, 42)))
    assert crowd.detail == "tried 41 ports of 10.0.0.2: 40 refused, 1 established"
    assert crowd.rate_per_s == pytest.approx(41 / 0.050004)
    assert crowd_words(crowd) == "10.0.0.1: tried 41 ports of 10.0.0.2: 40 refused, 1 established (820/s)"


def test_one_port_of_many_hosts_is_a_sweep() -> None:
    (crowd,) = crowds(many(30, CLIENT, host, 23))
    assert (crowd.code, crowd.detail) == ("HS602", "tried port 23 of 30 hosts: 30 unanswered")


def test_odd_flags_are_attempts_too() -> None:
    scan = [segment(Endpoint(CLIENT, 40000 + n), Endpoint(SERVER, n + 1), FIN, 1, time_ns=n) for n in range(30)]
    assert codes(scan) == ["HS601"]


@pytest.mark.parametrize(
    "ordinary",
    [
        many(19, CLIENT, SERVER, lambda n: 100 + n, "refused"),
        many(60, CLIENT, host, 443, "used"),
        many(60, CLIENT, host, 443, "unused"),
        many(60, CLIENT, host, lambda n: 5000 + n),
        many(90, CLIENT, SERVER, 80, "refused"),
        many(200, CLIENT, SERVER, 80, "", every_ns=1000 * MS),
        many(300, host, SERVER, 80, "used"),
    ],
    ids=["too few", "browser", "browser opens in advance", "peer to peer", "retries", "slow retries", "busy server"],
)
def test_ordinary_traffic_is_no_crowd(ordinary: list[Segment]) -> None:
    assert codes(ordinary) == []


def test_many_attempts_at_one_server_from_forged_addresses_are_a_flood() -> None:
    real = [*attempt(500, b"\x0a\0\0\7", SERVER, 80, "used")]
    (crowd,) = crowds([*many(400, host, SERVER, 80, "half-open"), *real])
    assert (crowd.code, crowd.who) == ("HS603", "400 addresses")
    assert crowd.detail == "port 80 of 10.0.0.2: 400 half-open; 1 opened besides"


def test_a_flood_from_one_address_is_no_scan() -> None:
    assert codes(many(400, CLIENT, SERVER, 80)) == ["HS603"]
    assert codes(many(400, CLIENT, SERVER, lambda n: n % 30)) == ["HS601", "HS603"], "both at once"


def test_unasked_answers_to_many_are_backscatter() -> None:
    answers = [
        segment(Endpoint(SERVER, 80), Endpoint(host(n), 999), SYN | ACK, CHANCE.randrange(2**32), 5) for n in range(25)
    ]
    (crowd,) = crowds(answers)
    assert (crowd.code, crowd.who) == ("HS604", "10.0.0.2")
    assert crowd.rate_per_s is None


@pytest.mark.parametrize(
    ("isn", "said"),
    [
        (lambda n: 7, "are all 7"),
        (lambda n: (4294967000 + 64000 * n) % 2**32, "count up, by 64,000 each"),
        (lambda n: n * 1000 + n * n, "count up, by 1,001 to 1,017"),
    ],
    ids=["constant", "counter that wraps", "clock"],
)
def test_predictable_isns(isn, said: str) -> None:  # type: ignore[no-untyped-def]
    opened = [each for n in range(10) for each in attempt(n, CLIENT, SERVER, 80, "used", isn=isn(n))]
    (crowd,) = crowds(opened)
    assert (crowd.code, crowd.who) == ("HS605", "10.0.0.1")
    assert crowd.detail == f"the initial sequence numbers of 10 connections {said}"


def from_port(n: int, source_port: int, server: Endpoint) -> list[Segment]:
    x, client = CHANCE.randrange(2**32), Endpoint(CLIENT, source_port)
    return [
        segment(client, server, SYN, x, time_ns=n * MS),
        segment(server, client, SYN | ACK, CHANCE.randrange(2**32), (x + 1) % 2**32, time_ns=n * MS + 1),
    ]


def test_ports_in_sequence_across_servers() -> None:
    across = [each for n in range(9) for each in from_port(n, 1030 + 2 * n, Endpoint(host(n), 80))]
    assert [crowd.detail for crowd in crowds(across)] == ["ports 1030 to 1046, one after the other, to 9 servers"]
    same = [each for n in range(9) for each in from_port(n, 20, Endpoint(host(n), 80))]
    assert [crowd.detail for crowd in crowds(same)] == ["port 20 to 9 servers"]
    towards_one = [each for n in range(9) for each in from_port(n, 1030 + 2 * n, Endpoint(SERVER, 80))]
    assert crowds(towards_one) == []


def test_captures_are_kept_apart() -> None:
    found = judged(many(30, CLIENT, SERVER, lambda n: n + 1))
    assert len(crowds_of(found)) == 1
    halves = [h if h.number % 2 else replace(h, source="b.pcap") for h in found]
    assert crowds_of(halves) == ()


def test_rows_that_a_crowd_sums_up_are_left_out_and_still_counted() -> None:
    found = judged(
        [
            *many(40, CLIENT, SERVER, lambda n: 100 + n, "refused"),
            *attempt(60, CLIENT, SERVER, 443, "unused"),
            *attempt(61, host(1), SERVER, 80, "refused"),
        ]
    )
    report = Report((), Tally(), tuple(found), crowds=crowds_of(found))
    shown = without_crowds(report)
    assert [handshake.number for handshake in shown.handshakes] == [41, 42]
    assert shown.totals is not None
    assert shown.totals.handshakes == 42
