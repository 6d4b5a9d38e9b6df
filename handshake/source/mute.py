"""Recognises the acknowledgments of bulk transfers, so that the kernel can keep most of them.

The receiver of a bulk transfer sends segments without payload that differ only in the number that they
acknowledge. As soon as it sends anything of its own, a FIN among it, its sequence number moves on and the run is over.
"""

from __future__ import annotations

from handshake.model.packet import FIN, RST, SYN, Segment
from handshake.wire.sieve import MOST_MUTED, run_key

RUN = 64
"""Segments of a run that pass before it is muted."""

_CANDIDATES = 4096
"""Runs whose length is remembered."""


class Muting:
    """Counts runs; `keys` are those to mute. Sans I/O, bounded."""

    def __init__(self) -> None:
        self._lengths: dict[int, int] = {}
        self._muted: dict[int, None] = {}

    @property
    def keys(self) -> tuple[int, ...]:
        """Keys of the runs to mute, those heard of last first."""
        return tuple(reversed(self._muted))

    def note(self, segment: Segment) -> bool:
        """Count a segment that passed; True when `keys` has a new one."""
        if segment.payload_len or segment.flags & (SYN | FIN | RST):
            return False
        key = run_key(segment)
        if key in self._muted:
            del self._muted[key]  # and put it last: it is still heard of
            self._muted[key] = None
            return False
        length = self._lengths.pop(key, 0) + 1
        if length < RUN:
            self._lengths[key] = length
            if len(self._lengths) > _CANDIDATES:
                del self._lengths[next(iter(self._lengths))]
            return False
        if len(self._muted) == MOST_MUTED:
            del self._muted[next(iter(self._muted))]
        self._muted[key] = None
        return True
