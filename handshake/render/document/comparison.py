"""TCP against UDP."""

from __future__ import annotations

from collections.abc import Sequence

from handshake.model.comparison import GAPS_NS, SIZES, Comparison, FirstByte, Part, Passed, Traffic, Trial, Tried, Way
from handshake.model.handshake import Side
from handshake.model.packet import flag_names
from handshake.render.document.base import Document, head, source_fields
from handshake.render.statistics import statistics_of
from handshake.version import __version__


def comparison_to_dict(comparison: Comparison) -> Document:
    """TCP against UDP: a document of type `comparison`."""
    return {
        **head("comparison"),
        "generator": {"name": "handshake", "version": __version__},
        "sources": [source_fields(source) for source in comparison.sources],
        "tcp": _way(comparison.tcp),
        "udp": _way(comparison.udp),
        "services": [
            {"service": match.service, "tcp": _way(match.tcp), "udp": _way(match.udp)} for match in comparison.matches
        ],
        "unmetered": comparison.unmetered,
        "trial": comparison.trial and _trial(comparison.trial),
    }


def _trial(trial: Trial) -> Document:
    return {
        "count": trial.count,
        "delay_ns": trial.delay_ns,
        "loss": trial.loss,
        "seed": trial.seed,
        "lost": dict(zip(("tcp", "udp"), trial.lost, strict=True)),
        "given_up": dict(zip(("tcp", "udp"), trial.failed, strict=True)),
    }


def _way(way: Way) -> Document:
    return {
        "transport": way.transport,
        "flows": way.flows,
        "opened": way.opened,
        "answered": way.answered,
        "refused": way.refused,
        "silent": way.silent,
        "closed": way.closed,
        "asked_again": way.asked_again,
        "measured": way.measured,
        "first_byte": _first_byte(way.useful) if way.useful else None,
        "times": statistics_of(way.times_ns) if way.times_ns else None,
        "traffic": _traffic(way.traffic),
        "example": _tried(way.best) if way.best else None,
    }


def _first_byte(useful: FirstByte) -> Document:
    return {
        "packets": useful.packets,
        "wire_bytes": useful.wire,
        "round_trips": useful.round_trips,
        "took_ns": useful.took_ns,
    }


def _traffic(traffic: Traffic) -> Document:
    parts = {part: traffic.parts.get(part, (0, 0)) for part in Part}
    return {
        "packets": traffic.packets,
        "wire_bytes": traffic.wire,
        "payload_bytes": traffic.payload,
        "header_bytes": traffic.headers,
        "parts": {part.value: {"packets": packets, "wire_bytes": wire} for part, (packets, wire) in parts.items()},
        "again": traffic.again,
        "late": traffic.late,
        "sizes": _bins(SIZES, traffic.sizes),
        "gaps": _bins(GAPS_NS, traffic.gaps),
    }


def _bins(ends: Sequence[int], numbers: Sequence[int]) -> list[Document]:
    return [{"up_to": end, "packets": number} for end, number in zip([*ends, None], numbers, strict=True)]


def _tried(tried: Tried) -> Document:
    start_ns = tried.first[0].time_ns
    return {
        "number": tried.number,
        "first_byte": _first_byte(tried.useful),
        "packets": [_passed(packet, start_ns) for packet in tried.first],
    }


def _passed(packet: Passed, start_ns: int) -> Document:
    return {
        "offset_ns": packet.time_ns - start_ns,
        "sender": (Side.SERVER if packet.reply else Side.CLIENT).value,
        "wire_bytes": packet.wire,
        "payload_len": packet.payload,
        "flags": list(flag_names(packet.flags)),
        "again": packet.again,
    }
