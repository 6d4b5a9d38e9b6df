"""Keeps the segments of each connection, so that they can be held against those of another place. Bounded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from handshake.model.vantage import Trace

if TYPE_CHECKING:
    from handshake.flow.conversation import Conversation
    from handshake.flow.exchange import OpenExchange
    from handshake.model.handshake import Handshake
    from handshake.model.packet import Datagram, Segment

MOST_OF_ONE = 2_000
"""Segments of one connection that are kept."""
MOST_KEPT = 500_000
"""Segments of all connections together that are kept."""


class Witness:
    """Takes note of what the flow table sorts, in the place of a meter."""

    def __init__(self) -> None:
        self._kept = 0
        self._segments: dict[int, list[Segment]] = {}
        self._copies: dict[int, list[Segment]] = {}
        self._left_out: dict[int, int] = {}

    def segment(self, conversation: Conversation, segment: Segment) -> None:
        """One segment, after its conversation has judged it."""
        self._keep(self._segments, conversation.number, segment)

    def copy(self, conversation: Conversation, segment: Segment) -> None:
        """A segment that was captured once more at the same place."""
        self._keep(self._copies, conversation.number, segment)

    def datagram(self, exchange: OpenExchange, datagram: Datagram, payload: bytes) -> None:
        """Of UDP nothing is kept."""

    def traces(self, handshakes: Iterable[Handshake]) -> tuple[Trace, ...]:
        """What was kept of each of them."""
        return tuple(
            Trace(
                handshake,
                tuple(self._segments.get(handshake.number, ())),
                tuple(self._copies.get(handshake.number, ())),
                self._left_out.get(handshake.number, 0),
            )
            for handshake in handshakes
        )

    def _keep(self, lists: dict[int, list[Segment]], number: int, segment: Segment) -> None:
        kept = lists.setdefault(number, [])
        if len(kept) < MOST_OF_ONE and self._kept < MOST_KEPT:
            kept.append(segment)
            self._kept += 1
        elif lists is self._segments:
            self._left_out[number] = self._left_out.get(number, 0) + 1
