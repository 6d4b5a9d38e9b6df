"""What a wire does, witnessed by tshark at both ends and by the kernels at both ends (TCP_INFO, errno, arrivals)."""

from __future__ import annotations

import errno
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from handshake.lab.netns import Host, run_in_private_network
from handshake.lab.recorder import record
from handshake.lab.servers import tcp_echo, udp_echo
from handshake.lab.wire import Wire
from handshake.probe.tcp_info import TcpInfo, tcp_info
from tests.live.lab_stories import story_of
from tests.live.test_lab_wire import SERVER, ports
from tests.support import tshark

pytestmark = pytest.mark.usefixtures("private_networks")

WSCALE = 4
"""TCPI_OPT_WSCALE of tcpi_options."""


@dataclass
class Seen:
    """What came of an exchange, recorded at both ends."""

    kernel: TcpInfo | None = None
    """The client's, at the end."""
    errors: list[int] = field(default_factory=list)
    """What connect() said."""
    arrived: list[bytes] = field(default_factory=list)
    took_s: float = 0.0


def over_tcp(*pieces: bytes) -> Callable[[Seen], None]:
    """Send pieces one after the other without waiting, and take all of them back."""

    def talk(seen: Seen) -> None:
        with socket.socket() as client:
            client.settimeout(5)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.connect(SERVER)
            for piece in pieces:
                client.sendall(piece)
                time.sleep(0.002)
            client.shutdown(socket.SHUT_WR)
            while data := client.recv(1 << 16):
                seen.arrived.append(data)
            seen.kernel = tcp_info(client)

    return talk


def over_udp(number: int) -> Callable[[Seen], None]:
    """Send datagrams, and see which come back."""

    def talk(seen: Seen) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as client, suppress(TimeoutError):
            client.settimeout(0.2)
            client.connect(SERVER)
            for n in range(number):
                client.send(bytes((n,)))
            while True:
                seen.arrived.append(client.recv(10))

    return talk


def played(directory: Path, rules: tuple[str, ...], talk: Callable[[Seen], None]) -> Seen:
    """Talk over a wire with these rules; client.pcapng and server.pcapng show it."""

    def play() -> Seen:
        seen = Seen()
        with (
            Host("client") as client,
            Host("server") as server,
            Wire(*ports(client, server), rules=rules),
            tcp_echo(SERVER, server),
            udp_echo(SERVER, server),
            record(client, "eth0", directory / "client.pcapng"),
            record(server, "eth0", directory / "server.pcapng"),
            client.inside(),
        ):
            started = time.monotonic()
            talk(seen)
            seen.took_s = time.monotonic() - started
        return seen

    return run_in_private_network(play)


