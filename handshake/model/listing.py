"""Handshakes of a large capture as lines: of each what a table shows, and no object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from handshake.model.record import dataclass


@dataclass(frozen=True, slots=True)
class Lines:
    """Some handshakes in order of appearance: columns with one element for each. Times are ns, None as in `Timing`."""

    alike: Sequence[int]
    """What it shares with those that went like it: a place in `Listing.texts`."""
    client_address: Sequence[str]
    client_port: Sequence[int]
    server_address: Sequence[str]
    server_port: Sequence[int]
    start_ns: Sequence[int]
    end_ns: Sequence[int]
    setup_ns: Sequence[int | None]
    irtt_ns: Sequence[int | None]
    syn_to_synack_ns: Sequence[int | None]
    synack_to_ack_ns: Sequence[int | None]
    client_segments: Sequence[int]
    client_bytes: Sequence[int]
    server_segments: Sequence[int]
    server_bytes: Sequence[int]


class Listing(Protocol):
    """All handshakes of a capture."""

    @property
    def texts(self) -> Sequence[tuple[str, ...]]:
        """What handshakes share that went alike, as who asked for the listing wants it said."""

    def __len__(self) -> int:
        """How many there are."""

    def pieces(self) -> Iterator[Lines]:
        """All of them, some thousands at once."""
