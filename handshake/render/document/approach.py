"""What came before a probe's first packet, and what the kernel says of a connection."""

from __future__ import annotations

from handshake.model.address import format_address
from handshake.model.kernel import Connect
from handshake.model.report import Approach
from handshake.render.document.base import Document, endpoint_fields
from handshake.render.document.handshake import negotiation_rows
from handshake.render.document.names import lookup_fields


def approach_fields(approach: Approach) -> Document:
    """Target, resolution, route."""
    target, resolution, route = approach.target, approach.resolution, approach.route
    return {
        "target": {"text": target.text, "host": target.host, "port": target.port, "service": target.service},
        "resolution": {
            "host": resolution.host,
            "addresses": [format_address(address) for address in resolution.addresses],
            "source": resolution.source,
            "took_ns": resolution.took_ns,
            "ttl_s": resolution.ttl_s,
            "lookups": [lookup_fields(lookup) for lookup in resolution.lookups],
        },
        "route": {
            "interface": route.interface,
            "mtu": route.mtu,
            "source": format_address(route.source),
            "gateway": format_address(route.gateway) if route.gateway else None,
        },
        "server": endpoint_fields(approach.server),
    }


def connect_fields(connect: Connect) -> Document:
    """An ordinary connection, as the kernel tells of it."""
    icmp = connect.icmp
    return {
        "client": endpoint_fields(connect.client),
        "server": endpoint_fields(connect.server),
        "outcome": connect.outcome.value,
        "start_ns": connect.start_ns,
        "took_ns": connect.took_ns,
        "state": connect.state,
        "error": connect.error,
        "words": connect.words,
        "retransmits": connect.retransmits,
        "rtt_ns": connect.rtt_ns,
        "rttvar_ns": connect.rttvar_ns,
        "snd_mss": connect.snd_mss,
        "adv_mss": connect.adv_mss,
        "path_mtu": connect.path_mtu,
        "negotiation": negotiation_rows(connect.negotiation),
        "icmp": icmp
        and {
            "reporter": format_address(icmp.reporter),
            "version": icmp.version,
            "type": icmp.type,
            "code": icmp.code,
            "mtu": None,
            "meaning": icmp.meaning,
        },
    }
