"""A whole report, its summary, and the events of a watch."""

from __future__ import annotations

from dataclasses import asdict

from handshake.compare.pages import PageLoad, page_loads
from handshake.flow.listeners import listeners
from handshake.model.address import format_address
from handshake.model.crowd import Crowd
from handshake.model.event import Event
from handshake.model.listener import Listener
from handshake.model.report import Reply, Report, Tally
from handshake.render.document.approach import approach_fields, connect_fields
from handshake.render.document.base import Document, endpoint_fields, head, source_fields, statistics
from handshake.render.document.exchange import exchange_fields
from handshake.render.document.handshake import handshake_fields
from handshake.render.statistics import finding_counts, measured, outcome_counts, totals_of
from handshake.render.units import moment
from handshake.version import __version__


def report_to_dict(report: Report) -> Document:
    """The whole report as one document of type `report`."""
    return {
        **summary_to_dict(report),
        "type": "report",
        "handshakes": [handshake_fields(handshake) for handshake in report.handshakes],
        "exchanges": [exchange_fields(exchange) for exchange in report.exchanges],
    }


def summary_to_dict(report: Report) -> Document:
    """What a report says as a whole, without its handshakes: a document of type `summary`."""
    totals = totals_of(report)
    return {
        **head("summary"),
        "generator": {"name": "handshake", "version": __version__},
        "sources": [source_fields(source) for source in report.sources],
        "tally": tally_fields(report.tally),
        "approach": approach_fields(report.approach) if report.approach else None,
        "kernel": [
            {"frame": view.frame, "state": view.state, "accept_queue": view.accept_queue, "backlog": view.backlog}
            for view in report.kernel
        ],
        "connects": [connect_fields(connect) for connect in report.connects],
        "reply": _reply(report.reply) if report.reply else None,
        "answer": asdict(report.answer) if report.answer else None,
        "outcomes": {outcome.value: number for outcome, number in outcome_counts(totals).items()},
        "times": {name: statistics(values) for name, values in measured(totals).items()},
        "findings": [
            {"code": finding.code, "name": finding.name, "severity": finding.severity.value, "handshakes": number}
            for finding, number in finding_counts(totals)
        ],
        "crowds": [_crowd(crowd) for crowd in report.crowds],
        "pages": [_page(load) for load in page_loads(report.handshakes)],
        "listeners": [_listener(listener) for listener in listeners(report.handshakes)],
    }


def event_to_dict(event: Event) -> Document:
    """One event of a watch with the handshake as it stood: a document of type `event`."""
    return {
        **head("event"),
        "event": event.kind.value,
        "time": moment(event.time_ns),
        "time_ns": event.time_ns,
        "handshake": handshake_fields(event.handshake),
    }


def _page(load: PageLoad) -> Document:
    return {
        "client": format_address(load.client),
        "server": endpoint_fields(load.server),
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
        "server": endpoint_fields(listener.server),
        "source": listener.source,
        "connections": listener.connections,
        "together": list(listener.together),
        "clients": [endpoint_fields(client) for client in listener.clients],
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


def _reply(reply: Reply) -> Document:
    return {
        "sent": reply.sent,
        "length": reply.length,
        "finished": reply.finished,
        "text": reply.text,
        "hex": reply.data.hex(),
    }


def tally_fields(tally: Tally) -> Document:
    """The counts of a run."""
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
        **({"forgotten": tally.forgotten} if tally.forgotten else {}),
        "first_ns": tally.first_ns,
        "last_ns": tally.last_ns,
    }
