"""Applications: what their handshakes cost, and UDP, which has none."""

from __future__ import annotations

import socket
from contextlib import suppress
from http.client import HTTPResponse

from handshake.lab.scenarios.plays import play
from handshake.lab.scenarios.stage import CLIENT_PORT, ScenarioError, Stage, await_end
from handshake.lab.servers import OBJECT_BYTES, http, tcp_echo, udp_echo

PATHS = ("/one", "/two", "/three")


@play
def udp_and_tcp_echo(stage: Stage) -> None:
    """UDP has its reply after one round trip, TCP after two; a closed UDP port answers with ICMP port unreachable."""
    with udp_echo((stage.server_ip, 7), stage.server), tcp_echo((stage.server_ip, 7), stage.server):
        with _udp(stage, 7) as client:
            client.send(b"hello, server")
            client.recv(100)
        with stage.dial(7) as client:
            client.sendall(b"hello, server")
            client.recv(100)
        stage.pause()
        with _udp(stage, 9) as client:
            client.send(b"is anybody there?")
            try:
                client.recv(100)
            except ConnectionRefusedError:
                return
            raise ScenarioError("a closed UDP port answered")


@play
def echo_with_loss(stage: Stage) -> None:
    """The client waits for its datagram to come back, and asks again; of TCP it asks once."""
    with udp_echo((stage.server_ip, 7), stage.server), tcp_echo((stage.server_ip, 7), stage.server):
        with _udp(stage, 7) as client:
            client.settimeout(0.5)
            client.send(b"hello, server")
            with suppress(TimeoutError):
                client.recv(100)
                raise ScenarioError("a datagram arrived that was to be lost")
            client.send(b"hello again")
            client.recv(100)
        with stage.dial(7) as client:
            client.sendall(b"hello, server")
            client.recv(100)
        stage.pause()


@play
def http_10(stage: Stage) -> None:
    """Each object costs a handshake; the server closes after its answer."""
    with http((stage.server_ip, 80), stage.server, version="1.0"):
        for path, source_port in zip(PATHS, (40001, 40002, 40003), strict=True):
            with stage.dial(80, source_port) as client:
                _get(client, path, "1.0")
                await_end(client)


@play
def http_11(stage: Stage) -> None:
    """The connection is kept, so that only the first object waits for a handshake."""
    with http((stage.server_ip, 80), stage.server, version="1.1"), stage.dial(80) as client:
        for path in PATHS:
            _get(client, path, "1.1")


def _udp(stage: Stage, port: int) -> socket.socket:
    client = stage.new_socket(stage.client, CLIENT_PORT, protocol=socket.IPPROTO_UDP)
    client.connect((stage.server_ip, port))
    return client


def _get(client: socket.socket, path: str, version: str) -> None:
    client.sendall(f"GET {path} HTTP/{version}\r\nHost: server\r\n\r\n".encode())
    with HTTPResponse(client) as answer:
        answer.begin()
        if answer.status != 200 or len(answer.read()) != OBJECT_BYTES:
            raise ScenarioError(f"GET {path}: {answer.status} {answer.reason}")
