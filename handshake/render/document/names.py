"""DNS questions and answers."""

from __future__ import annotations

from handshake.model.dns import DnsAnswer, Lookup
from handshake.render.document.base import Document, endpoint_fields


def lookup_fields(lookup: Lookup) -> Document:
    """A question, and what came of it."""
    return {
        "server": endpoint_fields(lookup.server),
        "name": lookup.name,
        "kind": lookup.kind_name,
        "sent_ns": list(lookup.sent_ns),
        "answered_ns": lookup.answered_ns,
        "ignored": lookup.ignored,
        "answer": answer_fields(lookup.answer) if lookup.answer else None,
    }


def answer_fields(answer: DnsAnswer) -> Document:
    """What a name server said."""
    return {
        "rcode": answer.rcode_name,
        "truncated": answer.truncated,
        "fault": answer.fault,
        "records": [
            {"name": record.name, "kind": record.kind_name, "ttl_s": record.ttl_s, "value": record.value}
            for record in answer.records
        ],
    }
