"""What is kept of each connection under way: one element of some arrays, and no object."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshake.bulk.index import Index
from handshake.bulk.pages import paged
from handshake.wire.columns.arrays import Bools, Ints, Words

MOST_KEPT = 14
"""Packets of one connection that are remembered by their place in the file; with more it is followed one by one."""

CONNECTION = np.dtype(
    [
        ("client_host", "u8"), ("server_host", "u8"), ("last", "i8"),
        ("last_ns", "i8"), ("closing_ns", "i8"), ("syn_tsval", "i8"), ("place", "i8"), ("ports", "u4"), ("way", "u4"),
        ("rows", "i4"), ("kept", "i1"), ("phase", "i1"), ("reset", "?"), ("talked", "?"), ("pending", "?"),
    ],
    align=True,
)  # fmt: skip
"""One record a connection, so that a window touches memory once for each of its connections. `Slots` says what the
fields mean."""

SIDE = np.dtype(
    [
        ("ack", "i8"), ("tsval", "i8"), ("clock", "i8"), ("payload", "i8"), ("untold_payload", "i8"),
        ("untold_segments", "u4"), ("segments", "u4"), ("iss", "u4"), ("nxt", "u4"), ("wnd", "i4"), ("ttl", "i2"),
        ("greeted", "?"), ("spoke", "?"), ("fin", "?"), ("acknowledged", "?"), ("said", "?"),
    ],
    align=True,
)  # fmt: skip
"""And one for each of its sides: 0 sent the connection's first packet, 1 is the other."""

_BYTES, _BOTH_BYTES = np.dtype(f"V{CONNECTION.itemsize}"), np.dtype(f"V{2 * SIDE.itemsize}")
"""Plain bytes are copied as such, structures field by field, which takes ten times as long."""


def _unknown(kind: np.dtype[Any], *names: str) -> np.ndarray:
    record = np.zeros(1, kind)
    for name in names:
        record[name] = -1
    return record


_NEW = _unknown(CONNECTION, "syn_tsval")
_NEW_SIDE = _unknown(SIDE, "ack", "tsval", "clock", "wnd", "ttl")

_ROOM = 1 << 18
"""Connections that there is memory for in the beginning: more than a flow table and a window hold (`flow.table`)."""

OPEN, ODD = 3, 4
"""Phases beside the number of packets of an opening that were seen: it is open, and it is anything else."""


