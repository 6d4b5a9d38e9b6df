"""Ask a name server one question over UDP (RFC 1035 §4.2.1), repeat it, and believe only what answers it.

Against forged answers (RFC 5452): the id is random, the kernel picks a random source port, the socket is
connected to the server, and an answer has to carry the id and the question.
"""

from __future__ import annotations

import secrets
import select
import socket
import struct
import time
from dataclasses import replace

from handshake.errors import ProbeError, TargetError
from handshake.model.address import Endpoint
from handshake.model.dns import DnsAnswer, Lookup
from handshake.wire.dns import encode_query, read_answer

FIRST_WAIT_S = 1.0
"""Doubles with every copy of the question, as for a SYN."""

_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_BUFFER = 65535
_MOST_STRAYS = 100


def ask(server: Endpoint, name: str, kind: int, *, retries: int = 2, timeout_s: float = 5.0) -> Lookup:
    """Ask `server` for the records of `kind`; up to `retries` more times within `timeout_s` seconds.

    Raises TargetError for what is no domain name, ProbeError when the server cannot be reached.
    """
    asked = name.encode("ascii" if name.isascii() else "idna").decode().removesuffix(".").lower()
    try:
        query = encode_query(secrets.randbits(16), asked, kind)
    except ValueError as error:
        raise TargetError(str(error)) from None
    with socket.socket(socket.AF_INET6 if len(server.address) == 16 else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.setblocking(False)
        try:
            sock.connect((server.host, server.port))
            return _ask(sock, query, Lookup(server, asked, kind, ()), retries, timeout_s)
        except ConnectionRefusedError:
            raise ProbeError(f"name server {server}: port unreachable, nothing listens there") from None
        except OSError as error:
            raise ProbeError(f"cannot ask name server {server}: {error.strerror}") from None


def _ask(sock: socket.socket, query: bytes, lookup: Lookup, retries: int, timeout_s: float) -> Lookup:
    expected = (int.from_bytes(query[:2]), lookup.name, lookup.kind)
    give_up = time.monotonic() + timeout_s
    sent: list[int] = []
    ignored = 0
    for copy in range(retries + 1):
        sent.append(time.time_ns())
        sock.send(query)
        until = min(give_up, time.monotonic() + FIRST_WAIT_S * 2**copy)
        while (left := until - time.monotonic()) > 0 and ignored < _MOST_STRAYS:
            if not select.select([sock], [], [], left)[0]:
                break
            answered_ns, answer = _receive(sock)
            if answer and (answer.id, answer.name, answer.kind) == expected:
                return replace(lookup, sent_ns=tuple(sent), answered_ns=answered_ns, answer=answer, ignored=ignored)
            ignored += 1
        if time.monotonic() >= give_up:
            break
    return replace(lookup, sent_ns=tuple(sent), ignored=ignored)


def _receive(sock: socket.socket) -> tuple[int, DnsAnswer | None]:
    """When the kernel received the next datagram, ns since the epoch, and the answer in it."""
    data, ancillary, _, _ = sock.recvmsg(_BUFFER, socket.CMSG_SPACE(_TIMESPEC.size))
    for level, kind, body in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(body)
            return seconds * 1_000_000_000 + nanoseconds, read_answer(data)
    return time.time_ns(), read_answer(data)
