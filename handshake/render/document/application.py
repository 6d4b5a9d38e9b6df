"""What was said over a connection, and the name that led to it."""

from __future__ import annotations

from dataclasses import asdict

from handshake.model.address import format_address
from handshake.model.application import Application
from handshake.model.handshake import Named
from handshake.render.document.base import Document, endpoint_fields
from handshake.render.document.names import lookup_fields


def application_fields(application: Application) -> Document:
    """The dialogue of one connection."""
    return {
        "protocol": application.protocol,
        "lines": [
            {"time_ns": line.time_ns, "sender": line.sender.value, "text": line.text, "note": line.note}
            for line in application.lines
        ],
        "omitted": application.omitted,
        "fault": application.fault,
        "http": [asdict(exchange) for exchange in application.http],
        "ftp": [
            {
                "command": data.command,
                "address": format_address(data.address) if data.address else None,
                "port": data.port,
                "listener": data.listener.value,
                "time_ns": data.time_ns,
            }
            for data in application.ftp
        ],
        "tls": {**asdict(application.tls)} if application.tls else None,
        "lookups": [lookup_fields(lookup) for lookup in application.lookups],
    }


def named_fields(named: Named) -> Document:
    """The name under which the server was looked up."""
    return {
        "name": named.name,
        "server": endpoint_fields(named.server),
        "answered_ns": named.answered_ns,
        "ttl_s": named.ttl_s,
        "exchange": named.exchange,
    }
