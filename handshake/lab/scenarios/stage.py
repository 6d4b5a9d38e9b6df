"""The stage a scenario plays on: a client, a server, and what lies between them."""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import field

from handshake.errors import HandshakeError
from handshake.lab.links import Port, connect, route
from handshake.lab.netns import Host
from handshake.lab.wire import Wire
from handshake.model.record import dataclass

INTERFACE = "eth0"
"""Name of the client's and the server's interface."""

CLIENT_PORT = 40001
"""Source port where a scenario needs but one."""

_PATIENCE_S = 10.0


class ScenarioError(HandshakeError):
    """A scenario did not go as its script says, so its recording would not show what it claims."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What lies between client and server, and how their kernels are set."""

    delay_ms: int = 12
    """How long the way takes, one direction."""
    wire: tuple[str, ...] = ()
    """What the wire does besides (`handshake.lab.rules`)."""
    ipv6: bool = False
    also: tuple[str, ...] = ()
    """Further IPv4 addresses of the server's host."""
    router: str = ""
    """Put a router between them whose route to the server is of this kind: `unreachable`, `prohibit` …"""
    sysctls: Mapping[str, int | str] = field(default_factory=dict)
    """For both hosts."""
    server_sysctls: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stage:
    """Two hosts and the addresses at which they reach each other."""

    client: Host
    server: Host
    client_ip: str
    server_ip: str
    delay_s: float
    """How long the way takes, one direction."""

    def new_socket(self, host: Host, port: int = 0, *, protocol: int = socket.IPPROTO_TCP) -> socket.socket:
        """An unconnected socket of the host, bound to its address and `port` (0: the kernel picks one)."""
        ip = self.client_ip if host is self.client else self.server_ip
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        kind = socket.SOCK_DGRAM if protocol == socket.IPPROTO_UDP else socket.SOCK_STREAM
        with host.inside():
            sock = socket.socket(family, kind, protocol)
        sock.settimeout(_PATIENCE_S)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((ip, port))
        return sock

    def listen(self, port: int, backlog: int = 5) -> socket.socket:
        """Listen at the server."""
        sock = self.new_socket(self.server, port)
        sock.listen(backlog)
        return sock

    def dial(self, port: int, source_port: int = CLIENT_PORT) -> socket.socket:
        """Connect from the client to the server; raises what `connect` raises."""
        sock = self.new_socket(self.client, source_port)
        try:
            sock.connect((self.server_ip, port))
        except OSError:
            sock.close()
            raise
        return sock

    def dial_in_vain(self, port: int, error: int) -> None:
        """Connect from the client and get this errno; raises ScenarioError when it goes otherwise."""
        with self.new_socket(self.client, CLIENT_PORT) as sock:
            got = sock.connect_ex((self.server_ip, port))
        if got != error:
            raise ScenarioError(f"connect gave {os.strerror(got)!r} instead of {os.strerror(error)!r}")

    def start_dialling(self, sock: socket.socket, host: Host, port: int) -> None:
        """Send the SYN to `host` and do not wait for the answer."""
        sock.setblocking(False)
        sock.connect_ex((self.client_ip if host is self.client else self.server_ip, port))

    def pause(self, ways: float = 3) -> None:
        """Wait for as long as it takes to cross the wire that many times."""
        time.sleep(ways * self.delay_s + 0.01)


def wait_connected(*socks: socket.socket) -> None:
    """Wait until each of the dialling sockets is connected; then they block again."""
    for sock in socks:
        if not select.select([], [sock], [], _PATIENCE_S)[1] or sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise ScenarioError("a connection did not open")
        sock.settimeout(_PATIENCE_S)


def accept(listener: socket.socket) -> socket.socket:
    """The next connection from the accept queue."""
    sock, _ = listener.accept()
    sock.settimeout(_PATIENCE_S)
    return sock


def converse(client: socket.socket, server: socket.socket) -> None:
    """One request and its reply."""
    for speaker, listener, text in ((client, server, b"hello, server"), (server, client, b"hello, client")):
        speaker.sendall(text)
        if listener.recv(100) != text:
            raise ScenarioError(f"{text!r} did not arrive as it was sent")


def close(first: socket.socket, second: socket.socket) -> None:
    """Close one end and, once it has heard of it, the other."""
    first.close()
    await_end(second)
    second.close()


def await_end(sock: socket.socket) -> None:
    """Wait until the other end has closed."""
    if sock.recv(1):
        raise ScenarioError("data where the end was to come")


def open_converse_close(stage: Stage) -> None:
    """The plain story: connect, one request and reply, and the client closes first."""
    with stage.listen(80) as listener, stage.dial(80) as client, accept(listener) as peer:
        converse(client, peer)
        close(client, peer)


def abort(sock: socket.socket) -> None:
    """Close with a RST instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@contextmanager
def set_stage(setting: Setting) -> Iterator[Stage]:
    """Build the network; call it inside a private network. Raises OSError where the kernel lacks a sysctl."""
    with ExitStack() as stack:
        client, server = (stack.enter_context(Host(name)) for name in ("client", "server"))
        for host, sysctls in ((client, setting.sysctls), (server, {**setting.sysctls, **setting.server_sysctls})):
            for name, value in sysctls.items():
                _set(host, name, value)
        client_ip, server_ip = ("fd00::1", "fd00::2") if setting.ipv6 else ("10.0.0.1", "10.0.0.2")
        near = Port(client, INTERFACE, (_with_prefix(client_ip),))
        if setting.router:
            server_ip, far = _place_router(stack, setting, server)
        else:
            far = Port(server, INTERFACE, tuple(map(_with_prefix, (server_ip, *setting.also))))
        stack.enter_context(Wire(near, far, delay_ns=setting.delay_ms * 1_000_000, rules=setting.wire))
        if setting.router:
            route(client, "default", via=far.addresses[0].split("/")[0])
        yield Stage(client, server, client_ip, server_ip, setting.delay_ms / 1000)


def _set(host: Host, name: str, value: int | str) -> None:
    """Set a sysctl; what is to be off and is unknown to this kernel is off."""
    try:
        host.sysctl(name, value)
    except FileNotFoundError:
        if value:
            raise


def _place_router(stack: ExitStack, setting: Setting, server: Host) -> tuple[str, Port]:
    """A router that knows the server's network but not the way to the server: its address, the router's near port."""
    router = stack.enter_context(Host("router"))
    if setting.ipv6:
        router.sysctl("net.ipv6.conf.all.forwarding", 1)
        router.sysctl("net.ipv6.conf.default.forwarding", 0)  # an interface that forwards announces itself (MLD)
        near_ip, far_ip, server_ip = "fd00::fe", "fd00:0:0:1::fe", "fd00:0:0:1::2"
    else:
        router.sysctl("net.ipv4.ip_forward", 1)
        near_ip, far_ip, server_ip = "10.0.0.254", "10.0.1.254", "10.0.1.2"
    far = Port(router, "far", (_with_prefix(far_ip),))
    connect(far, Port(server, INTERFACE, (_with_prefix(server_ip),)))
    route(server, "default", via=far_ip)
    route(router, server_ip, kind=setting.router)
    return server_ip, Port(router, "near", (_with_prefix(near_ip),))


def _with_prefix(ip: str) -> str:
    return f"{ip}/64" if ":" in ip else f"{ip}/24"
