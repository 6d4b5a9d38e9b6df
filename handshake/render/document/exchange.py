"""One UDP exchange."""

from __future__ import annotations

from itertools import zip_longest

from handshake.model.application import QuicHandshake
from handshake.model.handshake import Exchange, Side
from handshake.model.packet import Datagram, IcmpError
from handshake.model.services import service_name
from handshake.render.document.base import Document, endpoint_fields, head, tag_rows
from handshake.render.document.names import answer_fields, lookup_fields
from handshake.render.document.packets import icmp_fields
from handshake.render.units import moment


def exchange_to_dict(exchange: Exchange) -> Document:
    """One UDP exchange as a document of its own, of type `exchange`."""
    return {**head("exchange"), **exchange_fields(exchange)}


def exchange_fields(exchange: Exchange) -> Document:
    """An exchange without type and version."""
    return {
        "number": exchange.number,
        "source": exchange.source,
        "start": moment(exchange.start_ns),
        "start_ns": exchange.start_ns,
        "end_ns": exchange.end_ns,
        "client": endpoint_fields(exchange.client),
        "server": endpoint_fields(exchange.server),
        "service": service_name(exchange.server.port),
        "requests": exchange.requests,
        "replies": exchange.replies,
        "request_bytes": exchange.request_bytes,
        "reply_bytes": exchange.reply_bytes,
        "first_reply_ns": exchange.first_reply_ns,
        "icmp": icmp_fields(exchange.icmp) if exchange.icmp else None,
        "verdict": exchange.verdict.value,
        "datagrams": [
            _datagram(packet, exchange, note)
            for packet, note in zip_longest(exchange.datagrams, exchange.notes, fillvalue="")
            if not isinstance(packet, str)
        ],
        "quic": _quic(exchange.quic) if exchange.quic else None,
        "answer": answer_fields(exchange.answer) if exchange.answer else None,
        "lookups": [lookup_fields(lookup) for lookup in exchange.lookups],
        "tags": tag_rows(exchange.tags),
    }


def _datagram(packet: Datagram | IcmpError, exchange: Exchange, note: str) -> Document:
    if isinstance(packet, IcmpError):
        return {
            "kind": "icmp",
            "offset_ns": packet.time_ns - exchange.start_ns,
            "frame": packet.number,
            **icmp_fields(packet),
        }
    return {
        "kind": "datagram",
        "offset_ns": packet.time_ns - exchange.start_ns,
        "frame": packet.number,
        "sender": (Side.CLIENT if packet.src == exchange.client else Side.SERVER).value,
        "payload_len": packet.payload_len,
        "note": note,
    }


def _quic(quic: QuicHandshake) -> Document:
    return {
        "version": quic.version,
        "negotiated": quic.negotiated,
        "offered": list(quic.offered),
        "client_id": quic.client_id.hex(),
        "server_id": quic.server_id.hex(),
        "first_bytes": quic.first_bytes,
        "packets": [{"kind": kind.value, "client": client, "server": server} for kind, client, server in quic.packets],
        "short_ns": quic.short_ns,
        "round_trips": quic.round_trips,
        "reply_ns": quic.reply_ns,
        "reply_round_trips": quic.reply_round_trips,
    }