class Slots:
    """Records by slot, a column for each of their fields, and which are in use."""

    pair: Words
    form: Words
    """Hash of what was kept."""
    verdict: NDArray[np.int32]
    """Number of the verdict on those of this form, -1 before it is asked for."""
    first: Ints
    """Number of the first frame."""
    used: Bools
    live: Bools
    """Followed one by one."""
    client_host: Words
    server_host: Words
    ports: NDArray[np.uint32]
    way: NDArray[np.uint32]
    """The VLANs of the first packet (`wire.columns.tags_of`)."""
    last: Ints
    """Number of the last frame so far."""
    last_ns: Ints
    closing_ns: Ints
    """When the first FIN was captured, where there was one."""
    rows: Ints
    kept: Ints
    phase: NDArray[np.int8]
    reset: Bools
    talked: Bools
    """What is still to be said tells nothing about the protocol that interests."""
    syn_tsval: Ints
    pending: Bools
    """Segments were passed over of which its conversation has not been told."""
    place: Ints
    iss: Ints
    """Number of each side's first segment: these and the next are indexed by slot and side."""
    greeted: Bools
    """Its last segment was a SYN."""
    spoke: Bools
    acknowledged: Bools
    """It has sent an ordinary segment without data."""
    said: Bools
    """It has sent one with data."""
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
    untold_segments: Ints
    """Segments that were passed over, until its conversation is told."""
    untold_payload: Ints
    """Their bytes."""
    fin: Bools
    places: NDArray[np.uint32]
    """Where the kept packets begin in the file, counted from the first one's `place`: a row for the first of each
    connection, one for the second, …, for most connections have few. So with the next two."""
    times: Ints
    """When the first three of them were captured, ns."""
    numbers: NDArray[np.int32]
    """Their frames, counted from the first one."""

    def __init__(self) -> None:
        self.clear()
        self._make(_ROOM)

    def clear(self) -> None:
        """Forget all of them, and give the memory back."""
        self._index = Index()
        self._high = 0
        """No slot from this one on was ever in use."""
        self._free = np.zeros(0, np.int64)
        """Those before it that are not in use."""
        self.followed = 0
        """How many are live."""
        self._make(1)

    def __len__(self) -> int:
        return len(self._index)

    def _make(self, size: int) -> None:
        """Memory for so many connections; what nobody has written to yet costs nothing."""
        self._size = size
        self.pair, self.form, self.first = paged(np.uint64, size), paged(np.uint64, size), paged(np.int64, size)
        self.used, self.live, self.verdict = paged(np.bool_, size), paged(np.bool_, size), paged(np.int32, size)
        self.places, self.numbers = paged(np.uint32, MOST_KEPT, size), paged(np.int32, MOST_KEPT, size)
        self.times = paged(np.int64, 3, size)
        self._states, self._sides = np.zeros(size, CONNECTION), np.zeros((size, 2), SIDE)
        for name in CONNECTION.fields or ():
            setattr(self, name, self._states[name])
        for name in SIDE.fields or ():
            setattr(self, name, self._sides[name])

    def _grow(self) -> None:
        names = ("pair", "form", "verdict", "first", "used", "live", "places", "numbers", "times")
        old = {name: getattr(self, name) for name in names}
        states, sides, count = self._states, self._sides, self._size
        self._make(2 * count)
        self._states[:count], self._sides[:count] = states, sides
        for name, column in old.items():
            getattr(self, name)[..., :count] = column

    def find(self, pairs: Words) -> Ints:
        """The slot of each pair of endpoints; -1 where it has none."""
        return self._index.find(pairs)

    def find_one(self, pair: int) -> int:
        """The slot of a pair of endpoints, or -1."""
        return self._index.get(pair)

    def claim(self, pairs: Words) -> Ints:
        """New slots for pairs of endpoints, each of which has none; what was in them is still there."""
        cut = max(len(self._free) - len(pairs), 0)
        again, self._free = self._free[cut:], self._free[:cut]
        fresh = len(pairs) - len(again)
        while self._high + fresh > self._size:
            self._grow()
        slots = np.concatenate((again, np.arange(self._high, self._high + fresh)))
        self._high += fresh
        self._index.insert(pairs, slots)
        self.pair[slots], self.used[slots] = pairs, True
        self.form[slots], self.verdict[slots] = 0, -1
        return slots

    def release(self, slots: Ints) -> None:
        """Forget these."""
        self._index.remove(self.pair[slots])
        self.followed -= int(self.live[slots].sum())
        self.used[slots] = self.live[slots] = False
        self._free = np.concatenate((self._free, slots))

    def records(self, slots: Ints) -> tuple[np.ndarray, np.ndarray]:
        """The records of some connections, and those of their sides, two for each, copied."""
        states, sides = self._states.view(_BYTES)[slots], self._sides.view(_BOTH_BYTES)[slots, 0]
        return states.view(CONNECTION), sides.view(SIDE)

    def begun(self, slots: Ints, new: Ints) -> tuple[np.ndarray, np.ndarray]:
        """The same, where those at the places `new` are of new connections: nothing is known of them."""
        states, sides = np.empty(len(slots), _BYTES), np.empty(len(slots), _BOTH_BYTES)
        states[:], sides[:] = _NEW.view(_BYTES), _NEW_SIDE.repeat(2).view(_BOTH_BYTES)
        if len(new) < len(slots):
            known = np.ones(len(slots), np.bool_)
            known[new] = False
            old = np.flatnonzero(known)
            found = self.records(slots[old])
            states[old], sides[old] = found[0].view(_BYTES), found[1].view(_BOTH_BYTES)
        return states.view(CONNECTION), sides.view(SIDE)

    def put(self, slots: Ints, states: np.ndarray, sides: np.ndarray) -> None:
        """Write the records of some connections."""
        self._states.view(_BYTES)[slots] = states.view(_BYTES)
        self._sides.view(_BOTH_BYTES)[slots, 0] = sides.view(_BOTH_BYTES)

    def follow(self, slots: Ints) -> None:
        """These, which are not live yet, are followed one by one from now on."""
        self.live[slots] = True
        self.followed += len(slots)

    def plain(self) -> Ints:
        """All slots in use that are not live."""
        return np.flatnonzero(self.used[: self._high] & ~self.live[: self._high])

    def in_order(self) -> Ints:
        """All slots in use, in the order of their first packets."""
        slots = np.flatnonzero(self.used[: self._high])
        bits = self._high.bit_length()
        packed = self.first[slots] << bits | slots
        packed.sort()
        return packed & (1 << bits) - 1


def copied(records: np.ndarray) -> np.ndarray:
    """A copy of records that lie one behind the other."""
    return records.view(f"V{records.itemsize}").copy().view(records.dtype)
