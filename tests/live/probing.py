"""What the live tests of the probe share: a network, the probe as a dialogue, the kernel's view."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from handshake.lab.links import Port, connect, route
from handshake.lab.netns import Host, private_network_refusal, run_in_private_network
from handshake.model.address import Endpoint
from handshake.model.packet import Frame, IcmpError, Segment, flag_names
from handshake.model.report import Approach
from handshake.probe.approach import prepare
from handshake.probe.run import Probe
from handshake.source.live import Sniffer
from handshake.wire.decode import decode
from tests.support import require

NETWORKS = ("lo IPv4", "lo IPv6", "veth IPv4", "veth IPv6")
STATES = {
    "01": "ESTABLISHED", "02": "SYN-SENT", "03": "SYN-RECEIVED", "04": "FIN-WAIT-1", "05": "FIN-WAIT-2",
    "06": "TIME-WAIT", "07": "CLOSED", "08": "CLOSE-WAIT", "09": "LAST-ACK", "0A": "LISTEN", "0B": "CLOSING",
    "0C": "SYN-RECEIVED",
}  # fmt: skip


def privately(function: Callable[..., None], *args: object) -> None:
    """Run a test's body inside a private network; skip where the machine has none to give."""
    refusal = private_network_refusal()
    require(refusal is None, refusal or "")
    run_in_private_network(function, *args)


@dataclass
class Network:
    """A client side and a server side, which on loopback are one."""

    server_ip: str
    client: Host | None = None
    server: Host | None = None

    def listen(self) -> socket.socket:
        """A listening socket of the server's kernel on a free port."""
        family = socket.AF_INET6 if ":" in self.server_ip else socket.AF_INET
        with self.on_server():
            listener = socket.create_server((self.server_ip, 0), family=family)
        listener.settimeout(5)
        return listener

    def on_server(self) -> AbstractContextManager[None]:
        """Work inside the server's host."""
        return self.server.inside() if self.server else nullcontext()

    def approach(self, port: int) -> Approach:
        host = f"[{self.server_ip}]" if ":" in self.server_ip else self.server_ip
        with self.client.inside() if self.client else nullcontext():
            return prepare(f"{host}:{port}")

    def probe(self, port: int, **options: float) -> Dialogue:
        """Probe the port of the server and take down what was said."""
        approach = self.approach(port)
        with self.client.inside() if self.client else nullcontext():
            probe = Probe(approach, **options)  # type: ignore[arg-type]
            with probe, Sniffer(approach.route.interface, program=probe.program) as sniffer:
                frames = list(probe.run(sniffer))
                return Dialogue(probe.endpoint, approach.server, frames, sniffer.drops)

    def prohibit(self, target: str) -> None:
        """Let the client's packets to another host end at the server, which as a router may not pass them on."""
        assert self.client is not None
        assert self.server is not None
        self.server.sysctl("net.ipv4.ip_forward", 1)
        self.server.sysctl("net.ipv6.conf.all.forwarding", 1)
        prefix = f"{target}/{128 if ':' in target else 32}"
        route(self.client, prefix, via=self.server_ip)
        route(self.server, prefix, kind="prohibit")

    def server_states(self) -> list[str]:
        """States of the TCP sockets of the server's kernel, listeners left out."""
        with self.on_server():
            return kernel_states()


@contextmanager
def network(kind: str) -> Iterator[Network]:
    """One of NETWORKS, inside a private network."""
    inet6 = kind.endswith("6")
    if kind.startswith("lo"):
        yield Network("::1" if inet6 else "127.0.0.1")
        return
    with Host("client") as client, Host("server") as server:
        addresses = ("fd00::1/64", "fd00::2/64") if inet6 else ("10.0.0.1/24", "10.0.0.2/24")
        connect(Port(client, "eth0", addresses[:1]), Port(server, "eth0", addresses[1:]))
        yield Network("fd00::2" if inet6 else "10.0.0.2", client, server)


def kernel_states() -> list[str]:
    """States of the TCP sockets of the calling thread's namespace, listeners left out: the independent witness."""
    tables = (Path("/proc/thread-self/net", name) for name in ("tcp", "tcp6"))
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    return [STATES[row[3]] for row in rows if STATES[row[3]] != "LISTEN"]


@dataclass
class Dialogue:
    """A probe as its frames tell it."""

    client: Endpoint
    server: Endpoint
    frames: list[Frame]
    drops: int = 0

    @property
    def packets(self) -> list[Segment | IcmpError]:
        decoded = (decode(frame).transport for frame in self.frames)
        return [packet for packet in decoded if isinstance(packet, Segment | IcmpError)]

    @property
    def segments(self) -> list[Segment]:
        ends = {self.client, self.server}
        return [packet for packet in self.packets if isinstance(packet, Segment) and {packet.src, packet.dst} == ends]

    @property
    def lines(self) -> list[str]:
        """`client SYN`, `server SYN,ACK` … in the order of capture; ICMP errors as `icmp MEANING`."""
        return [
            f"icmp {packet.meaning}"
            if isinstance(packet, IcmpError)
            else f"{'client' if packet.src == self.client else 'server'} {','.join(flag_names(packet.flags))}"
            for packet in self.packets
        ]


@contextmanager
def running(body: Callable[[], None]) -> Iterator[None]:
    """Run `body` in a thread beside the block; its exception comes out at the end."""
    caught: list[BaseException] = []

    def guarded() -> None:
        try:
            body()
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    try:
        yield
    finally:
        thread.join(20)
        assert not thread.is_alive()
    for error in caught:
        raise error


def next_to(sniffer: Sniffer, to: Endpoint) -> Segment:
    """The next segment to an endpoint."""
    while frame := sniffer.read(5):
        packet = decode(frame).transport
        if isinstance(packet, Segment) and packet.dst == to:
            return packet
    raise TimeoutError(f"no segment to {to}")


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 5) -> None:
    """Poll until the condition holds; fail the test when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout_s} s: {what}")
        time.sleep(0.01)
