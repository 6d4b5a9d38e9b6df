"""Sessions, ready to be drawn: one handshake or UDP exchange each, with what it came from and what belongs to it.

The ladder, mermaid and svg draw this one model: arrows between lanes. What came before the first packet (the question
to a name server, the line of an FTP control connection) stands in `before`; the rest in `events`, in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from handshake.model.handshake import Exchange, Handshake
from handshake.render.session.exchanges import exchange_session
from handshake.render.session.handshakes import arrow_words, handshake_session
from handshake.render.session.lookups import asked, lookups_of, question_of
from handshake.render.session.model import Event, Kind, Lane, Session

if TYPE_CHECKING:
    from handshake.model.dns import Lookup
    from handshake.model.kernel import Connect
    from handshake.model.report import Report

__all__ = [
    "Event",
    "Kind",
    "Lane",
    "Session",
    "all_sessions",
    "arrow_words",
    "connect_session",
    "drawable",
    "sessions",
    "udp_sessions",
]


def sessions(report: Report) -> Iterator[Session]:
    """A session for each handshake of the report, in its order."""
    shown: list[Handshake | Exchange] = [*report.handshakes, *report.exchanges, *report.unchosen]
    lookups = lookups_of(shown)
    handshakes = [each for each in shown if isinstance(each, Handshake)]
    controls = {(each.source, each.number): each for each in handshakes if each.application and each.application.ftp}
    announced: dict[tuple[str, int], list[Handshake]] = {}
    for each in handshakes:
        if each.announced_by is not None:
            announced.setdefault((each.source, each.announced_by), []).append(each)
    asked_by_us = _asked_by_us(report)
    for handshake in report.handshakes:
        control = None if handshake.announced_by is None else controls.get((handshake.source, handshake.announced_by))
        questions = (question_of(handshake, handshake.named, lookups),) if handshake.named else asked_by_us
        data = announced.get((handshake.source, handshake.number), ())
        yield handshake_session(handshake, questions, control, sorted(data, key=lambda each: each.start_ns))


def drawable(report: Report) -> list[Exchange]:
    """The UDP exchanges whose datagrams are known."""
    return [exchange for exchange in report.exchanges if exchange.datagrams]


def udp_sessions(report: Report) -> Iterator[Session]:
    """A session for each UDP exchange that is drawable, in their order."""
    for exchange in drawable(report):
        yield exchange_session(exchange, _asked_by_us(report))


def all_sessions(report: Report) -> Iterator[Session]:
    """Both, in the order of time; not the exchanges that a handshake tells of as what it came from."""
    both: list[tuple[Handshake | Exchange, Session]] = [*zip(report.handshakes, sessions(report), strict=True)]
    told = {(each.source, each.named.exchange) for each in report.handshakes if each.named}
    alone = [each for each in drawable(report) if (each.source, each.number) not in told]
    both += ((exchange, exchange_session(exchange, _asked_by_us(report))) for exchange in alone)
    sources = {name: at for at, name in enumerate(dict.fromkeys(each.source for each, _ in both))}
    for _, session in sorted(both, key=lambda pair: (sources[pair[0].source], pair[0].start_ns)):
        yield session


def connect_session(report: Report, connect: Connect) -> Session:
    """What came before an ordinary `connect()`; of the connection itself no packet is known."""
    lookups = _asked_by_us(report)
    resolver = [(Lane.RESOLVER, lookups[0].server)] if lookups else []
    lanes = ((Lane.CLIENT, connect.client), *resolver, (Lane.SERVER, connect.server))
    return Session("connect()", connect.start_ns, connect.start_ns, lanes, tuple(asked(lookups)))


def _asked_by_us(report: Report) -> tuple[Lookup, ...]:
    return report.approach.resolution.lookups if report.approach else ()
