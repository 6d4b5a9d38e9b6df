"""What was said over a connection, as far as it was captured: the application's dialogue, line by line."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.dns import Lookup
    from handshake.model.handshake import Side

MOST_LINES = 200
"""Lines of one dialogue that are kept; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that one side said. Secrets are not in it, unless they were asked for."""

    time_ns: int
    """When its last byte was captured, ns since the epoch."""
    sender: Side
    text: str
    r"""As said, in one line: `GET / HTTP/1.1`, `220 mail.example ESMTP`. Bytes that are no text as `\xff`."""
    note: str = ""
    """What it means, in words; empty when the text says it all."""


@dataclass(frozen=True, slots=True)
class HttpExchange:
    """One request and its final response (RFC 9112)."""

    method: str
    target: str
    version: str
    """Of the request: `1.0`, `1.1`."""
    host: str
    asked_ns: int
    """When the request line and headers were complete, ns since the epoch."""
    status: int | None = None
    """None when no response was captured."""
    answered_ns: int | None = None
    """When the final response's headers were complete."""
    keeps: bool | None = None
    """The connection stays open for the next request, by version and Connection headers (RFC 9112 §9.3)."""
    request_bytes: int = 0
    response_bytes: int | None = 0
    """Bytes of the bodies as announced; None when only the end of the connection ends it."""


@dataclass(frozen=True, slots=True)
class FtpData:
    """A data connection that the control connection announced (RFC 959 §3.2, RFC 2428)."""

    command: str
    """`PASV`, `EPSV`, `PORT`, `EPRT`."""
    address: bytes | None
    """4 or 16 bytes; None where it is the address of the control connection."""
    port: int
    listener: Side
    """The side of the control connection that waits for the data connection."""
    time_ns: int
    """When it was announced, ns since the epoch."""


@dataclass(frozen=True, slots=True)
class TlsHello:
    """What ClientHello and ServerHello say in clear (RFC 8446 §4.1)."""

    sni: str = ""
    """Server name (RFC 6066 §3)."""
    alpn: tuple[str, ...] = ()
    """Protocols offered (RFC 7301)."""
    offered: tuple[str, ...] = ()
    """Versions offered, as `TLS 1.3`."""
    version: str = ""
    """Version chosen; empty without a ServerHello."""
    chosen_alpn: str = ""
    """Protocol chosen, where that is said in clear (TLS 1.2)."""
    hello_ns: int | None = None
    """When the ClientHello was complete."""
    answered_ns: int | None = None
    """When the ServerHello was complete."""
    finished_ns: int | None = None
    """When the TLS handshake was over: at the client's Finished, before TLS 1.3 at the second of both."""


@dataclass(frozen=True, slots=True)
class Application:
    """The dialogue of one connection."""

    protocol: str
    """`HTTP`, `SMTP`, `FTP`, `TLS`, `SSH`, `DNS` …"""
    lines: tuple[Line, ...] = ()
    omitted: int = 0
    """Lines beyond `MOST_LINES`."""
    http: tuple[HttpExchange, ...] = ()
    ftp: tuple[FtpData, ...] = ()
    tls: TlsHello | None = None
    lookups: tuple[Lookup, ...] = ()
    """DNS questions with their answers."""
    fault: str | None = None
    """Why following it ended early, in words."""


class QuicKind(Enum):
    """Packets of QUIC by their header (RFC 9000 §17)."""

    INITIAL = "Initial"
    ZERO_RTT = "0-RTT"
    HANDSHAKE = "Handshake"
    RETRY = "Retry"
    VERSION_NEGOTIATION = "Version Negotiation"
    ONE_RTT = "1-RTT"
    """The only one with a short header: the handshake's keys are in use."""

    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class QuicHandshake:
    """A handshake inside UDP, as far as headers tell it: the rest is encrypted (RFC 9000 §7)."""

    version: int
    """Of the client's first packet."""
    client_id: bytes
    """Connection id that the client chose for itself (its Source Connection ID)."""
    server_id: bytes
    """The server's; empty where none was seen, or it has none."""
    packets: tuple[tuple[QuicKind, int, int], ...]
    """Kinds seen, with how many the client and the server sent; several may share one datagram (§12.2)."""
    offered: tuple[int, ...] = ()
    """Versions that the server named in a Version Negotiation."""
    negotiated: int | None = None
    """Version of the server's latest packet other than that."""
    first_bytes: int = 0
    """Payload of the client's first datagram; less than 1200 is against §14.1."""
    short_ns: int | None = None
    """First datagram to the first packet with a short header, ns."""
    round_trips: int | None = None
    """Flights of the server that the client had to wait for before that packet: Version Negotiation, Retry, and the one
    that brought the keys; None without a short header. A HelloRetryRequest is encrypted, and not counted."""
    reply_ns: int | None = None
    """First datagram to the server's first short header behind 0-RTT or a short header of the client, ns: the earliest
    that can answer a request."""
    reply_round_trips: int | None = None
    """Round trips up to that one."""

    def count(self, kind: QuicKind) -> int:
        """How many of one kind both sides sent."""
        return sum(client + server for seen, client, server in self.packets if seen is kind)
