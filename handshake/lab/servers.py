"""Small real servers: ordinary sockets of the standard library, each in a thread, closed without a trace."""

from __future__ import annotations

import base64
import hashlib
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from socket import AF_INET6
from socketserver import BaseRequestHandler, BaseServer, ThreadingTCPServer, UDPServer

from handshake.lab.netns import Host
from handshake.model.dns import CNAME, NXDOMAIN
from handshake.wire.dns import encode_answer, encode_name, read_question

Address = tuple[str, int]
"""IP address as text, and port."""

OBJECT_BYTES = 300
"""Size of every object of the HTTP server."""


def tcp_echo(address: Address, host: Host | None = None) -> AbstractContextManager[BaseServer]:
    """Send back what comes, until the client ends its side."""
    return _serving(ThreadingTCPServer, address, _TcpEcho, host)


def udp_echo(address: Address, host: Host | None = None) -> AbstractContextManager[BaseServer]:
    """Send back each datagram."""
    return _serving(UDPServer, address, _UdpEcho, host)


def dns(
    address: Address, zone: Mapping[tuple[str, int], Sequence[bytes]], host: Host | None = None, *, ttl_s: int = 60
) -> AbstractContextManager[BaseServer]:
    """A name server for the records of `zone`, data by name and type; what it does not hold does not exist."""
    return _serving(UDPServer, address, type("_Zone", (_Dns,), {"zone": zone, "ttl_s": ttl_s}), host)


def http(
    address: Address, host: Host | None = None, *, version: str = "1.1", tls: ssl.SSLContext | None = None
) -> AbstractContextManager[BaseServer]:
    """Answer each GET and POST with a small object; `version` 1.0 closes after it, 1.1 keeps the connection."""
    handler = type("_Tls", (stream_handler(f"http-{version}"),), {"tls": tls})
    return _serving(ThreadingTCPServer, address, handler, host)


def stream_handler(service: str) -> type[BaseRequestHandler]:
    """What serves one connection of `tcp-echo`, `http-1.0`, `http-1.1`, called with socket, client's address, None."""
    if service == "tcp-echo":
        return _TcpEcho
    return type("_Http", (_Http,), {"protocol_version": f"HTTP/{service.removeprefix('http-')}"})


@contextmanager
def _serving(
    kind: type[ThreadingTCPServer | UDPServer], address: Address, handler: type[BaseRequestHandler], host: Host | None
) -> Iterator[BaseServer]:
    """Serve in a thread: in the given host, or where the caller is."""
    inet6 = {"address_family": AF_INET6} if ":" in address[0] else {}
    family_kind = type(kind.__name__, (kind,), {"allow_reuse_address": True, **inet6})
    if host is None:
        server = family_kind(address, handler)
    else:
        with host.inside():
            server = family_kind(address, handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _TcpEcho(BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(4096):
            self.request.sendall(data)


class _UdpEcho(BaseRequestHandler):
    def handle(self) -> None:
        data, sock = self.request
        sock.sendto(data, self.client_address)


class _Dns(BaseRequestHandler):
    zone: Mapping[tuple[str, int], Sequence[bytes]] = {}
    ttl_s = 0

    def handle(self) -> None:
        """Answer with what the zone has; an alias (CNAME) is answered with itself and what it leads to."""
        query, sock = self.request
        question = read_question(query)
        if question is None:
            return
        name, kind = question
        records = []
        if (name, CNAME) in self.zone:
            (alias,) = self.zone[name, CNAME]
            records.append((name, CNAME, self.ttl_s, encode_name(alias.decode())))
            name = alias.decode()
        records += [(name, kind, self.ttl_s, data) for data in self.zone.get((name, kind), ())]
        known = any(owner == name for owner, _ in self.zone)
        sock.sendto(encode_answer(query, records, 0 if known else NXDOMAIN), self.client_address)


class _Http(BaseHTTPRequestHandler):
    server_version, sys_version, wbufsize = "lab", "", -1
    disable_nagle_algorithm = True
    tls: ssl.SSLContext | None = None

    def setup(self) -> None:
        """The TLS handshake, if it is to be, comes before the first request."""
        if self.tls is not None:
            self.request = self.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        """End TLS before TCP (close_notify, RFC 8446 §6.1)."""
        super().finish()
        if isinstance(self.request, ssl.SSLSocket):
            with suppress(OSError):
                self.request.unwrap()
            self.request.close()

    def handle_expect_100(self) -> bool:
        """Answer `100 Continue` at once (RFC 9110 §10.1.1)."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def do_POST(self) -> None:
        """Take the body and answer as to a GET."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        """Answer with an object made of its own path, or agree to WebSocket (RFC 6455 §4.2.2)."""
        if self.headers.get("Upgrade") == "websocket":
            key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
            self.end_headers()
            self.close_connection = True
            return
        body = (self.path.encode() * OBJECT_BYTES)[:OBJECT_BYTES]
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet: the packets are the log."""
