"""Flows by their two ends alone, to find the one whose packets come in another VLAN or tunnel than its first did.

Each direction may have a way of its own: MPLS labels (RFC 3031 §3.1) and tunnel endpoint identifiers are one-way by
design, and VLANs differ behind asymmetric routing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Generic, TypeVar

from handshake.model.address import Endpoint

MOST_WAYS = 8
"""VLANs and tunnels, beside that of its first packet, in which one flow is followed."""
_MOST_LOOKED_AT = 16
"""Flows between the same ends that are looked at, the latest first: a bound on what a hostile capture costs."""

Ends = tuple[Endpoint, Endpoint]
F = TypeVar("F")


class Ways(Generic[F]):
    """Flows by (client, server), whatever is around them. Those between the same ends are told apart by number."""

    def __init__(self) -> None:
        self._flows: dict[Ends, dict[int, F]] = {}

    def add(self, ends: Ends, number: int, flow: F) -> None:
        """Remember a flow."""
        self._flows.setdefault(ends, {})[number] = flow

    def remove(self, ends: Ends, number: int) -> None:
        """Forget a flow."""
        flows = self._flows[ends]
        del flows[number]
        if not flows:
            del self._flows[ends]

    def between(self, src: Endpoint, dst: Endpoint) -> Iterator[F]:
        """Flows between two ends, whichever is the client; the latest first."""
        for ends in {(src, dst), (dst, src)}:
            flows = self._flows.get(ends)
            if flows:
                yield from islice(reversed(flows.values()), _MOST_LOOKED_AT)
