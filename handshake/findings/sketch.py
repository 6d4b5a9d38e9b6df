"""What rules about many handshakes look at: a few facts of each, so that millions of them can be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from handshake.model.handshake import CloseKind, Handshake, Outcome
from handshake.model.packet import ACK, RST, SYN, Segment

if TYPE_CHECKING:
    from handshake.model.address import Endpoint

FAILED = frozenset(
    {
        Outcome.REFUSED, Outcome.UNANSWERED, Outcome.UNREACHABLE, Outcome.HALF_OPEN,
        Outcome.ABORTED_BY_CLIENT, Outcome.ABORTED_BY_SERVER,
    }
)  # fmt: skip


class Sketch(NamedTuple):
    """One handshake."""

    number: int
    client: Endpoint
    server: Endpoint
    outcome: Outcome
    start_ns: int
    end_ns: int
    probing: bool
    """See `is_probing`."""
    answered: tuple[bytes, bytes] | None
    """Who sent an answer to whom that, as far as the capture shows, nobody had asked for; None where it is no such."""
    isns: tuple[int | None, int | None]
    """Initial numbers of client and server, where their SYN was captured."""


def sketch(handshake: Handshake) -> Sketch:
    """The sketch of a handshake."""
    client, server = handshake.client, handshake.server
    client_isn, server_isn = (
        peer.iss if peer.opening is not None and peer.iss == peer.opening.seq else None for peer in (client, server)
    )
    return Sketch(
        handshake.number, client.endpoint, server.endpoint, handshake.outcome, handshake.start_ns, handshake.end_ns,
        is_probing(handshake), _answered(handshake), (client_isn, server_isn),
    )  # fmt: skip


def is_probing(handshake: Handshake) -> bool:
    """Whether it is of the kind that scans are made of: nothing opened, or nothing was said before it was closed."""
    if handshake.client.payload_bytes or handshake.server.payload_bytes or not handshake.client.segments:
        return False
    if handshake.outcome in FAILED:
        return True
    if handshake.outcome.opened:
        return handshake.teardown.kind is not CloseKind.OPEN
    return handshake.client.segments + handshake.server.segments <= 3  # one odd segment and the answer to it


def _answered(handshake: Handshake) -> tuple[bytes, bytes] | None:
    if handshake.client.segments and handshake.server.segments:
        return None
    first = handshake.steps[0].packet
    if isinstance(first, Segment) and (first.flags & (SYN | ACK) == SYN | ACK or first.flags & RST):
        return first.src.address, first.dst.address
    return None
