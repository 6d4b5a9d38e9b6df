"""Dialogues: real clients and servers of DNS, HTTP, SMTP, FTP and TLS, and the handshakes around what they say."""

from __future__ import annotations

import ftplib
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from typing import Any

from handshake.lab.applications import (
    MAIL_HOST,
    PASSWORD,
    USER,
    borrowed,
    certificate,
    file_server,
    mail_server,
    name_server,
)
from handshake.lab.scenarios.application import PATHS
from handshake.lab.scenarios.plays import play
from handshake.lab.scenarios.stage import CLIENT_PORT, ScenarioError, Stage, await_end
from handshake.lab.servers import OBJECT_BYTES, http

WEB_NAME = "www.example"
RESOLVER = "10.0.0.53"
ZONE = f"""
{WEB_NAME}. 300 IN A 10.0.0.2
{WEB_NAME}. 300 IN AAAA fd00::2
""" + "".join(f"many.example. 60 IN A 10.1.0.{number}\n" for number in range(1, 41))
MAIL = f"From: {USER}@client.example\nTo: bob@{MAIL_HOST}\nSubject: lab\n\nA mail of one line.\n.and a dot.\n"


@play
def dns_then_http(stage: Stage) -> None:
    """A stub resolver asks for A and AAAA; three objects over one HTTP/1.1 connection, then over three of HTTP/1.0."""
    with (
        name_server((RESOLVER, 53), ZONE, stage.server),
        http((stage.server_ip, 80), stage.server, version="1.1"),
        http((stage.server_ip, 8080), stage.server, version="1.0"),
    ):
        with _udp(stage, 40053) as sock:
            address = _ask(sock, {1: "A", 2: "AAAA"})[1]
        kept = _connection(stage, address, 80, CLIENT_PORT)
        for path in PATHS:
            _get(kept, path)
        kept.close()
        stage.pause()
        for number, path in enumerate(PATHS):
            shortly = partial(stage.pause, 1)  # less than the 40 ms for which kernels keep an ACK back
            _get(_connection(stage, address, 8080, CLIENT_PORT + 1 + number), path, wait=shortly)
            stage.pause()


@play
def dns_truncated(stage: Stage) -> None:
    """An answer of forty addresses is cut over UDP and asked for again over TCP; another name does not exist."""
    with name_server((RESOLVER, 53), ZONE, stage.server):
        with _udp(stage, 40053) as sock:
            _ask(sock, {1: "A"}, "many.example", truncated=True)
        with stage.new_socket(stage.client, CLIENT_PORT) as sock:
            sock.connect((RESOLVER, 53))
            _ask(sock, {1: "A"}, "many.example")
            await_end(sock)
        stage.pause()
        with _udp(stage, 40054) as sock:
            _ask(sock, {2: "A"}, "nowhere.example", exists=False)


@play
def smtp(stage: Stage) -> None:
    """The server speaks first: banner, EHLO, MAIL, RCPT, DATA, QUIT, each command a round trip of its own."""
    with mail_server((stage.server_ip, 25), stage.server), _mail_client(stage, CLIENT_PORT) as client:
        _send_mail(client)


@play
def smtp_login(stage: Stage) -> None:
    """Name and password go over the wire for all to read, by AUTH PLAIN and by AUTH LOGIN; they are not shown."""
    with mail_server((stage.server_ip, 25), stage.server, login=True):
        with _mail_client(stage, CLIENT_PORT) as client:
            client.login(USER, PASSWORD)
            _send_mail(client)
        stage.pause()
        with _mail_client(stage, CLIENT_PORT + 1) as client:
            client.user, client.password = USER, PASSWORD
            client.ehlo()
            client.auth("LOGIN", client.auth_login)


@play
def tls(stage: Stage) -> None:
    """On top of the TCP handshake TLS 1.3 takes one round trip, TLS 1.2 two; the server's name is said in clear."""
    with certificate(WEB_NAME) as (server, client), http((stage.server_ip, 443), stage.server, tls=server):
        for number, version in enumerate((ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2)):
            client.maximum_version = version
            with client.wrap_socket(stage.dial(443, CLIENT_PORT + number), server_hostname=WEB_NAME) as sock:
                sock.sendall(f"GET / HTTP/1.1\r\nHost: {WEB_NAME}\r\n\r\n".encode())
                _read(sock, OBJECT_BYTES)
                with sock.unwrap() as plain:
                    await_end(plain)
            stage.pause()


