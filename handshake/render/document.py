"""A report as plain dictionaries and lists: what `json` and `jsonl` write, described in docs/json.md.

Rules: times are integers in ns (`start` is also given as UTC text), lengths are bytes, addresses are text,
enums are their values, a value that is not known is null, bytes are hexadecimal text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import zip_longest
from typing import Any

from handshake.compare.pages import PageLoad, page_loads
from handshake.findings.fingerprint import Fingerprint, fingerprint
from handshake.flow.listeners import listeners
from handshake.model.address import Endpoint, format_address
from handshake.model.application import Application, QuicHandshake
from handshake.model.comparison import GAPS_NS, SIZES, Comparison, FirstByte, Part, Passed, Traffic, Trial, Tried, Way
from handshake.model.crowd import Crowd
from handshake.model.dns import DnsAnswer, Lookup
from handshake.model.event import Event
from handshake.model.handshake import Exchange, Fold, Handshake, Named, Negotiated, Peer, Side, Step
from handshake.model.kernel import Connect
from handshake.model.listener import Listener
from handshake.model.packet import Datagram, IcmpError, Segment, Tags, flag_names
from handshake.model.report import Approach, Reply, Report, SourceInfo, Tally
from handshake.model.services import service_name
from handshake.render.statistics import finding_counts, measured, outcome_counts, statistics_of, totals_of
from handshake.render.units import moment, percentile
from handshake.version import __version__

SCHEMA_VERSION = 1
"""Goes up when a field changes its meaning or goes away; new fields alone do not raise it."""

Document = dict[str, Any]


def report_to_dict(report: Report) -> Document:
    """The whole report as one document of type `report`."""
    return {
        **summary_to_dict(report),
        "type": "report",
        "handshakes": [_handshake(handshake) for handshake in report.handshakes],
        "exchanges": [_exchange(exchange) for exchange in report.exchanges],
    }


def summary_to_dict(report: Report) -> Document:
    """What a report says as a whole, without its handshakes: a document of type `summary`."""
    totals = totals_of(report)
    return {
        **_head("summary"),
        "generator": {"name": "handshake", "version": __version__},
        "sources": [source_to_dict(source) for source in report.sources],
        "tally": _tally(report.tally),
        "approach": _approach(report.approach) if report.approach else None,
        "kernel": [
            {"frame": view.frame, "state": view.state, "accept_queue": view.accept_queue, "backlog": view.backlog}
            for view in report.kernel
        ],
        "connects": [_connect(connect) for connect in report.connects],
        "reply": _reply(report.reply) if report.reply else None,
        "answer": asdict(report.answer) if report.answer else None,
        "outcomes": {outcome.value: number for outcome, number in outcome_counts(totals).items()},
        "times": {name: _statistics(values) for name, values in measured(totals).items()},
        "findings": [
            {"code": finding.code, "name": finding.name, "severity": finding.severity.value, "handshakes": number}
            for finding, number in finding_counts(totals)
        ],
        "crowds": [_crowd(crowd) for crowd in report.crowds],
        "pages": [_page(load) for load in page_loads(report.handshakes)],
        "listeners": [_listener(listener) for listener in listeners(report.handshakes)],
    }


def _page(load: PageLoad) -> Document:
    return {
        "client": format_address(load.client),
        "server": _endpoint(load.server),
        "handshakes": list(load.members),
        "objects": load.objects,
        "setups_ns": list(load.setups_ns),
        "waited_ns": load.waited_ns,
        "over_one_ns": load.one_ns,
        "over_each_ns": load.each_ns,
        "source": load.source,
    }


def _listener(listener: Listener) -> Document:
    return {
        "server": _endpoint(listener.server),
        "source": listener.source,
        "connections": listener.connections,
        "together": list(listener.together),
        "clients": [_endpoint(client) for client in listener.clients],
    }


def _crowd(crowd: Crowd) -> Document:
    return {
        "code": crowd.code,
        "name": crowd.name,
        "severity": crowd.severity.value,
        "who": crowd.who,
        "detail": crowd.detail,
        "handshakes": list(crowd.members),
        "start_ns": crowd.start_ns,
        "end_ns": crowd.end_ns,
        "rate_per_s": crowd.rate_per_s,
        "source": crowd.source,
    }


def handshake_to_dict(handshake: Handshake) -> Document:
    """One handshake as a document of its own, of type `handshake`."""
    return {**_head("handshake"), **_handshake(handshake)}


def event_to_dict(event: Event) -> Document:
    """One event of a watch with the handshake as it stood: a document of type `event`."""
    return {
        **_head("event"),
        "event": event.kind.value,
        "time": moment(event.time_ns),
        "time_ns": event.time_ns,
        "handshake": _handshake(event.handshake),
    }


def comparison_to_dict(comparison: Comparison) -> Document:
    """TCP against UDP: a document of type `comparison`."""
    return {
        **_head("comparison"),
        "generator": {"name": "handshake", "version": __version__},
        "sources": [source_to_dict(source) for source in comparison.sources],
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


def exchange_to_dict(exchange: Exchange) -> Document:
    """One UDP exchange as a document of its own, of type `exchange`."""
    return {**_head("exchange"), **_exchange(exchange)}


def _reply(reply: Reply) -> Document:
    return {
        "sent": reply.sent,
        "length": reply.length,
        "finished": reply.finished,
        "text": reply.text,
        "hex": reply.data.hex(),
    }


def _head(kind: str) -> Document:
    return {"type": kind, "schema_version": SCHEMA_VERSION}


def _statistics(ordered: list[int]) -> Document | None:
    if not ordered:
        return None
    shares = {f"p{percent}": percentile(ordered, percent) for percent in (50, 95, 99)}
    return {"count": len(ordered), "min": ordered[0], **shares, "max": ordered[-1]}


def source_to_dict(source: SourceInfo) -> Document:
    """A capture or interface, as far as it was read."""
    damage = source.damage
    return {
        "name": source.name,
        "format": source.format,
        "frames": source.frames,
        "dropped": source.dropped,
        "damage": damage and {"offset": damage.offset, "number": damage.number, "reason": damage.reason},
    }


def _tally(tally: Tally) -> Document:
    return {
        "frames": tally.frames,
        "tcp": tally.tcp,
        "udp": tally.udp,
        "icmp_errors": tally.icmp_errors,
        "undecoded": dict(tally.undecoded),
        "faults": dict(tally.faults),
        "copies": tally.copies,
        "backward": tally.backward,
        "most_backward_ns": tally.most_backward_ns,
        "unmatched_icmp": tally.unmatched_icmp,
        "evicted": tally.evicted,
        "evicted_exchanges": tally.evicted_exchanges,
        "first_ns": tally.first_ns,
        "last_ns": tally.last_ns,
    }


def _approach(approach: Approach) -> Document:
    target, resolution, route = approach.target, approach.resolution, approach.route
    return {
        "target": {"text": target.text, "host": target.host, "port": target.port, "service": target.service},
        "resolution": {
            "host": resolution.host,
            "addresses": [format_address(address) for address in resolution.addresses],
            "source": resolution.source,
            "took_ns": resolution.took_ns,
            "ttl_s": resolution.ttl_s,
            "lookups": [_lookup(lookup) for lookup in resolution.lookups],
        },
        "route": {
            "interface": route.interface,
            "mtu": route.mtu,
            "source": format_address(route.source),
            "gateway": format_address(route.gateway) if route.gateway else None,
        },
        "server": _endpoint(approach.server),
    }


def _lookup(lookup: Lookup) -> Document:
    return {
        "server": _endpoint(lookup.server),
        "name": lookup.name,
        "kind": lookup.kind_name,
        "sent_ns": list(lookup.sent_ns),
        "answered_ns": lookup.answered_ns,
        "ignored": lookup.ignored,
        "answer": _answer(lookup.answer) if lookup.answer else None,
    }


def _answer(answer: DnsAnswer) -> Document:
    return {
        "rcode": answer.rcode_name,
        "truncated": answer.truncated,
        "fault": answer.fault,
        "records": [
            {"name": record.name, "kind": record.kind_name, "ttl_s": record.ttl_s, "value": record.value}
            for record in answer.records
        ],
    }


def _connect(connect: Connect) -> Document:
    icmp = connect.icmp
    return {
        "client": _endpoint(connect.client),
        "server": _endpoint(connect.server),
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
        "negotiation": _negotiation(connect.negotiation),
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


def _negotiation(rows: Sequence[Negotiated]) -> list[Document]:
    return [
        {"name": row.name, "offered": row.offered, "accepted": row.accepted, "in_effect": row.in_effect} for row in rows
    ]


def _endpoint(endpoint: Endpoint) -> Document:
    return {"address": endpoint.host, "port": endpoint.port, "scope": endpoint.scope.value}


def _named(named: Named) -> Document:
    return {
        "name": named.name,
        "server": _endpoint(named.server),
        "answered_ns": named.answered_ns,
        "ttl_s": named.ttl_s,
        "exchange": named.exchange,
    }


def _application(application: Application) -> Document:
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
        "lookups": [_lookup(lookup) for lookup in application.lookups],
    }


def _tags(tags: Tags) -> list[Document]:
    return [
        {
            "name": tag.kind,
            "number": tag.number,
            "ends": [format_address(end) for end in tag.ends] if tag.ends else None,
        }
        for tag in tags
    ]


def _handshake(handshake: Handshake) -> Document:
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
        "named": _named(handshake.named) if handshake.named else None,
        "announced_by": handshake.announced_by,
        "application": _application(handshake.application) if handshake.application else None,
        "syn_retransmits": handshake.syn_retransmits,
        "synack_retransmits": handshake.synack_retransmits,
        "negotiation": _negotiation(handshake.negotiation),
        "teardown": {
            "kind": teardown.kind.value,
            "first": teardown.first and teardown.first.value,
            "reset_by": teardown.reset_by and teardown.reset_by.value,
            "simultaneous": teardown.simultaneous,
        },
        "role_inferred": handshake.role_inferred,
        "evicted": handshake.evicted,
        "tags": _tags(handshake.tags),
        "other_ways": [{"sender": side.value, "tags": _tags(tags)} for side, tags in handshake.other_ways],
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
        **_endpoint(peer.endpoint),
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
        **(_icmp(packet) if isinstance(packet, IcmpError) else _segment(packet, item)),
    }


def _segment(segment: Segment, step: Step) -> Document:
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


def _icmp(error: IcmpError) -> Document:
    return {
        "reporter": format_address(error.reporter),
        "version": error.version,
        "type": error.type,
        "code": error.code,
        "mtu": error.mtu,
        "meaning": error.meaning,
    }


def _datagram(packet: Datagram | IcmpError, exchange: Exchange, note: str) -> Document:
    if isinstance(packet, IcmpError):
        return {
            "kind": "icmp",
            "offset_ns": packet.time_ns - exchange.start_ns,
            "frame": packet.number,
            **_icmp(packet),
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


def _exchange(exchange: Exchange) -> Document:
    return {
        "number": exchange.number,
        "source": exchange.source,
        "start": moment(exchange.start_ns),
        "start_ns": exchange.start_ns,
        "end_ns": exchange.end_ns,
        "client": _endpoint(exchange.client),
        "server": _endpoint(exchange.server),
        "service": service_name(exchange.server.port),
        "requests": exchange.requests,
        "replies": exchange.replies,
        "request_bytes": exchange.request_bytes,
        "reply_bytes": exchange.reply_bytes,
        "first_reply_ns": exchange.first_reply_ns,
        "icmp": _icmp(exchange.icmp) if exchange.icmp else None,
        "verdict": exchange.verdict.value,
        "datagrams": [
            _datagram(packet, exchange, note)
            for packet, note in zip_longest(exchange.datagrams, exchange.notes, fillvalue="")
            if not isinstance(packet, str)
        ],
        "quic": _quic(exchange.quic) if exchange.quic else None,
        "answer": _answer(exchange.answer) if exchange.answer else None,
        "lookups": [_lookup(lookup) for lookup in exchange.lookups],
        "tags": _tags(exchange.tags),
    }
