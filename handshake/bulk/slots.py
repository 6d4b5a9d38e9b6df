"""What is kept of each connection under way: one element of some arrays, and no object."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handshake.wire.columns import Ints, Words

MOST_KEPT = 14
"""Packets of one connection that are remembered by their place in the file; with more it is followed one by one."""

_FIELDS: dict[str, tuple[str, tuple[int, ...]]] = {
    "pair": ("u8", ()),
    "client": ("u8", ()),
    "server": ("u8", ()),
    "client_host": ("u8", ()),
    "server_host": ("u8", ()),
    "ports": ("i8", ()),
    "first": ("i8", ()),
    "last": ("i8", ()),
    "last_ns": ("i8", ()),
    "closing_ns": ("i8", ()),
    "rows": ("i4", ()),
    "kept": ("i1", ()),
    "phase": ("i1", ()),
    "live": ("?", ()),
    "reset": ("?", ()),
    "talked": ("?", ()),
    "form": ("u8", ()),
    "kinds": ("i1", ()),
    "syn_tsval": ("i8", ()),
    "pending": ("?", ()),
    "greeted": ("?", (2,)),
    "spoke": ("?", (2,)),
    "iss": ("u4", (2,)),
    "nxt": ("u4", (2,)),
    "ack": ("i8", (2,)),
    "ttl": ("i2", (2,)),
    "tsval": ("i8", (2,)),
    "clock": ("i8", (2,)),
    "wnd": ("i4", (2,)),
    "segments": ("i8", (2,)),
    "payload": ("i8", (2,)),
    "untold": ("i8", (2, 2)),
    "fins": ("?", (2,)),
    "place": ("i8", ()),
    "places": ("u4", (MOST_KEPT,)),
    "numbers": ("i4", (MOST_KEPT,)),
    "times": ("i8", (3,)),
}

_UNKNOWN = frozenset({"ack", "tsval", "clock", "ttl", "wnd", "syn_tsval"})
_CLEARED = [name for name in _FIELDS if name not in
            {"pair", "client", "server", "client_host", "server_host", "ports", "first", "last_ns", "last", "place",
             "places", "numbers", "times"}]  # fmt: skip
"""What a new connection finds as if nothing had been there; the rest is written before it is read."""

NEW, ASKED, ANSWERED, OPEN, ODD = range(5)
"""Phases: nothing seen, SYN, SYN-ACK too, open, and what is none of these."""


class Slots:
    """Arrays by field, and which of their elements are in use. Sides: 0 who sent the first packet, 1 the other."""

    pair: Words
    client: Words
    server: Words
    client_host: Words
    server_host: Words
    ports: Ints
    first: Ints
    """Number of the first frame."""
    last: Ints
    """Number of the last frame so far."""
    last_ns: Ints
    closing_ns: Ints
    """When the first FIN was captured, where there was one."""
    rows: Ints
    kept: Ints
    phase: NDArray[np.int8]
    live: NDArray[np.bool_]
    """Followed one by one."""
    reset: NDArray[np.bool_]
    talked: NDArray[np.bool_]
    """What is still to be said tells nothing about the protocol that interests."""
    form: Words
    """Hash of what was kept."""
    kinds: Ints
    """Bits: kinds of ordinary segments seen."""
    syn_tsval: Ints
    pending: NDArray[np.bool_]
    """Segments were passed over of which its conversation has not been told."""
    iss: Ints
    """Number of each side's first segment."""
    greeted: NDArray[np.bool_]
    """Its last segment was a SYN."""
    spoke: NDArray[np.bool_]
    nxt: Ints
    ack: Ints
    """-1 before the first one."""
    ttl: Ints
    tsval: Ints
    clock: Ints
    """Timestamp of the last segment with data that was passed over, until its conversation is told; else -1."""
    wnd: Ints
    segments: Ints
    payload: Ints
    """Bytes so far."""
    untold: Ints
    """Segments and bytes of each side that were passed over, until its conversation is told."""
    fins: NDArray[np.bool_]
    place: Ints
    places: NDArray[np.uint32]
    """Where the kept packets begin in the file, counted from the first one's `place`."""
    times: Ints
    """When the first three of them were captured, ns."""
    numbers: NDArray[np.int32]
    """Their frames, counted from the first one."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._size = 0
        self.known: dict[int, int] = {}
        """Pair of endpoints to slot."""
        self._grow(1024)

    def __len__(self) -> int:
        return len(self.known)

    def _grow(self, size: int) -> None:
        for name, (kind, shape) in _FIELDS.items():
            array = np.zeros((size, *shape), kind)
            if self._size:
                array[: self._size] = getattr(self, name)
            setattr(self, name, array)
        self._free.extend(range(size - 1, self._size - 1, -1))
        self._size = size

    def claim(self, pairs: Sequence[int]) -> list[int]:
        """New slots for pairs of endpoints that have none."""
        while len(self._free) < len(pairs):
            self._grow(self._size * 3 // 2)
        cut = len(self._free) - len(pairs)
        slots = self._free[cut:]
        del self._free[cut:]
        slots.reverse()
        self.known.update(zip(pairs, slots, strict=True))
        places = np.array(slots, np.int64)
        for name in _CLEARED:
            getattr(self, name)[places] = -1 if name in _UNKNOWN else 0
        self.pair[places] = pairs
        return slots

    def release(self, slots: Ints) -> None:
        """Forget these."""
        for pair in self.pair[slots].tolist():
            del self.known[pair]
        self.live[slots] = False
        self._free.extend(slots.tolist())

    @property
    def alive(self) -> int:
        """How many are followed one by one."""
        return int(self.live.sum())

    def used(self) -> Ints:
        """All slots in use, in the order of their first packets."""
        slots = np.fromiter(self.known.values(), np.int64, len(self.known))
        return slots[np.argsort(self.first[slots], kind="stable")]
