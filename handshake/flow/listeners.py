"""Which listening sockets served several clients at once.

A passive open is `listen()`; from then on the kernel completes handshakes alone and puts them into the accept queue,
whenever the program calls `accept()`. A connection counts as open from the completion of its handshake to its last
packet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from handshake.model.listener import Listener

if TYPE_CHECKING:
    from handshake.model.address import Endpoint
    from handshake.model.handshake import Handshake
    from handshake.model.packet import Tags


def listeners(handshakes: Iterable[Handshake]) -> tuple[Listener, ...]:
    """Servers with two connections or more at once, in order of appearance; captures, VLANs and tunnels kept apart."""
    found: dict[tuple[str, Endpoint, Tags], list[Handshake]] = defaultdict(list)
    for handshake in handshakes:
        if handshake.timing.setup_ns is not None:
            found[handshake.source, handshake.server.endpoint, handshake.tags].append(handshake)
    served = []
    for (source, server, _), group in found.items():
        together = _most_at_once(group)
        if len(together) > 1:
            numbers = tuple(each.number for each in together)
            clients = tuple(each.client.endpoint for each in together)
            served.append(Listener(server, source, len(group), numbers, clients))
    return tuple(served)


def _most_at_once(group: Sequence[Handshake]) -> list[Handshake]:
    """The largest set that was open at one moment; where several are, the earliest."""
    opened = sorted(group, key=_opened_ns)
    closing_ns = sorted(map(_closed_ns, group))
    best, best_ns, gone = 0, 0, 0
    for number, handshake in enumerate(opened, 1):
        now_ns = _opened_ns(handshake)
        while gone < number - 1 and closing_ns[gone] <= now_ns:
            gone += 1
        if number - gone > best:
            best, best_ns = number - gone, now_ns
    there = [each for each in group if _opened_ns(each) <= best_ns < _closed_ns(each)]
    return sorted(there, key=lambda each: each.number)


def _opened_ns(handshake: Handshake) -> int:
    return handshake.start_ns + (handshake.timing.setup_ns or 0)


def _closed_ns(handshake: Handshake) -> int:
    """The last packet; never before the opening, which a capture with times that run back may say."""
    return max(handshake.end_ns, _opened_ns(handshake))
