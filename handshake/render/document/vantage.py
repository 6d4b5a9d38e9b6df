"""Two vantage points as one JSON document (docs/json.md, schema/vantage-v1.json)."""

from __future__ import annotations

from handshake.compare.vantage import moments
from handshake.model.handshake import Side
from handshake.model.packet import Segment, flag_names
from handshake.model.vantage import Alteration, Clock, OneWay, Pair, Passage, Place, Unpaired, Vantage
from handshake.render.document.base import Document, source_fields
from handshake.render.passing import name_of, sentences
from handshake.version import __version__

SCHEMA_VERSION = 1


def vantage_to_dict(vantage: Vantage) -> Document:
    """A document of type `vantage`."""
    return {
        "type": "vantage",
        "schema_version": SCHEMA_VERSION,
        "generator": {"name": "handshake", "version": __version__},
        "client": _place(vantage.client, twice=Side.CLIENT in vantage.twice),
        "server": _place(vantage.server, twice=Side.SERVER in vantage.twice),
        "swapped": vantage.swapped,
        "placed_by": list(vantage.placed_by),
        "doubtful": vantage.doubtful,
        "clock": _clock(vantage.clock),
        "to_server": _way(vantage.forth),
        "to_client": _way(vantage.back),
        "pairs": [_pair(pair, vantage.clock) for pair in vantage.pairs],
        "unpaired": [_unpaired(each) for each in vantage.unpaired],
    }


def _place(place: Place, *, twice: bool) -> Document:
    return {"source": source_fields(place.source), "connections": len(place.traces), "captured_twice": twice}


def _clock(clock: Clock | None) -> Document | None:
    if clock is None:
        return None
    return {
        "server_ahead_ns": clock.ahead_ns,
        "error_ns": clock.error_ns,
        "since_ns": clock.since_ns,
        "drift_ppb": clock.drift_ppb,
    }


def _way(way: OneWay | None) -> Document | None:
    if way is None:
        return None
    return {
        "segments": way.count,
        "min_ns": way.least_ns,
        "median_ns": way.median_ns,
        "max_ns": way.most_ns,
        "jitter_ns": way.jitter_ns,
    }


def _pair(pair: Pair, clock: Clock | None) -> Document:
    return {
        "client": _seen(pair, Side.CLIENT),
        "server": _seen(pair, Side.SERVER),
        "same": pair.likeness.name.lower(),
        "client_numbers_moved": pair.shift[0],
        "server_numbers_moved": -pair.shift[1] if pair.shift[1] else 0,
        "told": [words for words, _ in sentences(pair)],
        "alterations": [_alteration(each) for each in pair.alterations],
        "segments": [_passage(pair, each, clock) for each in pair.passages],
    }


def _seen(pair: Pair, side: Side) -> Document:
    trace = pair.client if side is Side.CLIENT else pair.server
    handshake = trace.handshake
    return {
        "number": handshake.number,
        "client": str(handshake.client.endpoint),
        "server": str(handshake.server.endpoint),
        "outcome": handshake.outcome.value,
        "left_out": trace.left_out,
    }


def _alteration(each: Alteration) -> Document:
    return {
        "sender": each.sender.value,
        "what": each.difference.what,
        "left": each.difference.left,
        "arrived": each.difference.arrived,
        "segments": each.segments,
        "of": each.of,
        "varied": each.varied,
    }


def _passage(pair: Pair, passage: Passage, clock: Clock | None) -> Document:
    seen_ns, arrived_ns = moments(pair, passage, clock)
    return {
        "sender": passage.sender.value,
        "name": name_of(passage.segment),
        "flags": list(flag_names(passage.segment.flags)),
        "fate": passage.fate.value,
        "guessed": passage.guessed,
        "overtaken": passage.overtaken,
        "offset_ns": seen_ns - pair.client.handshake.start_ns,
        "took_ns": None if arrived_ns is None else arrived_ns - seen_ns,
        "left": _capture(passage.left),
        "arrived": _capture(passage.arrived),
        "differences": [
            {"what": each.what, "left": each.left, "arrived": each.arrived} for each in passage.differences
        ],
    }


def _capture(segment: Segment | None) -> Document | None:
    if segment is None:
        return None
    return {
        "frame": segment.number,
        "time_ns": segment.time_ns,
        "source": str(segment.src),
        "destination": str(segment.dst),
        "seq": segment.seq,
        "ack": segment.ack,
        "payload_len": segment.payload_len,
        "ttl": segment.ttl,
    }


def _unpaired(each: Unpaired) -> Document:
    handshake = each.handshake
    return {
        "place": each.place.value,
        "number": handshake.number,
        "client": str(handshake.client.endpoint),
        "server": str(handshake.server.endpoint),
        "outcome": handshake.outcome.value,
        "covered": each.covered,
    }
