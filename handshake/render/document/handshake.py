"""One handshake: its ends, times, options, timeline and findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from handshake.findings.fingerprint import Fingerprint, fingerprint
from handshake.model.handshake import Fold, Handshake, Negotiated, Peer, Step
from handshake.model.packet import IcmpError
from handshake.model.services import service_name
from handshake.render.document.application import application_fields, named_fields
from handshake.render.document.base import Document, endpoint_fields, head, tag_rows
from handshake.render.document.packets import icmp_fields, segment_fields
from handshake.render.units import moment


def handshake_to_dict(handshake: Handshake) -> Document:
    """One handshake as a document of its own, of type `handshake`."""
    return {**head("handshake"), **handshake_fields(handshake)}


def handshake_fields(handshake: Handshake) -> Document:
    """A handshake without type and version."""
    timing, teardown = handshake.timing, handshake.teardown
    return {
        "number": handshake.number,
        "source": handshake.source,
        "start": moment(handshake.start_ns),
        "start_ns": handshake.start_ns,
        "end_ns": handshake.end_ns,
        "outcome": handshake.outcome.value,
        "client": _peer(handshake.client),
        "server": _peer(handshake.server),
        "service": service_name(handshake.server.endpoint.port),
        "timing": {
            "setup_ns": timing.setup_ns,
            "irtt_ns": timing.irtt_ns,
            "syn_to_synack_ns": timing.syn_to_synack_ns,
            "synack_to_ack_ns": timing.synack_to_ack_ns,
            "excluded": timing.excluded,
            "reply_ns": timing.reply_ns,
            "thought_ns": timing.thought_ns,
        },
        "named": named_fields(handshake.named) if handshake.named else None,
        "announced_by": handshake.announced_by,
        "application": application_fields(handshake.application) if handshake.application else None,
        "syn_retransmits": handshake.syn_retransmits,
        "synack_retransmits": handshake.synack_retransmits,
        "negotiation": negotiation_rows(handshake.negotiation),
        "teardown": {
            "kind": teardown.kind.value,
            "first": teardown.first and teardown.first.value,
            "reset_by": teardown.reset_by and teardown.reset_by.value,
            "simultaneous": teardown.simultaneous,
        },
        "role_inferred": handshake.role_inferred,
        "evicted": handshake.evicted,
        "tags": tag_rows(handshake.tags),
        "other_ways": [{"sender": side.value, "tags": tag_rows(tags)} for side, tags in handshake.other_ways],
        "copies": handshake.copies._asdict(),
        "findings": [
            {
                "code": finding.code,
                "name": finding.name,
                "severity": finding.severity.value,
                "detail": finding.detail,
                "frames": list(finding.frames),
            }
            for finding in handshake.findings
        ],
        "timeline": [_row(item, handshake.start_ns) for item in handshake.timeline],
    }


def _peer(peer: Peer) -> Document:
    return {
        **endpoint_fields(peer.endpoint),
        "state": peer.state.value,
        "iss": peer.iss,
        "segments": peer.segments,
        "payload_bytes": peer.payload_bytes,
        "fingerprint": _fingerprint(fingerprint(peer.opening)) if peer.opening else None,
    }


def _fingerprint(found: Fingerprint) -> Document:
    return {**asdict(found), "quirks": list(found.quirks), "hops": found.hops, "signature": found.signature}


def _row(item: Step | Fold, start_ns: int) -> Document:
    if isinstance(item, Fold):
        return {
            "kind": "fold",
            "offset_ns": item.first_ns - start_ns,
            "until_ns": item.last_ns - start_ns,
            "client_segments": item.client_segments,
            "client_bytes": item.client_bytes,
            "server_segments": item.server_segments,
            "server_bytes": item.server_bytes,
        }
    packet = item.packet
    return {
        "kind": "icmp" if isinstance(packet, IcmpError) else "segment",
        "offset_ns": item.time_ns - start_ns,
        "frame": packet.number,
        "sender": item.sender.value,
        "client": {"before": item.client.before.value, "after": item.client.after.value},
        "server": {"before": item.server.before.value, "after": item.server.after.value},
        "note": item.note,
        "marks": [mark.value for mark in item.marks],
        **(icmp_fields(packet) if isinstance(packet, IcmpError) else segment_fields(packet, item)),
    }


def negotiation_rows(rows: Sequence[Negotiated]) -> list[Document]:
    """The option table."""
    return [
        {"name": row.name, "offered": row.offered, "accepted": row.accepted, "in_effect": row.in_effect} for row in rows
    ]
