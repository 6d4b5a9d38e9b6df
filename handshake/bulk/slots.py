"""What is kept of each connection under way: one element of some arrays, and no object."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handshake.bulk.index import Index
from handshake.wire.columns import Bools, Ints, Words

MOST_KEPT = 14
"""Packets of one connection that are remembered by their place in the file; with more it is followed one by one."""

STATE = np.dtype(
    [
        ("pair", "u8"), ("client", "u8"), ("server", "u8"), ("client_host", "u8"), ("server_host", "u8"),
        ("form", "u8"), ("ports", "i8"), ("way", "i8"), ("first", "i8"), ("last", "i8"), ("last_ns", "i8"),
        ("closing_ns", "i8"), ("syn_tsval", "i8"), ("place", "i8"), ("ack", "i8", 2), ("tsval", "i8", 2),
        ("clock", "i8", 2), ("payload", "i8", 2), ("untold", "i8", (2, 2)), ("segments", "u4", 2), ("iss", "u4", 2),
        ("nxt", "u4", 2), ("wnd", "i4", 2), ("rows", "i4"), ("ttl", "i2", 2), ("kept", "i1"), ("phase", "i1"),
        ("kinds", "i1"), ("used", "?"), ("live", "?"), ("reset", "?"), ("talked", "?"), ("pending", "?"),
        ("greeted", "?", 2), ("spoke", "?", 2), ("fins", "?", 2),
    ],
    align=True,
)  # fmt: skip
"""One record a connection, so that a window touches memory once for each of its connections. Sides: 0 who sent the
first packet, 1 the other. `Slots` says what the fields mean."""

_WHOLE = np.dtype(f"V{STATE.itemsize}")
_NEW = np.zeros(1, STATE)
_NEW["used"] = True
for _name in ("syn_tsval", "ack", "tsval", "clock", "wnd", "ttl"):
    _NEW[_name] = -1  # unknown

_ROOM = 1 << 18
"""Connections that there is memory for in the beginning: more than a flow table and a window hold (`flow.table`)."""

OPEN, ODD = 3, 4
"""Phases beside the number of packets of an opening that were seen: it is open, and it is anything else."""


class Slots:
    """Records by slot, a column for each of their fields, and which are in use."""

    pair: Words
    client: Words
    server: Words
    client_host: Words
    server_host: Words
    ports: Ints
    way: Ints
    """The VLANs of the first packet (`wire.columns.tags_of`)."""
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
    used: Bools
    live: Bools
    """Followed one by one."""
    reset: Bools
    talked: Bools
    """What is still to be said tells nothing about the protocol that interests."""
    form: Words
    """Hash of what was kept."""
    kinds: Ints
    """Bits: kinds of ordinary segments seen."""
    syn_tsval: Ints
    pending: Bools
    """Segments were passed over of which its conversation has not been told."""
    iss: Ints
    """Number of each side's first segment."""
    greeted: Bools
    """Its last segment was a SYN."""
    spoke: Bools
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
    fins: Bools
    place: Ints
    places: NDArray[np.uint32]
    """Where the kept packets begin in the file, counted from the first one's `place`: a row for the first of each
    connection, one for the second, …, for most connections have few. So with the next two."""
    times: Ints
    """When the first three of them were captured, ns."""
    numbers: NDArray[np.int32]
    """Their frames, counted from the first one."""

    def __init__(self) -> None:
        self._index = Index()
        self._high = 0
        """No slot from this one on was ever in use."""
        self.followed = 0
        """How many are live."""
        self._make(_ROOM)

    def __len__(self) -> int:
        return len(self._index)

    def _make(self, size: int) -> None:
        """Memory for so many connections; what nobody has written to yet costs nothing (calloc)."""
        self._states = np.zeros(size, STATE)
        self.places, self.numbers = np.zeros((MOST_KEPT, size), np.uint32), np.zeros((MOST_KEPT, size), np.int32)
        self.times = np.zeros((3, size), np.int64)
        self._free = np.arange(size - 1, -1, -1)
        for name in STATE.fields or ():
            setattr(self, name, self._states[name])

    def _grow(self) -> None:
        old = {name: getattr(self, name) for name in ("_states", "places", "numbers", "times", "_free")}
        count = len(self._states)
        self._make(2 * count)
        self._states[:count] = old["_states"]
        for name in ("places", "numbers", "times"):
            getattr(self, name)[:, :count] = old[name]
        self._free = np.concatenate((self._free[:count], old["_free"]))

    def find(self, pairs: Words) -> Ints:
        """The slot of each pair of endpoints; -1 where it has none."""
        return self._index.find(pairs)

    def find_one(self, pair: int) -> int:
        """The slot of a pair of endpoints, or -1."""
        return self._index.get(pair)

    def claim(self, pairs: Words) -> Ints:
        """New slots for pairs of endpoints, each of which has none."""
        while len(self._free) < len(pairs):
            self._grow()
        cut = len(self._free) - len(pairs)
        slots = self._free[cut:]
        self._free = self._free[:cut]
        self._index.insert(pairs, slots)
        self._high = max(self._high, int(slots.max()) + 1)
        self._states.view(_WHOLE)[slots] = _NEW.view(_WHOLE)
        self.pair[slots] = pairs
        return slots

    def release(self, slots: Ints) -> None:
        """Forget these."""
        self._index.remove(self.pair[slots])
        self.followed -= int(self.live[slots].sum())
        self.used[slots] = self.live[slots] = False
        self._free = np.concatenate((self._free, slots))

    def states(self, slots: Ints) -> np.ndarray:
        """The records of some connections, copied."""
        return self._states.view(_WHOLE)[slots].view(STATE)

    def put(self, slots: Ints, states: np.ndarray) -> None:
        """Write the records of some connections."""
        self._states.view(_WHOLE)[slots] = states.view(_WHOLE)

    def follow(self, slots: Ints) -> None:
        """These, which are not live yet, are followed one by one from now on."""
        self.live[slots] = True
        self.followed += len(slots)

    def in_order(self) -> Ints:
        """All slots in use, in the order of their first packets."""
        slots = np.flatnonzero(self.used[: self._high])
        bits = self._high.bit_length()
        packed = self.first[slots] << bits | slots
        packed.sort()
        return packed & (1 << bits) - 1