@play
def http_oddities(stage: Stage) -> None:
    """Three requests at once (pipelining), 100-continue before a body, an upgrade to WebSocket, and HTTP/0.9."""
    head = f"Host: {WEB_NAME}\r\n"
    with http((stage.server_ip, 80), stage.server):
        with stage.dial(80) as client:
            client.sendall("".join(f"GET {path} HTTP/1.1\r\n{head}\r\n" for path in PATHS).encode())
            _read(client, 3 * OBJECT_BYTES)
        stage.pause()
        with stage.dial(80, CLIENT_PORT + 1) as client:
            client.sendall(f"POST /upload HTTP/1.1\r\n{head}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode())
            _read(client, 1)
            client.sendall(b"hello")
            _read(client, OBJECT_BYTES)
        stage.pause()
        with stage.dial(80, CLIENT_PORT + 2) as client:
            upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"  # the key of RFC 6455 §1.3
            client.sendall(f"GET /chat HTTP/1.1\r\n{head}{upgrade}{key}\r\n".encode())
            _read(client, 1)
            await_end(client)
        stage.pause()
        with stage.dial(80, CLIENT_PORT + 3) as client:
            client.sendall(b"GET /old\r\n\r\n")
            _read(client, OBJECT_BYTES)
            await_end(client)


def _udp(stage: Stage, port: int) -> socket.socket:
    sock = stage.new_socket(stage.client, port, protocol=socket.IPPROTO_UDP)
    sock.connect((RESOLVER, 53))
    return sock


def _ask(
    sock: socket.socket, kinds: dict[int, str], name: str = WEB_NAME, *, truncated: bool = False, exists: bool = True
) -> dict[int, str]:
    """Put all questions (type by id) at once, and take the answers: the first record of each, by id."""
    dns = borrowed("dnslib")
    stream = sock.type is socket.SOCK_STREAM
    for number, kind in kinds.items():
        question = dns.DNSRecord.question(name, kind)
        question.header.id = number
        message = question.pack()
        sock.send((len(message).to_bytes(2) if stream else b"") + message)
    found: dict[int, str] = {}
    for _ in kinds:
        answer = dns.DNSRecord.parse(_framed(sock) if stream else sock.recv(4096))
        if (bool(answer.header.tc), answer.header.rcode == 0) != (truncated, exists):
            raise ScenarioError(f"{name}: an answer that was not expected: {answer}")
        if answer.rr:
            found[answer.header.id] = str(answer.rr[0].rdata)
    return found


def _framed(sock: socket.socket) -> bytes:
    """One message behind its length (RFC 7766 §8)."""
    stream = sock.makefile("rb")
    return stream.read(int.from_bytes(stream.read(2)))


def _connection(stage: Stage, address: str, port: int, source_port: int) -> HTTPConnection:
    with stage.client.inside():
        connection = HTTPConnection(address, port, timeout=10, source_address=(stage.client_ip, source_port))
        connection.connect()
    return connection


def _get(connection: HTTPConnection, path: str, wait: Callable[[], None] = lambda: None) -> None:
    """Fetch an object; the library closes the connection with the last byte, `wait` lets the server be first."""
    connection.request("GET", path, headers={"Host": WEB_NAME})
    answer = connection.getresponse()
    wait()
    if answer.status != 200 or len(answer.read()) != OBJECT_BYTES:
        raise ScenarioError(f"GET {path}: {answer.status} {answer.reason}")


@contextmanager
def _mail_client(stage: Stage, source_port: int) -> Iterator[smtplib.SMTP]:
    """Connect, and after the block take leave and let the server close first."""
    with stage.client.inside():
        source = stage.client_ip, source_port
        client = smtplib.SMTP(stage.server_ip, 25, "client.example", timeout=10, source_address=source)
    yield client
    client.docmd("QUIT")
    _close_second(client)


def _send_mail(client: smtplib.SMTP) -> None:
    client.sendmail(f"{USER}@client.example", [f"bob@{MAIL_HOST}"], MAIL)


@play
def ftp(stage: Stage, *, passive: bool) -> None:
    """Log in, fetch a file, leave."""
    content = b"three hundred bytes\n" * 15
    parts: list[Any] = []
    with (
        file_server((stage.server_ip, 21), stage.server, {"file.txt": content}, passive_port=50001),
        stage.client.inside(),
        ftplib.FTP(
            stage.server_ip, USER, PASSWORD, timeout=10, source_address=(stage.client_ip, CLIENT_PORT)
        ) as client,
    ):
        client.source_address = (stage.client_ip, 0)  # of the data connection
        client.set_pasv(passive)
        client.retrbinary("RETR file.txt", parts.append)
        client.sendcmd("QUIT")
        _close_second(client)
    if b"".join(parts) != content:
        raise ScenarioError("the file did not arrive as it was sent")


def _close_second(client: smtplib.SMTP | ftplib.FTP) -> None:
    """Close once the server has; the libraries alone would not wait, and now one, now the other be first."""
    if client.sock is not None:
        await_end(client.sock)
    client.close()


def _read(sock: socket.socket, least: int) -> bytes:
    """Read until there is as much, so that the way is quiet."""
    data = b""
    while len(data) < least:
        piece = sock.recv(4096)
        if not piece:
            raise ScenarioError("the end came too early")
        data += piece
    return data
