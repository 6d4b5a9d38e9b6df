"""What all documents have in common: type and version, endpoints, tags, statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from handshake.model.address import Endpoint, format_address
from handshake.model.packet import Tags
from handshake.model.report import SourceInfo
from handshake.render.units import percentile

SCHEMA_VERSION = 1
"""Goes up when a field changes its meaning or goes away; new fields alone do not raise it."""

Document = dict[str, Any]


def head(kind: str) -> Document:
    """The first fields of every document."""
    return {"type": kind, "schema_version": SCHEMA_VERSION}


def statistics(ordered: Sequence[int]) -> Document | None:
    """Smallest, largest and percentiles of ordered values; None without any."""
    if not ordered:
        return None
    shares = {f"p{percent}": percentile(ordered, percent) for percent in (50, 95, 99)}
    return {"count": len(ordered), "min": ordered[0], **shares, "max": ordered[-1]}


def endpoint_fields(endpoint: Endpoint) -> Document:
    """Address, port and scope."""
    return {"address": endpoint.host, "port": endpoint.port, "scope": endpoint.scope.value}


def tag_rows(tags: Tags) -> list[Document]:
    """The VLANs and tunnels around a packet, outermost first."""
    return [
        {
            "name": tag.kind,
            "number": tag.number,
            "ends": [format_address(end) for end in tag.ends] if tag.ends else None,
        }
        for tag in tags
    ]


def source_fields(source: SourceInfo) -> Document:
    """A capture or interface, and how far it could be read."""
    damage = source.damage
    return {
        "name": source.name,
        "format": source.format,
        "frames": source.frames,
        "dropped": source.dropped,
        "damage": damage and {"offset": damage.offset, "number": damage.number, "reason": damage.reason},
    }
