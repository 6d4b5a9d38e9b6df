"""A listening socket as the packets imply it: one server address and port, many connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.address import Endpoint


@dataclass(frozen=True, slots=True)
class Listener:
    """One passive open that served several clients side by side (RFC 9293 §3.3.1: the 4-tuples differ)."""

    server: Endpoint
    source: str
    """The capture that it was seen in."""
    connections: int
    """All that it accepted."""
    together: tuple[int, ...]
    """Numbers of the most handshakes that were open at the same moment, in the order of appearance; two at least."""
    clients: tuple[Endpoint, ...]
    """Their clients' ends, in the same order: all that tells them apart."""