def by_tshark(path: Path, which: str, *names: str) -> list[tuple[str, ...]]:
    """Fields of the frames that a display filter chooses, as tshark reads them, checksums checked."""
    command = [tshark(), "-n", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-r", str(path)]
    command += ["-Y", which, "-T", "fields", *(word for name in names for word in ("-e", name))]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [tuple(line.split("\t")) for line in output.splitlines()]


def test_delay_by_direction(tmp_path: Path) -> None:
    seen = played(tmp_path, ("delay 10ms client", "delay 30ms server"), over_tcp(b"hello"))
    assert seen.kernel is not None
    assert seen.kernel.rtt >= 40_000  # µs
    assert 0.010 <= shortest_way(tmp_path, "tcp.dstport==7", "client", "server") < 0.015
    assert 0.030 <= shortest_way(tmp_path, "tcp.srcport==7", "server", "client") < 0.035


def shortest_way(directory: Path, which: str, here: str, there: str) -> float:
    """Seconds that the fastest of these frames took; they are in order and none is lost."""
    left, came = (
        [float(time_s) for (time_s,) in by_tshark(directory / f"{place}.pcapng", which, "frame.time_epoch")]
        for place in (here, there)
    )
    return min(after - before for before, after in zip(left, came, strict=True))


def test_a_data_segment_is_lost_and_another_doubled(tmp_path: Path) -> None:
    seen = played(tmp_path, ("drop client data 2", "duplicate client data 1"), over_tcp(b"first", b"other"))
    assert b"".join(seen.arrived) == b"firstother"
    assert seen.kernel is not None
    assert seen.kernel.total_retrans >= 1
    payloads = [text for (text,) in by_tshark(tmp_path / "server.pcapng", "tcp.dstport==7 && tcp.len>0", "tcp.payload")]
    assert payloads[:2] == [b"first".hex()] * 2
    assert b"other".hex() in payloads[2:]
    assert (
        by_tshark(tmp_path / "client.pcapng", "tcp.dstport==7 && tcp.len>0", "tcp.payload").count((b"first".hex(),))
        == 1
    )


def test_a_segment_is_overtaken(tmp_path: Path) -> None:
    seen = played(tmp_path, ("hold client data 1 behind 1",), over_tcp(b"first", b"other"))
    assert b"".join(seen.arrived) == b"firstother"
    order = by_tshark(tmp_path / "server.pcapng", "tcp.dstport==7 && tcp.len>0", "tcp.payload")
    assert order[:2] == [(b"other".hex(),), (b"first".hex(),)]


def test_what_nothing_overtakes_arrives_all_the_same(tmp_path: Path) -> None:
    seen = played(tmp_path, ("hold SYN 1 behind 5",), over_tcp(b"hello"))
    assert b"".join(seen.arrived) == b"hello"
    assert seen.took_s >= 0.5
    assert len(by_tshark(tmp_path / "client.pcapng", "tcp.flags==2", "frame.number")) == 1  # it was not repeated


def test_mss_clamped_window_scale_stripped_ttl_changed(tmp_path: Path) -> None:
    seen = played(
        tmp_path, ("clamp mss 536", "strip wscale client", "ttl 7 client", "ttl -4 server"), over_tcp(b"hello")
    )
    assert seen.kernel is not None
    assert seen.kernel.snd_mss == 536 - 12  # timestamps
    assert not seen.kernel.options & WSCALE
    fields = ("tcp.options.mss_val", "tcp.options.wscale.shift", "tcp.checksum.status")
    syn, answer = by_tshark(tmp_path / "server.pcapng", "tcp.flags.syn==1", *fields)
    assert syn == ("536", "", "1")
    assert answer == ("1460", "", "1")
    sent, accepted = by_tshark(tmp_path / "client.pcapng", "tcp.flags.syn==1", *fields)
    assert (sent[0], accepted) == ("1460", ("536", "", "1"))
    assert sent[1]
    at_server = set(by_tshark(tmp_path / "server.pcapng", "tcp.dstport==7", "ip.ttl", "ip.checksum.status"))
    at_client = set(by_tshark(tmp_path / "client.pcapng", "tcp.srcport==7", "ip.ttl", "ip.checksum.status"))
    assert (at_server, at_client) == ({("7", "1")}, {("60", "1")})


ERRORS = {
    "port-unreachable": (("3", "3"), errno.ECONNREFUSED),
    "host-unreachable": (("3", "1"), errno.EHOSTUNREACH),
    "net-unreachable": (("3", "0"), errno.ENETUNREACH),
    "prohibited": (("3", "13"), errno.EHOSTUNREACH),
    "time-exceeded": (("11", "0"), errno.EHOSTUNREACH),
}
"""Type and code, and what Linux makes of it (icmp(7), net/ipv4/icmp.c)."""


def test_icmp_errors_reach_connect(tmp_path: Path) -> None:
    def connect_to_each(seen: Seen) -> None:
        for _ in ERRORS:
            with socket.socket() as client:
                client.settimeout(5)
                seen.errors.append(client.connect_ex(SERVER))

    rules = tuple(f"icmp {word} SYN {number}" for number, word in enumerate(ERRORS, 1))
    assert played(tmp_path, rules, connect_to_each).errors == [number for _, number in ERRORS.values()]
    fields = ("icmp.type", "icmp.code", "icmp.checksum.status", "ip.checksum.status")  # and that of the quoted header
    assert by_tshark(tmp_path / "client.pcapng", "icmp", *fields) == [
        (*kind, "1", "1,1") for kind, _ in ERRORS.values()
    ]
    assert story_of(tmp_path / "server.pcapng") == []


def test_a_smaller_mtu_is_learnt(tmp_path: Path) -> None:
    seen = played(tmp_path, ("icmp too-big mtu 1000 client data 1",), over_tcp(bytes(1400)))
    assert sum(map(len, seen.arrived)) == 1400
    assert seen.kernel is not None
    assert seen.kernel.pmtu == 1000


def test_every_third_datagram_is_lost(tmp_path: Path) -> None:
    seen = played(tmp_path, ("drop client udp every 3",), over_udp(7))
    assert seen.arrived == [bytes((n,)) for n in (0, 1, 3, 4, 6)]


def test_rate(tmp_path: Path) -> None:
    seen = played(tmp_path, ("rate 2mbit client",), over_tcp(bytes(50_000)))
    assert 0.2 <= seen.took_s < 1  # 50 kB are 400 kbit
