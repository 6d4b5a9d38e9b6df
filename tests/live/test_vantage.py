"""Two vantage points against the truth: the wire knows what it lost, the box what it changed."""

from __future__ import annotations

import json
import random
import re
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from handshake.api import Witnessing
from handshake.cli.reading import read_captures
from handshake.compare.vantage import vantage
from handshake.lab.netns import Host, run_in_private_network
from handshake.lab.recorder import record
from handshake.lab.scenarios.stage import INTERFACE, Setting, open_converse_close, set_stage
from handshake.lab.servers import tcp_echo
from handshake.lab.wire import Wire
from handshake.model.handshake import Side
from handshake.model.options import MSS, TIMESTAMPS, WSCALE
from handshake.model.packet import ACK, SYN, Packet, Segment
from handshake.model.vantage import Fate, Likeness, Vantage
from handshake.render.passing import sentences
from tests.live.boxes import IP_AT, TCP_AT, Box, Passing, boxed, recorded
from tests.live.test_lab_wire import ports

pytestmark = pytest.mark.usefixtures("private_networks")

SERVER = ("10.0.0.2", 7)


def held_together(client: Path, server: Path) -> Vantage:
    places = []
    for path in (client, server):
        inspection = Witnessing()
        places.append(inspection.place(read_captures([str(path)], True, inspection=inspection).report))
    return vantage(*places)


def lost_in(found: Vantage) -> Counter[tuple[str, int, int, int | None]]:
    return Counter(
        _identity(each.left)
        for pair in found.pairs
        for each in pair.passages
        if each.fate is Fate.LOST and each.left is not None
    )


def _identity(segment: Segment) -> tuple[str, int, int, int | None]:
    return str(segment.src), segment.seq, segment.flags, segment.options.tsval


def dial(client: Host, port: int = 40001, text: bytes = b"hello", to: tuple[str, int] = SERVER) -> None:
    """One echo."""
    with client.inside():
        sock = socket.socket()
    with sock:
        sock.settimeout(10)
        sock.bind(("", port))
        sock.connect(to)
        sock.sendall(text)
        got = b""
        while len(got) < len(text):
            got += sock.recv(100_000)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("drop SYN 1", r"the SYN left the client .*: the 1st was lost"),
        ("drop SYN-ACK 1", r"the SYN-ACK left the server .*: the 1st was lost"),
        ("drop ACK 1", r"an ACK of the client never reached the server|the ACK left the client .*: the 1st was lost"),
    ],
    ids=["syn", "syn-ack", "ack"],
)
def test_what_the_wire_loses_is_found(lost: str, words: str, tmp_path: Path) -> None:
    def play() -> None:
        with (
            set_stage(Setting(wire=(lost,))) as stage,
            record(stage.client, INTERFACE, tmp_path / "client.pcapng", quiet_s=0.15),
            record(stage.server, INTERFACE, tmp_path / "server.pcap", quiet_s=0.15),
        ):
            open_converse_close(stage)

    run_in_private_network(play)
    found = held_together(tmp_path / "client.pcapng", tmp_path / "server.pcap")
    told = [words for words, _ in sentences(found.pairs[0])]
    assert [each for each in told if re.fullmatch(words, each)]
    assert sum(lost_in(found).values()) == 1
    assert (found.swapped, found.placed_by) == (False, ("round trips",))
    assert found.clock is not None
    assert found.clock.error_ns is not None
    assert abs(found.clock.ahead_ns) <= found.clock.error_ns  # both ends have the same clock
    assert found.forth is not None
    assert found.forth.least_ns >= 11_000_000


def test_random_losses_are_found_one_by_one(tmp_path: Path) -> None:
    """A tenth of all segments of four connections, both ways: exactly what the wire lost, by its own list."""
    dice = random.Random(7)
    gone: Counter[tuple[str, int, int, int | None]] = Counter()

    def script(packet: Packet) -> bool:
        drop = isinstance(packet.transport, Segment) and dice.random() < 0.1
        if drop:
            assert isinstance(packet.transport, Segment)
            gone[_identity(packet.transport)] += 1
        return drop

    def play() -> Counter[tuple[str, int, int, int | None]]:
        with (
            Host("client") as client,
            Host("server") as server,
            Wire(*ports(client, server), delay_ns=5_000_000, script=script),
            tcp_echo(SERVER, server),
            record(client, "eth0", tmp_path / "client.pcapng", quiet_s=0.5),
            record(server, "eth0", tmp_path / "server.pcapng", quiet_s=0.5),
        ):
            for number in range(4):
                dial(client, 40001 + number, b"x" * 12_000)
        return gone

    truth = run_in_private_network(play)
    assert sum(truth.values()) > 5
    assert lost_in(held_together(tmp_path / "client.pcapng", tmp_path / "server.pcapng")) == truth


def through(box: Box, directory: Path, **options: str) -> Vantage:
    def play() -> None:
        with (
            boxed(box, **options) as (client, server),  # type: ignore[arg-type]
            tcp_echo(SERVER, server),
            recorded(client, server, directory),
        ):
            dial(client)
            time.sleep(0.05)

    run_in_private_network(play)
    return held_together(directory / "client.pcapng", directory / "server.pcapng")


