"""What ties flows together: the lookup that gave a connection its address, the control connection that announced it."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from handshake.model.handshake import Exchange, Handshake, Named

if TYPE_CHECKING:
    from handshake.model.dns import Lookup

ANNOUNCED_NS = 120 * 10**9
"""How long after its announcement an FTP data connection may begin."""

_Answers = dict[tuple[bytes, bytes], list[Named]]
"""By the client that asked and the address that it was given, in the order of time."""


def told(handshakes: Iterable[Handshake], exchanges: Iterable[Exchange]) -> tuple[Handshake, ...]:
    """The same handshakes, each with the name by which its server was looked up and with who announced it.

    Captures are kept apart.
    """
    handshakes = tuple(handshakes)
    own: dict[str, list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        own[exchange.source].append(exchange)
    stories: dict[str, list[Handshake]] = defaultdict(list)
    for handshake in handshakes:
        stories[handshake.source].append(handshake)
    found = {
        (source, handshake.number): handshake
        for source, group in stories.items()
        for handshake in _of_one_capture(group, own[source])
    }
    return tuple(found[handshake.source, handshake.number] for handshake in handshakes)


def _of_one_capture(handshakes: Sequence[Handshake], exchanges: Iterable[Exchange]) -> Sequence[Handshake]:
    answers = _answers(handshakes, exchanges)
    announced = _announced(handshakes)
    if not answers and not announced:
        return handshakes
    return [
        replace(handshake, named=_named(handshake, answers), announced_by=_announcer(handshake, announced))
        for handshake in handshakes
    ]


def _answers(handshakes: Iterable[Handshake], exchanges: Iterable[Exchange]) -> _Answers:
    found: _Answers = defaultdict(list)
    for exchange in exchanges:
        for lookup in exchange.lookups:
            _note(found, exchange.client.address, lookup, exchange.number)
    for handshake in handshakes:
        for lookup in handshake.application.lookups if handshake.application else ():
            _note(found, handshake.client.endpoint.address, lookup, None)
    for named in found.values():
        named.sort(key=lambda each: each.answered_ns)
    return found


def _note(found: _Answers, client: bytes, lookup: Lookup, exchange: int | None) -> None:
    answer, answered_ns = lookup.answer, lookup.answered_ns
    if answer is None or answered_ns is None:
        return
    from handshake.model.dns import AAAA, A

    for record in answer.records:
        if record.kind in (A, AAAA):
            named = Named(lookup.name, lookup.server, answered_ns, record.ttl_s, exchange)
            found[client, record.data].append(named)


def _named(handshake: Handshake, answers: _Answers) -> Named | None:
    given = answers.get((handshake.client.endpoint.address, handshake.server.endpoint.address), ())
    before = bisect_right(given, handshake.start_ns, key=lambda each: each.answered_ns)
    return given[before - 1] if before else None


_Announced = dict[tuple[bytes, bytes, int], list[tuple[int, int]]]
"""By who connects, to which address and port: when the control connection was there, and its number."""


def _announced(handshakes: Iterable[Handshake]) -> _Announced:
    found: _Announced = defaultdict(list)
    for handshake in handshakes:
        for data in handshake.application.ftp if handshake.application else ():
            listener, caller = handshake.peer(data.listener), handshake.peer(data.listener.other)
            address = data.address or listener.endpoint.address
            found[caller.endpoint.address, address, data.port].append((data.time_ns, handshake.number))
    return found


def _announcer(handshake: Handshake, announced: _Announced) -> int | None:
    client, server = handshake.client.endpoint, handshake.server.endpoint
    for time_ns, number in reversed(announced.get((client.address, server.address, server.port), ())):
        if 0 <= handshake.start_ns - time_ns <= ANNOUNCED_NS:
            return number
    return None
