"""Page loads: the HTTP objects that a client fetched from a server, and what their handshakes cost (RFC 9112 §9.3).

N objects over N connections wait for N handshakes, N objects over one connection for one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.address import Endpoint
    from handshake.model.application import HttpExchange
    from handshake.model.handshake import Handshake

NEAR_NS = 10 * 10**9
"""A connection that begins this long after the last request at most belongs to the same page."""


@dataclass(frozen=True, slots=True)
class PageLoad:
    """Objects that one client fetched from one server, one soon after the other."""

    client: bytes
    """Address, 4 or 16 bytes."""
    server: Endpoint
    source: str
    members: tuple[int, ...]
    """Numbers of the connections, in the order in which they began."""
    objects: int
    """Requests; the answers may be missing."""
    setups_ns: tuple[int, ...]
    """What the user waited for the handshake of each connection whose opening was captured."""
    waited_ns: int
    """Time in which at least one handshake was waited for; less than the sum where they went on side by side."""

    @property
    def one_ns(self) -> int:
        """What all objects over one connection would have waited: the first handshake."""
        return self.setups_ns[0]

    @property
    def each_ns(self) -> int:
        """What each object over a connection of its own would have waited, one after the other, by the mean."""
        return sum(self.setups_ns) * self.objects // len(self.setups_ns)


def page_loads(handshakes: Iterable[Handshake]) -> tuple[PageLoad, ...]:
    """The loads of two objects and more of which a handshake was measured, in the order of their beginning."""
    flows: dict[tuple[str, bytes, Endpoint], list[Handshake]] = defaultdict(list)
    for handshake in handshakes:
        if handshake.application and handshake.application.http:
            flows[handshake.source, handshake.client.endpoint.address, handshake.server.endpoint].append(handshake)
    groups = [near for flow in flows.values() for near in _near(sorted(flow, key=attrgetter("start_ns")))]
    loads = (_load(group) for group in sorted(groups, key=lambda group: group[0].number))
    return tuple(load for load in loads if load and load.objects > 1)


def _near(flow: Sequence[Handshake]) -> list[list[Handshake]]:
    """Connections in runs without a long pause between the last request and the next connection."""
    groups: list[list[Handshake]] = []
    last_ns = 0
    for handshake in flow:
        if not groups or handshake.start_ns - last_ns > NEAR_NS:
            groups.append([])
            last_ns = 0
        groups[-1].append(handshake)
        last_ns = max(last_ns, *(exchange.asked_ns for exchange in _http(handshake)))
    return groups


def _load(group: Sequence[Handshake]) -> PageLoad | None:
    first = group[0]
    waits = [
        (each.start_ns, each.start_ns + each.timing.setup_ns) for each in group if each.timing.setup_ns is not None
    ]
    if not waits:
        return None
    return PageLoad(
        first.client.endpoint.address,
        first.server.endpoint,
        first.source,
        tuple(each.number for each in group),
        sum(len(_http(each)) for each in group),
        tuple(end - start for start, end in waits),
        _union_ns(waits),
    )


def _http(handshake: Handshake) -> tuple[HttpExchange, ...]:
    return handshake.application.http if handshake.application else ()


def _union_ns(spans: Sequence[tuple[int, int]]) -> int:
    """Time covered by spans, given by their starts in order."""
    covered = until = 0
    for start, end in spans:
        covered += max(end - max(start, until), 0)
        until = max(until, end)
    return covered
