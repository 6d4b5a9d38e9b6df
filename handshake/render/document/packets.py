"""Segments and ICMP errors."""

from __future__ import annotations

from handshake.model.address import format_address
from handshake.model.handshake import Step
from handshake.model.packet import IcmpError, Segment, flag_names
from handshake.render.document.base import Document


def segment_fields(segment: Segment, step: Step) -> Document:
    """A segment as it stands in a timeline."""
    return {
        "flags": list(flag_names(segment.flags)),
        "seq": segment.seq,
        "ack": segment.ack,
        "rel_seq": step.rel_seq,
        "rel_ack": step.rel_ack,
        "wnd": segment.wnd,
        "seg_len": segment.seg_len,
        "payload_len": segment.payload_len,
        "ttl": segment.ttl,
        "ecn": segment.ecn,
        "checksum_ok": segment.checksum_ok,
        "options": [
            {"kind": option.kind, "name": option.name, "hex": option.data.hex()} for option in segment.options.items
        ],
        "faults": [fault for fault in (*segment.faults, segment.options.fault) if fault],
    }


def icmp_fields(error: IcmpError) -> Document:
    """An ICMP error and who reported it."""
    return {
        "reporter": format_address(error.reporter),
        "version": error.version,
        "type": error.type,
        "code": error.code,
        "mtu": error.mtu,
        "meaning": error.meaning,
    }
