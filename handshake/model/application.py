"""What was said over a connection, as far as it was captured: the application's dialogue, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from handshake.model.dns import Lookup

if TYPE_CHECKING:
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
