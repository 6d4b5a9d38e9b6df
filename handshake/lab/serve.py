"""The lab's servers, all at once: each service of `SERVICES` at a port of one address."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import field

from handshake.errors import HandshakeError, ToolError
from handshake.lab.applications import PASSWORD, USER, file_server, mail_server, name_server
from handshake.lab.listening import Listener, Tell, serving
from handshake.lab.netns import Host
from handshake.lab.servers import stream_handler, udp_echo
from handshake.model.record import dataclass

FILES = {"file.txt": b"three hundred bytes\n" * 15}
WEB_NAME = "www.lab"
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of server."""

    protocol: str
    port: int
    """Where it is at home."""
    hint: str
    """A command that talks to it."""
    name: str = ""
    """In the zone `lab`."""


SERVICES = {
    "tcp-echo": Service("TCP", 7, "handshake probe {address}:{port}", "www.lab"),
    "udp-echo": Service("UDP", 7, "handshake probe --udp {address}:{port}", "www.lab"),
    "dns": Service("UDP and TCP", 53, f"dig @{{address}} -p {{port}} {WEB_NAME}"),
    "http-1.0": Service("TCP", 8080, "curl 'http://{address}:{port}/[1-3]'", "www.lab"),
    "http-1.1": Service("TCP", 80, "curl 'http://{address}:{port}/[1-3]'", "www.lab"),
    "smtp": Service("TCP", 25, "curl smtp://{address}:{port} --mail-rcpt bob -T FILE", "mail.lab"),
    "ftp": Service("TCP", 21, f"curl ftp://{USER}:{PASSWORD}@{{address}}:{{port}}/file.txt", "ftp.lab"),
}


@dataclass(slots=True)
class Serving:
    """What serves now."""

    ports: dict[str, int] = field(default_factory=dict)
    """By service, in the order of `SERVICES`."""
    listeners: list[Listener] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    """Why the others do not."""


@contextmanager
def serve(
    names: Sequence[str],
    address: str,
    ports: Mapping[str, int],
    tell: Tell,
    host: Host,
    *,
    backlog: int = 5,
    accept_delay_s: float = 0.0,
    threads: int = 4,
) -> Iterator[Serving]:
    """Serve in threads until the block ends; a port that is not given, or 0, is any free one.

    Servers whose library is missing are left out and named in `lacking`. Raises HandshakeError when a port cannot
    be had.
    """
    now = Serving()
    with ExitStack() as stack:

        def listen(name: str) -> Listener:
            with host.inside():
                listener = Listener(name, (address, ports.get(name, 0)), tell, backlog=backlog, delay_s=accept_delay_s)
            now.listeners.append(stack.enter_context(listener))
            return listener

        for name in names:
            try:
                if SERVICES[name].protocol == "TCP":
                    listener = listen(name)
                    stack.enter_context(_stream(name, listener, host, tell, threads))
                    now.ports[name] = listener.getsockname()[1]
                else:
                    at = (address, ports.get(name) or _free_port(address, host))
                    stack.enter_context(_datagrams(name, at, host))
                    now.ports[name] = at[1]
            except ToolError as error:
                now.lacking.append(f"{name}: {error}")
                if now.listeners and now.listeners[-1].service == name:
                    now.listeners.pop().close()
            except OSError as error:
                raise HandshakeError(f"{name}: cannot listen at port {ports.get(name)}: {error.strerror}") from None
        for listener in now.listeners:
            stack.callback(listener.halted.set)
        yield now


def _stream(name: str, listener: Listener, host: Host, tell: Tell, threads: int) -> AbstractContextManager[object]:
    if name == "smtp":
        return mail_server(listener, host)
    if name == "ftp":
        return file_server(listener, host, FILES)
    return serving(listener, stream_handler(name), tell, threads=threads)


def _datagrams(name: str, address: tuple[str, int], host: Host) -> AbstractContextManager[object]:
    if name == "udp-echo":
        return udp_echo(address, host)
    return name_server(address, zone(address[0]), host)


def zone(address: str) -> str:
    """Names of the lab: everything is at one address."""
    return "".join(f"{name}.lab. 60 IN A {address}\n" for name in ("www", "mail", "ftp", "ns"))


def _free_port(address: str, host: Host) -> int:
    """A port that was free just now, for UDP and for TCP."""
    for _ in range(_TRIES):
        with host.inside(), socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp, suppress(OSError):
            udp.bind((address, 0))
            tcp.bind(udp.getsockname())
            return int(udp.getsockname()[1])
    raise HandshakeError(f"no port of {address} is free for UDP and TCP alike")
