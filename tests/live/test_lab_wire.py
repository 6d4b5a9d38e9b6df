"""The wire takes at least its time, and loses exactly what its rules say."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from handshake.lab.links import Port
from handshake.lab.netns import Host, run_in_private_network
from handshake.lab.recorder import record
from handshake.lab.servers import tcp_echo, udp_echo
from handshake.lab.wire import Script, Wire
from handshake.model.packet import Packet
from tests.live.lab_stories import story_of

pytestmark = pytest.mark.usefixtures("private_networks")

SERVER = ("10.0.0.2", 7)
DELAY_NS = 30_000_000


def ports(client: Host, server: Host) -> tuple[Port, Port]:
    return Port(client, "eth0", ("10.0.0.1/24",)), Port(server, "eth0", ("10.0.0.2/24",))


def test_delays_each_way() -> None:
    def round_trips() -> list[int]:
        with (
            Host("client") as client,
            Host("server") as server,
            Wire(*ports(client, server), delay_ns=DELAY_NS),
            udp_echo(SERVER, server),
            client.inside(),
        ):
            return [_udp_round_trip_ns() for _ in range(5)]

    measured = run_in_private_network(round_trips)
    assert min(measured) >= 2 * DELAY_NS
    assert min(measured) < 3 * DELAY_NS


def _udp_round_trip_ns() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect(SERVER)
        started = time.monotonic_ns()
        client.send(b"hello")
        assert client.recv(10) == b"hello"
        return time.monotonic_ns() - started


def test_loses_exactly_what_the_rules_say(tmp_path: Path) -> None:
    def play() -> None:
        with (
            Host("client") as client,
            Host("server") as server,
            Wire(*ports(client, server), delay_ns=DELAY_NS, rules=("drop SYN 1", "drop FIN 1")),
            tcp_echo(SERVER, server),
            record(client, "eth0", tmp_path / "client.pcap"),
            record(server, "eth0", tmp_path / "server.pcap"),
        ):
            with client.inside(), socket.create_connection(SERVER, timeout=5):
                pass
            time.sleep(1)

    run_in_private_network(play)
    at_client, at_server = (story_of(tmp_path / f"{place}.pcap") for place in ("client", "server"))
    assert at_client == [">S", ">S", "<SA", ">A", ">FA", ">FA", "<FA", ">A"]
    assert at_server == [">S", "<SA", ">A", ">FA", "<FA", ">A"]


def test_an_error_in_the_script_comes_out() -> None:
    def break_down(_: Packet) -> bool:
        raise ZeroDivisionError("the script is wrong")

    def play(script: Script) -> None:
        with Host("client") as client, Host("server") as server, Wire(*ports(client, server), script=script):
            with client.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.sendto(b"hello", SERVER)
            time.sleep(0.1)

    with pytest.raises(ZeroDivisionError, match="the script is wrong"):
        run_in_private_network(play, break_down)
