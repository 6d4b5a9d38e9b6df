"""The table of UDP exchanges: one row for what two endpoints sent each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from handshake.export.columns import Column, Kind, Table, ways
from handshake.model.address import Endpoint
from handshake.model.handshake import Exchange
from handshake.model.packet import IcmpError
from handshake.model.services import service_name

_End = Callable[[Exchange], Endpoint]
_ENDS: tuple[tuple[str, _End, str], ...] = (
    ("client", lambda e: e.client, "sender of the first datagram"),
    ("server", lambda e: e.server, "the other end"),
)


def _columns() -> Iterator[Column[Exchange]]:
    yield Column("source", Kind.WORD, lambda e: e.source, "the capture, as it was named on the command line")
    yield Column("number", Kind.UINT64, lambda e: e.number, "order of appearance in its capture, from 1")
    yield Column("start", Kind.TIME, lambda e: e.start_ns, "capture time of its first datagram", nullable=True)
    yield Column("end", Kind.TIME, lambda e: e.end_ns, "capture time of its last datagram", nullable=True)
    for side, end, who in _ENDS:
        yield Column(f"{side}_address", Kind.TEXT, _of(end, lambda p: p.host), f"IP address of the {side}: {who}")
        yield Column(f"{side}_port", Kind.UINT16, _of(end, lambda p: p.port), f"UDP port of the {side}")
        yield Column(f"{side}_scope", Kind.WORD, _of(end, lambda p: p.scope.value), "how far that address reaches")
    yield Column(
        "service", Kind.WORD, lambda e: service_name(e.server.port), "usual service on the server's port", nullable=True
    )
    yield Column("tags", Kind.TEXTS, lambda e: ways(e.tags), "VLANs and tunnels around it, outermost first")
    yield Column("requests", Kind.UINT64, lambda e: e.requests, "datagrams of the client")
    yield Column("replies", Kind.UINT64, lambda e: e.replies, "datagrams of the server")
    yield Column("request_bytes", Kind.UINT64, lambda e: e.request_bytes, "payload of the client, bytes")
    yield Column("reply_bytes", Kind.UINT64, lambda e: e.reply_bytes, "payload of the server, bytes")
    yield Column(
        "first_reply_ns", Kind.INT64, lambda e: e.first_reply_ns, "first datagram to first reply", nullable=True
    )
    yield Column(
        "verdict", Kind.WORD, lambda e: e.verdict.value,
        "what it says about the server's port: `open`, `closed`, `filtered`, `open or filtered`",
    )  # fmt: skip
    yield Column(
        "icmp_type", Kind.UINT8, _icmp(lambda i: i.type), "type of the first ICMP error about it", nullable=True
    )
    yield Column("icmp_code", Kind.UINT8, _icmp(lambda i: i.code), "its code", nullable=True)
    yield Column("icmp_meaning", Kind.TEXT, _icmp(lambda i: i.meaning), "the error in words", nullable=True)
    yield Column("icmp_reporter", Kind.TEXT, _icmp(lambda i: i.reporter_text), "who sent the error", nullable=True)
    yield Column("dns_names", Kind.TEXTS, lambda e: [asked.name for asked in e.lookups], "names asked for in it, DNS")
    yield Column(
        "quic_version", Kind.UINT32, _quic("version"), "version of QUIC, as a number, if it is QUIC", nullable=True
    )
    yield Column(
        "quic_round_trips", Kind.UINT32, _quic("round_trips"), "round trips until QUIC's keys are in use", nullable=True
    )


def _of(end: _End, value: Callable[[Endpoint], object]) -> Callable[[Exchange], object]:
    return lambda exchange: value(end(exchange))


def _icmp(value: Callable[[IcmpError], object]) -> Callable[[Exchange], object]:
    return lambda exchange: None if exchange.icmp is None else value(exchange.icmp)


def _quic(name: str) -> Callable[[Exchange], object]:
    return lambda exchange: exchange.quic and getattr(exchange.quic, name)


EXCHANGES: Table[Exchange] = Table("exchanges", tuple(_columns()))
