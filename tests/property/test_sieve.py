"""What the sieve of `bulk.sift` has to notice, one thing at a time.

Each course is a short connection with one packet that may be bent. A capture holds every course as it should be and
every course with the same bend: connections that are all but the same, so that one judgement must not hold for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from handshake.findings.middlebox import PATIENT_NS
from handshake.flow.table import LINGER_NS
from handshake.model.packet import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG
from tests.property.test_bulk import same
from tests.property.wandering import HEADER, MS, Piece, record

CLIENT, SERVER = 0, 1
RESERVED = 1 << 9
WINDOWS = (4_000, 15_000, 1 << 20)
"""Bytes of the file that are looked at together: one packet of each connection at most, some, all."""
SECOND_NS = 1000 * MS

_MSS, _SCALE, _SACK = b"\x02\x04\x05\xb4", b"\1\x03\x03\x07", b"\4\2"


def stamp(tsval: int, tsecr: int) -> bytes:
    return b"\x08\x0a" + (tsval % 2**32).to_bytes(4) + (tsecr % 2**32).to_bytes(4)


class Talk:
    """The packets of one connection."""

    def __init__(
        self,
        flow: int,
        start_ns: int = 0,
        *,
        stamps: bool = True,
        six: bool = False,
        ports: tuple[int, int] | None = None,
    ) -> None:
        self.pieces: list[Piece] = []
        self._flow, self._stamps, self._six, self._ports = flow, stamps, six, ports
        self._now = start_ns
        self._next = [1000 + flow, 2**32 - 90 - flow]
        self._clocks = [77, 5000]

    def send(self, side: int, flags: int = ACK, payload: bytes = b"", **bend: Any) -> None:
        """One segment as it should be, but for the bend.

        `seq`, `ack`, `clock` and `echo` say how far off its numbers are, `number`, `clock_at` and `echo_at` what they
        are, `gap` how long after the one before it comes, `flip` which flags are wrong, `says` what its payload is,
        `again` after which times it is repeated; `lost`: it was not captured; the others replace fields of the `Piece`.
        """
        self._now += bend.pop("gap", MS)
        self._clocks[side] += 1
        clock = bend.pop("clock_at", self._clocks[side] + bend.pop("clock", 0))
        flags ^= bend.pop("flip", 0)
        payload = bend.pop("says", payload)
        again, lost = bend.pop("again", ()), bend.pop("lost", False)
        echo = (self._clocks[1 - side] if flags & ACK else 0) + bend.pop("echo", 0)
        ack = (self._next[1 - side] if flags & ACK else 0) + bend.pop("ack", 0)
        seq = bend.pop("number", self._next[side] + bend.pop("seq", 0))
        options = self._options(flags, clock, bend.pop("echo_at", echo))
        piece = Piece(
            self._now, self._flow, side == CLIENT, flags, seq % 2**32, ack % 2**32, payload, options,
            64 if side == CLIENT else 57, 64240, 0 if self._six else 100 + len(self.pieces), self._six, "", self._ports,
        )  # fmt: skip
        piece = replace(piece, **bend)
        if not lost:
            self.pieces.append(piece)
        for later_ns in again:
            self.pieces.append(replace(piece, time_ns=self._now + later_ns, ip_id=piece.ip_id + 1000))
        self._now += sum(again)
        self._next[side] += len(payload) + (flags >> 1 & 1) + (flags & 1)

    def _options(self, flags: int, clock: int, echo: int) -> bytes:
        if flags & SYN:
            return _MSS + (_SACK + stamp(clock, echo) if self._stamps else b"\1\1" + _SACK) + _SCALE
        return b"\1\1" + stamp(clock, echo) if self._stamps and not flags & RST else b""

    def opens(self, syn: Any = None, syn_ack: Any = None, third: Any = None) -> None:
        """The three packets, each with its bend."""
        self.send(CLIENT, SYN, **(syn or {}))
        self.send(SERVER, SYN | ACK, **(syn_ack or {}))
        self.send(CLIENT, ACK, **(third or {}))

    def talks(self) -> None:
        """Enough is said on both sides that the protocol is known, and each kind of packet was there."""
        for side in (CLIENT, SERVER, CLIENT, SERVER):
            self.send(side, ACK | PSH, b"x" * 80)
            self.send(1 - side)

    def closes(self) -> None:
        """The client closes first."""
        self.send(CLIENT, FIN | ACK)
        self.send(SERVER)
        self.send(SERVER, FIN | ACK)
        self.send(CLIENT)


Bend = dict[str, Any]
Course = Callable[[Talk, Bend], None]


def opening(which: str) -> Course:
    def course(talk: Talk, bend: Bend) -> None:
        talk.opens(**{which: bend})
        talk.talks()
        talk.closes()

    return course


def only(*sent: tuple[int, int], opened: bool = False, then: Iterable[tuple[int, int]] = ()) -> Course:
    """The packets, of which the last is bent; then some more."""

    def course(talk: Talk, bend: Bend) -> None:
        if opened:
            talk.opens()
            talk.talks()
        for side, flags in sent[:-1]:
            talk.send(side, flags)
        talk.send(*sent[-1], **bend)
        for side, flags in then:
            talk.send(side, flags)

    return course


def saying(side: int, payload: bytes, *, first: bool = False, twice: bool = False) -> Course:
    """A segment of an open connection, before anything else was said or among much else."""

    def course(talk: Talk, bend: Bend) -> None:
        talk.opens()
        if not first:
            talk.talks()
        talk.send(side, ACK, payload, **bend)
        talk.talks()
        if twice:
            talk.send(side, ACK, payload, **bend)
            talk.talks()
        talk.closes()

    return course


def asking_again(*then: tuple[int, int]) -> Course:
    """The same SYN twice, the second one bent; then some more."""

    def course(talk: Talk, bend: Bend) -> None:
        talk.send(CLIENT, SYN)
        talk._next[CLIENT] -= 1
        talk.send(CLIENT, SYN, **{"gap": SECOND_NS, **bend})
        for side, flags in then:
            talk.send(side, flags)

    return course


COURSES: dict[str, Course] = {
    "SYN": opening("syn"),
    "SYN-ACK": opening("syn_ack"),
    "third": opening("third"),
    "SYN alone": only((CLIENT, SYN)),
    "SYN-ACK alone": only((CLIENT, SYN), (SERVER, SYN | ACK)),
    "third alone": only((CLIENT, SYN), (SERVER, SYN | ACK), (CLIENT, ACK)),
    "refused": only((CLIENT, SYN), (SERVER, RST | ACK)),
    "refused, asked again": only((CLIENT, SYN), (SERVER, RST | ACK), (CLIENT, SYN)),
    "asks again": asking_again(),
    "asks again, refused": asking_again((SERVER, RST | ACK)),
    "gives up": only((CLIENT, SYN), (CLIENT, RST)),
    "gives up after the answer": only((CLIENT, SYN), (SERVER, SYN | ACK), (CLIENT, RST)),
    "thinks better of it": only((CLIENT, SYN), (SERVER, SYN | ACK), (SERVER, RST | ACK)),
    "resets at once": only((CLIENT, SYN), (SERVER, SYN | ACK), (CLIENT, ACK), (SERVER, RST | ACK)),
    "client data first": saying(CLIENT, b"a" * 30, first=True),
    "server data first": saying(SERVER, b"b" * 30, first=True),
    "client data": saying(CLIENT, b"c" * 100),
    "client data, twice": saying(CLIENT, b"c" * 100, twice=True),
    "server data": saying(SERVER, b"d" * 100),
    "a byte": saying(CLIENT, b"e"),
    "client acknowledges": saying(CLIENT, b""),
    "server acknowledges": saying(SERVER, b""),
    "server acknowledges, twice": saying(SERVER, b"", twice=True),
    "client resets": only((CLIENT, RST | ACK), opened=True),
    "server resets": only((SERVER, RST), opened=True),
    "resets twice": only((CLIENT, RST | ACK), (CLIENT, RST | ACK), opened=True),
    "speaks after a reset": only((CLIENT, RST | ACK), (SERVER, ACK), opened=True),
    "client closes": only((CLIENT, FIN | ACK), opened=True),
    "half closed": only((CLIENT, FIN | ACK), (SERVER, ACK), opened=True, then=[(SERVER, ACK), (SERVER, FIN | ACK)]),
    "closed once more": only((CLIENT, FIN | ACK), (SERVER, ACK), (CLIENT, FIN | ACK), opened=True),
    "closed by both": only((CLIENT, FIN | ACK), (SERVER, FIN | ACK), opened=True, then=[(CLIENT, ACK)]),
    "last word": only((SERVER, FIN | ACK), (CLIENT, FIN | ACK), (SERVER, ACK), opened=True),
    "after the last word": only(
        (SERVER, FIN | ACK), (CLIENT, FIN | ACK), (SERVER, ACK), (CLIENT, ACK), opened=True, then=[(SERVER, ACK)]
    ),
}  # fmt: skip

BENDS: dict[str, Bend] = {
    "another TTL": {"ttl": 50},
    "one number on": {"seq": 1},
    "one number back": {"seq": -1},
    "a gap": {"seq": 500},
    "far on": {"seq": 1 << 29},
    "far back": {"seq": -(1 << 29)},
    "very far on": {"seq": (1 << 30) + 5},
    "half way round": {"seq": 1 << 31},
    "back by what was said last": {"seq": -80},
    "number 0": {"number": 0},
    "acknowledges too much": {"ack": 1},
    "acknowledges less": {"ack": -1},
    "acknowledges far more": {"ack": 1 << 29},
    "acknowledges far less": {"ack": -(1 << 28) - 5000},
    "acknowledges what is out of reach": {"ack": (1 << 30) + 5000},
    "acknowledges what was long ago": {"ack": -(1 << 30) - 5000},
    "acknowledges from the other end": {"ack": 1 << 31},
    "FIN": {"flip": FIN},
    "SYN": {"flip": SYN},
    "RST": {"flip": RST},
    "PSH": {"flip": PSH},
    "ACK": {"flip": ACK},
    "URG": {"flip": URG},
    "ECE": {"flip": ECE},
    "CWR": {"flip": CWR},
    "ECN set up": {"flip": ECE | CWR},
    "AE": {"flip": AE},
    "a reserved flag": {"flip": RESERVED},
    "urgent pointer": {"odd": "urgent"},
    "urgent data": {"odd": "urgent", "flip": URG},
    "window closed": {"wnd": 0},
    "another window": {"wnd": 500},
    "no options": {"options": b""},
    "other options": {"options": b"\1\1\1\1"},
    "MSS": {"options": b"\2\4\2\0"},
    "stamps of zero": {"options": b"\1\1" + stamp(0, 0)},
    "stamps from elsewhere": {"options": b"\1\1" + stamp(1 << 31, 9)},
    "SACK": {"options": b"\1\1\5\x0a" + bytes(8)},
    "a clock that runs back": {"clock": -50},
    "a clock that jumps": {"clock": (1 << 20) + 5},
    "a clock at 0": {"clock_at": 0},
    "echoes something else": {"echo": 9},
    "echoes 0": {"echo_at": 0},
    "nothing said": {"says": b""},
    "something said": {"says": b"f" * 20},
    "HTTP": {"says": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    "wrong checksum": {"odd": "checksum"},
    "cut": {"odd": "cut"},
    "ECN-capable": {"odd": "ecn"},
    "a tag": {"odd": "vlan"},
    "a fragment": {"odd": "fragment"},
    "IP options": {"odd": "extension"},
    "an ICMP error": {"odd": "icmp"},
    "before its time": {"gap": -3 * MS},
    "a moment before": {"gap": -1},
    "at once": {"gap": 0},
    "slow": {"gap": SECOND_NS},
    "not quite impatient": {"gap": PATIENT_NS - 1},
    "impatient": {"gap": PATIENT_NS},
    "nearly forgotten": {"gap": LINGER_NS},
    "forgotten": {"gap": LINGER_NS + 1},
    "again": {"again": [300 * MS]},
    "again, much later": {"again": [2 * SECOND_NS, 4 * SECOND_NS]},
    "a copy": {"again": [0]},
    "never captured": {"lost": True},
}


def captured(talks: Iterable[Talk], by_time: bool) -> bytes:
    """Connections side by side, in the order of time, or each in the order that it was put together."""
    turns = [(turn, piece) for talk in talks for turn, piece in enumerate(talk.pieces)]
    turns.sort(key=lambda each: each[1].time_ns if by_time else each[0])
    return HEADER + b"".join(record(Random(1), piece) for _, piece in turns)


def talks_of(bend: Bend, first: int = 0, **how: Any) -> list[Talk]:
    """Every course with that bend."""
    talks = []
    for flow, course in enumerate(COURSES.values(), first):
        talk = Talk(flow, flow * MS // 200, **how)
        course(talk, dict(bend))
        talks.append(talk)
    return talks


def check(path: Path, data: bytes, windows: Iterable[int] = WINDOWS) -> None:
    """Packet by packet and in bulk it is the same."""
    path.write_bytes(data)
    for window in windows:
        same(path, window)


@pytest.mark.parametrize("stamps", [True, False], ids=["stamps", "no stamps"])
@pytest.mark.parametrize("name", BENDS)
def test_one_thing_is_wrong(tmp_path: Path, name: str, stamps: bool) -> None:
    bend = BENDS[name]
    talks = [*talks_of({}, stamps=stamps), *talks_of(bend, len(COURSES), stamps=stamps)]
    check(tmp_path / "bent.pcap", captured(talks, by_time=bend.get("gap", 0) > 0))


def test_the_same_over_other_networks(tmp_path: Path) -> None:
    """IPv4 and IPv6, with timestamps and without, from and to port 0: all courses in one capture."""
    size = len(COURSES)
    talks = [
        *talks_of({}), *talks_of({}, size, six=True), *talks_of({}, 2 * size, stamps=False),
        *talks_of({}, 3 * size, stamps=False, six=True),
    ]  # fmt: skip
    for flow, course in enumerate(COURSES.values()):
        for ports in ((0, 100 + flow), (100 + flow, 0)):
            talks.append(Talk(flow, ports=ports))
            course(talks[-1], {})
    check(tmp_path / "networks.pcap", captured(talks, by_time=False))


FOLLOWED = {"refused, asked again", "gives up", "resets twice", "speaks after a reset", "closed once more"}
"""Courses that are odd as they are."""


def test_what_is_plain_is_never_followed(tmp_path: Path) -> None:
    talks = dict(zip(COURSES, talks_of({}), strict=True))
    long = Talk(len(COURSES))
    long.opens()
    for _ in range(12):
        long.talks()
    long.closes()
    path = tmp_path / "plain.pcap"
    path.write_bytes(captured([*(talk for name, talk in talks.items() if name not in FOLLOWED), long], by_time=True))
    for window in WINDOWS:
        assert same(path, window)._table.begun == 0


GET, OK = b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize("before", [0, 1, 20, 63, 64, 65, 200])
@pytest.mark.parametrize("side", [CLIENT, SERVER])
def test_http_after_a_little_else(tmp_path: Path, side: int, before: int) -> None:
    talks = []
    for flow, (request, response) in enumerate(((GET, OK), (b"x" * len(GET), b"y" * len(OK)), (GET[:3], GET[3:]))):
        talk = Talk(flow)
        talk.opens()
        if before:
            talk.send(side, ACK, b"z" * before)
        talk.send(CLIENT, ACK | PSH, request)
        talk.send(SERVER, ACK | PSH, response)
        talk.send(CLIENT, ACK | PSH, request)
        talk.send(SERVER, ACK | PSH, response)
        talk.closes()
        talks.append(talk)
    check(tmp_path / "http.pcap", captured(talks, by_time=True), (200, *WINDOWS))


def test_a_window_that_closes_and_opens(tmp_path: Path) -> None:
    """Probed by a byte, by nothing, and not at all; and one that the SYN-ACK announced closed."""
    talks = []
    for flow, (says, back, waits) in enumerate(
        ((b"p", 0, 2), (b"", 1, 2), (b"", 0, 2), (b"", 0, 0), (b"p" * 80, 0, 1))
    ):
        for first in (False, True):
            talk = Talk(2 * flow + first)
            talk.opens(syn_ack={"wnd": 0} if first else None)
            if not first:
                talk.talks()
                talk.send(CLIENT, ACK, b"x" * 80)
                talk.send(SERVER, wnd=0)
            for _ in range(waits):
                talk.send(CLIENT, ACK, says, seq=-back, gap=2 * SECOND_NS)
                talk.send(SERVER, wnd=0)
            talk.send(SERVER, wnd=4000)
            talk.talks()
            talk.closes()
            talks.append(talk)
    check(tmp_path / "windows.pcap", captured(talks, by_time=True), (200, *WINDOWS))


def test_keep_alives(tmp_path: Path) -> None:
    talks = []
    gaps = (10 * MS, SECOND_NS - 1, SECOND_NS, 60 * SECOND_NS)
    for flow, (side, says, gap) in enumerate(product((CLIENT, SERVER), (b"", b"k"), gaps)):
        talk = Talk(flow)
        talk.opens()
        talk.talks()
        for _ in range(3):
            talk.send(side, ACK, says, seq=-1, gap=gap)
            talk.send(1 - side)
            talk._next[side] -= len(says)
        talk.talks()
        talk.closes()
        talks.append(talk)
    check(tmp_path / "alive.pcap", captured(talks, by_time=True), (200, *WINDOWS))


@pytest.mark.parametrize("number", [0, 1, -1, 5000, 1 << 29, 1 << 31], ids=str)
def test_a_port_used_again(tmp_path: Path, number: int) -> None:
    """A SYN with another number, or the same, after everything that can have been before."""
    talks = []
    for flow, course in enumerate(COURSES.values()):
        talk = Talk(flow)
        course(talk, {})
        talk._next[CLIENT] = 1000 + flow + number
        talk._next[SERVER] += 77_000
        talk.opens()
        talk.talks()
        talk.closes()
        talks.append(talk)
    check(tmp_path / "again.pcap", captured(talks, by_time=False))


@pytest.mark.parametrize("step", [LINGER_NS // 3, LINGER_NS // 2, LINGER_NS // 2 + MS, LINGER_NS])
def test_packets_that_trickle_in_after_the_end(tmp_path: Path, step: int) -> None:
    """Each comes soon after the one before it, but at last the table has forgotten the connection."""
    talks = [Talk(flow, flow * MS) for flow in range(4)]
    for talk, ended in zip(talks, (True, True, False, False), strict=True):
        talk.opens()
        talk.talks()
        if ended:
            talk.closes()
        for _ in range(4):
            talk.send(CLIENT, gap=step)
    check(tmp_path / "trickle.pcap", captured(talks, by_time=True))


@pytest.mark.parametrize("late", [-MS, 0, MS, 2 * SECOND_NS, 5 * SECOND_NS])
def test_what_is_forgotten_when_times_do_not_agree(tmp_path: Path, late: int) -> None:
    """A closed connection is forgotten when another begins late enough; its last packet is stamped before that."""
    talks = [Talk(flow, flow * MS) for flow in range(3)]
    for talk in talks:
        talk.opens()
        talk.talks()
        talk.closes()
    newcomer = Talk(9, talks[-1]._now + LINGER_NS + late)
    newcomer.opens()
    for talk in talks:
        talk.send(CLIENT, gap=LINGER_NS - SECOND_NS)
    last = [talk.pieces.pop() for talk in talks]
    newcomer.pieces += last
    check(tmp_path / "late.pcap", HEADER + b"".join(
        record(Random(1), piece) for talk in [*talks, newcomer] for piece in talk.pieces
    ))  # fmt: skip


@pytest.mark.parametrize("step", [1 << 19, (1 << 20) - 1, 1 << 20, 1 << 29, 1 << 30, (1 << 31) - 1])
def test_a_clock_that_runs_fast(tmp_path: Path, step: int) -> None:
    """Each timestamp is ahead of the one before it, but not of one that was long before."""
    talks = [Talk(flow) for flow in range(2)]
    for talk, fast in zip(talks, (False, True), strict=True):
        talk.opens()
        talk.talks()
        for _ in range(5):
            talk._clocks[CLIENT] += step * fast
            talk.send(CLIENT, ACK, b"x" * 30)
            talk.send(SERVER)
        talk.closes()
    check(tmp_path / "fast.pcap", captured(talks, by_time=True), (200, *WINDOWS))


@pytest.mark.parametrize("gap", [MS, PATIENT_NS - 1, PATIENT_NS, PATIENT_NS + 1, 3 * PATIENT_NS])
def test_a_syn_cookie(tmp_path: Path, gap: int) -> None:
    """A SYN-ACK that does without the options of the SYN; whether it would have been repeated depends on the time."""
    talks = [Talk(flow, stamps=False) for flow in range(4)]
    for talk, waits, bare in zip(talks, (False, True, False, True), (False, False, True, True), strict=True):
        talk.opens(syn_ack={"options": _MSS} if bare else None, third={"gap": gap if waits else MS})
        talk.talks()
        talk.closes()
    check(tmp_path / "cookie.pcap", captured(talks, by_time=True), (200, *WINDOWS))


@pytest.mark.parametrize("back", [-200, -120, -81, -80, -40, -1, 0, 1])
def test_a_reset_with_an_old_number(tmp_path: Path, back: int) -> None:
    """It counts where it lies behind what was acknowledged, of which the highest number counts, not the last one."""
    talks = [Talk(flow) for flow in range(4)]
    for talk, (late, lower) in zip(talks, product((False, True), repeat=2), strict=True):
        talk.opens()
        talk.talks()
        if late:
            talk.send(CLIENT, ACK, b"x" * 80)
        talk.send(SERVER)
        if lower:
            talk.send(SERVER, ack=-100)
        talk.send(CLIENT, RST, seq=back)
        talk.send(SERVER)
    check(tmp_path / "old.pcap", captured(talks, by_time=True), (200, *WINDOWS))
