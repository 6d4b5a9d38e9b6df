"""The same exchanges over TCP and over UDP, again and again, across a wire that takes its time and may lose packets.

Echo: over UDP the program waits a second for the reply, and that was it. DNS: a resolver asks again after a second,
twice at most. Over TCP both leave all of that to the kernel.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from random import Random

from handshake.lab.applications import borrowed, name_server
from handshake.lab.netns import Host, run_in_private_network
from handshake.lab.pair import CLIENT_IP, SERVER_IP, pair
from handshake.lab.recorder import record
from handshake.lab.scenarios.stage import CLIENT_PORT, INTERFACE
from handshake.lab.servers import tcp_echo, udp_echo
from handshake.model.comparison import Service, Trial
from handshake.model.packet import Datagram, Packet, Segment
from handshake.model.record import dataclass

FIRST = "the 1st packet of each exchange"
"""A loss that is no matter of chance."""
_TEXT = b"hello, server"
_NAME = "www.example"
_ZONE = f"{_NAME}. 300 IN A {SERVER_IP}\n"
_ASKED = 3
"""Times that a resolver asks over UDP."""
_UDP_PATIENCE_S, _TCP_PATIENCE_S = 1.0, 15.0


Exchange = Callable[[Host, int], bool]
"""Made from this port of the client; whether the reply came."""


@dataclass(frozen=True, slots=True)
class Contest:
    """What to play."""

    count: int
    """Times that each service is used over each transport."""
    delay_ms: float
    """How long the wire takes, one direction."""
    loss_percent: float = 0
    """How likely it loses a packet."""
    lose_first: bool = False
    """It loses the first packet of each exchange instead."""
    seed: int = 3
    services: tuple[Service, ...] = tuple(Service)

    @property
    def loss(self) -> str:
        """What is lost, in words; empty: nothing."""
        if self.lose_first:
            return FIRST
        return f"{self.loss_percent:g} %" if self.loss_percent else ""

    @property
    def patience_s(self) -> float:
        """As long as all of it may take at the very most."""
        return 30 + self.count * max(_ASKED * _UDP_PATIENCE_S, 2 * _TCP_PATIENCE_S)

    def play(self, path: str | os.PathLike[str]) -> Trial:
        """Play it in a private network, recorded at the client to `path`.

        Raises PrivilegeError as `enter_private_network` does, ToolError where DNS is asked for and dnslib is missing.
        """
        if Service.DNS in self.services:
            borrowed("dnslib")
        return run_in_private_network(_play, self, path, timeout_s=self.patience_s)


class Dice:
    """Loses packets; each has dice of its own, so that the same seed loses the same, however they come in turn."""

    def __init__(self, contest: Contest) -> None:
        self._contest = contest
        self._seen: Counter[tuple[str, str, str]] = Counter()
        self.lost: Counter[str] = Counter()

    def __call__(self, packet: Packet) -> bool:
        """Whether the wire is to lose it (`handshake.lab.wire.Script`)."""
        transport = packet.transport
        if not isinstance(transport, Segment | Datagram):
            return False
        kind = "tcp" if isinstance(transport, Segment) else "udp"
        flow = kind, str(transport.src), str(transport.dst)
        self._seen[flow] += 1
        lost = self._lose(flow, self._seen[flow])
        self.lost[kind] += lost
        return lost

    def _lose(self, flow: tuple[str, str, str], number: int) -> bool:
        if self._contest.lose_first:
            return number == 1 and flow[1].startswith(f"{CLIENT_IP}:")
        dice = Random(f"{self._contest.seed} {flow} {number}")
        return dice.random() * 100 < self._contest.loss_percent


def _play(contest: Contest, path: str | os.PathLike[str]) -> Trial:
    dice = Dice(contest)
    failed: Counter[str] = Counter()
    with ExitStack() as stack:
        stage = stack.enter_context(pair(contest.delay_ms, dice))
        client, server = stage.client, stage.server
        _serve(stack, contest, server)
        stack.enter_context(record(client, INTERFACE, path, quiet_s=0.3 + 2 * contest.delay_ms / 1000))
        lanes = [lane for service in contest.services for lane in _EXCHANGES[service].items()]
        with ThreadPoolExecutor(len(lanes)) as pool:
            for transport, gave_up in pool.map(partial(_in_turn, client, contest.count), lanes):
                failed[transport] += gave_up
        stage.pause(4)
    return Trial(
        contest.count,
        round(contest.delay_ms * 1_000_000),
        contest.loss,
        contest.seed,
        (dice.lost["tcp"], dice.lost["udp"]),
        (failed["tcp"], failed["udp"]),
    )


def _in_turn(client: Host, times: int, lane: tuple[str, Exchange]) -> tuple[str, int]:
    """One exchange after the other over one transport; how many got no reply."""
    transport, exchange = lane
    return transport, sum(not exchange(client, CLIENT_PORT + number) for number in range(times))


def _serve(stack: ExitStack, contest: Contest, server: Host) -> None:
    if Service.ECHO in contest.services:
        stack.enter_context(tcp_echo((SERVER_IP, 7), server))
        stack.enter_context(udp_echo((SERVER_IP, 7), server))
    if Service.DNS in contest.services:
        stack.enter_context(name_server((SERVER_IP, 53), _ZONE, server))


def _echo_tcp(client: Host, port: int) -> bool:
    return _over_tcp(client, port, 7, _TEXT, len(_TEXT))


def _echo_udp(client: Host, port: int) -> bool:
    return _over_udp(client, port, 7, _TEXT, 1)


def _dns_tcp(client: Host, port: int) -> bool:
    query = _question(port)
    return _over_tcp(client, port, 53, len(query).to_bytes(2) + query, 2 + len(query))


def _dns_udp(client: Host, port: int) -> bool:
    return _over_udp(client, port, 53, _question(port), _ASKED)


_EXCHANGES: Mapping[Service, Mapping[str, Exchange]] = {
    Service.ECHO: {"udp": _echo_udp, "tcp": _echo_tcp},
    Service.DNS: {"udp": _dns_udp, "tcp": _dns_tcp},
}


def _question(number: int) -> bytes:
    question = borrowed("dnslib").DNSRecord.question(_NAME, "A")
    question.header.id = number % (1 << 16)
    return bytes(question.pack())


def _over_tcp(client: Host, port: int, service: int, request: bytes, least: int) -> bool:
    """Connect, ask, read so many bytes at least, close."""
    with _socket(client, socket.SOCK_STREAM, port, _TCP_PATIENCE_S) as sock:
        try:
            sock.connect((SERVER_IP, service))
            sock.sendall(request)
            got = 0
            while got < least:
                piece = sock.recv(4096)
                if not piece:
                    return False
                got += len(piece)
        except OSError:
            return False
    return True


def _over_udp(client: Host, port: int, service: int, request: bytes, most: int) -> bool:
    """Ask so many times at most."""
    with _socket(client, socket.SOCK_DGRAM, port, _UDP_PATIENCE_S) as sock:
        sock.connect((SERVER_IP, service))
        for _ in range(most):
            sock.send(request)
            try:
                sock.recv(4096)
            except TimeoutError:
                continue
            return True
    return False


def _socket(client: Host, kind: int, port: int, patience_s: float) -> socket.socket:
    with client.inside():
        sock = socket.socket(socket.AF_INET, kind)
    sock.settimeout(patience_s)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((CLIENT_IP, port))
    return sock