def clamp(passing: Passing) -> list[tuple[float, bytes]]:
    """A middlebox: MSS clamped, window scale and timestamps blanked in SYNs, three hops, congestion marked."""
    if passing.tcp and passing.flags & SYN:
        for kind, at, _ in passing.options():
            if kind == MSS:
                passing.put(at + 2, 2, 1200)
        passing.blank(WSCALE)
        passing.blank(TIMESTAMPS)
    passing.put(IP_AT + 8, 1, passing.get(IP_AT + 8, 1) - 3)
    return [(0, passing.data)]


def test_what_a_box_changes_is_found(tmp_path: Path) -> None:
    found = through(clamp, tmp_path)
    (pair,) = found.pairs
    assert {each.fate for each in pair.passages} == {Fate.ARRIVED}
    changes = {(each.sender, each.difference.what): each for each in pair.alterations}
    assert {what for _, what in changes} == {"MSS", "window scale", "timestamps", "TTL"}
    mss = changes[Side.CLIENT, "MSS"].difference
    assert (mss.left, mss.arrived) == ("1460", "1200")
    ttl = changes[Side.SERVER, "TTL"]
    assert (ttl.difference.left, ttl.difference.arrived, ttl.segments) == ("64", "61", ttl.of)
    assert found.placed_by == ("round trips", "TTLs")


def renumber(passing: Passing) -> list[tuple[float, bytes]]:
    """NAT with numbers of its own: the client looks like 10.0.0.99:61000, its sequence numbers 123,456 higher."""
    if passing.to_server:
        passing.readdress(True, "10.0.0.99", 61000)
        passing.put(TCP_AT + 4, 4, passing.get(TCP_AT + 4, 4) + 123_456)
    else:
        passing.readdress(False, "10.0.0.1", 40001)
        passing.put(TCP_AT + 8, 4, passing.get(TCP_AT + 8, 4) - 123_456)
    return [(0, passing.data)]


def test_translated_and_renumbered(tmp_path: Path) -> None:
    found = through(renumber, tmp_path, seen_as="10.0.0.99")
    (pair,) = found.pairs
    assert (pair.likeness, pair.shift) == (Likeness.TRANSLATED, (123_456, 0))
    assert {each.fate for each in pair.passages} == {Fate.ARRIVED}
    assert str(pair.server.handshake.client.endpoint) == "10.0.0.99:61000"


def doubling() -> Callable[[Passing], list[tuple[float, bytes]]]:
    """The SYN and the first data of the client twice, and the SYN-ACK twice."""
    seen: Counter[int] = Counter()

    def box(passing: Passing) -> list[tuple[float, bytes]]:
        seen[passing.flags] += 1
        twice = passing.flags in (SYN, SYN | ACK, ACK | 8) and seen[passing.flags] == 1
        return [(later, passing.data) for later in ((0, 0.001) if twice else (0,))]

    return box


def test_doubled_segments_are_found(tmp_path: Path) -> None:
    (pair,) = through(doubling(), tmp_path).pairs
    doubled = [(each.sender, each.segment.flags) for each in pair.fates(Fate.DOUBLED)]
    assert sorted(doubled, key=str) == sorted(
        [(Side.CLIENT, SYN), (Side.SERVER, SYN | ACK), (Side.CLIENT, ACK | 8)], key=str
    )
    assert not pair.fates(Fate.LOST)
    assert not pair.fates(Fate.FOREIGN)


def refuse() -> Callable[[Passing], list[tuple[float, bytes]]]:
    """A firewall that lets the SYN pass and resets the client when the SYN-ACK comes, in the server's name."""

    def box(passing: Passing) -> list[tuple[float, bytes]]:
        if passing.flags == SYN | ACK:
            passing.put(TCP_AT + 13, 1, 0x14)
            return [(0, passing.data)]
        return [(0, passing.data)]

    return box


def test_an_answer_made_in_between(tmp_path: Path) -> None:
    def play() -> None:
        with (
            boxed(refuse()) as (client, server),
            tcp_echo(SERVER, server),
            recorded(client, server, tmp_path),
            client.inside(),
            socket.socket() as sock,
        ):
            sock.settimeout(5)
            assert sock.connect_ex(SERVER) == 111

    run_in_private_network(play)
    found = held_together(tmp_path / "client.pcapng", tmp_path / "server.pcapng")
    told = [words for words, _ in sentences(found.pairs[0])]
    assert "the client got a RST that the server never sent: a box in between answered in its name" in told
    assert any("SYN-ACK left the server" in words and "never reached the client" in words for words in told)


def test_the_command_on_both_captures(tmp_path: Path) -> None:
    from tests.unit.cli.test_replay import run

    through(clamp, tmp_path)
    files = str(tmp_path / "server.pcapng"), str(tmp_path / "client.pcapng")
    done = run("compare", *files)
    assert (done.returncode, done.stderr) == (0, "")
    assert "not by their order" in done.stdout
    assert "MSS 1460 → 1200" in done.stdout
    assert json.loads(run("compare", *files, "-f", "json").stdout)["swapped"] is True
