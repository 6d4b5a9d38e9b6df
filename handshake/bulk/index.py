"""Which slot a pair of endpoints has: a hash table in arrays that is asked for thousands of pairs at once."""

from __future__ import annotations

import numpy as np

from handshake.bulk.pages import paged
from handshake.wire.columns.arrays import Ints, Words

_EMPTY, _GONE = np.uint64(0), np.uint64(1)
LEAST = 2
"""Smallest word that may stand for a pair."""


class Index:
    """Open addressing with linear probing (Knuth, TAOCP 3, §6.4); the words are hashes, half the places free."""

    def __init__(self) -> None:
        self._count = 0
        self._rebuild(np.zeros(0, np.uint64), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return self._count

    def find(self, pairs: Words) -> Ints:
        """The slot of each pair; -1 where it has none."""
        at = self._places(pairs)
        found = self._slots.take(at).astype(np.int64)
        found[self._keys.take(at) != pairs] = -1
        return found

    def get(self, pair: int) -> int:
        """The slot of one pair, or -1."""
        return int(self.find(np.array([pair], np.uint64))[0])

    def insert(self, pairs: Words, slots: Ints) -> None:
        """Add pairs, each once, that are not there."""
        self._count += len(pairs)
        self._filled += len(pairs)
        if 2 * self._filled > len(self._keys):
            there = np.flatnonzero(self._keys >= LEAST)
            self._rebuild(np.append(self._keys[there], pairs), np.append(self._slots[there], slots))
        else:
            self._insert(pairs, slots)

    def remove(self, pairs: Words) -> None:
        """Take out pairs that are there."""
        self._keys[self._places(pairs)] = _GONE
        self._count -= len(pairs)

    def _rebuild(self, pairs: Words, slots: Ints) -> None:
        size = 1 << max(12, (3 * len(pairs)).bit_length())
        self._mask = np.uint64(size - 1)
        self._keys = paged(np.uint64, size)
        self._slots = paged(np.int32, size)
        self._filled = len(pairs)
        self._insert(pairs, slots)

    def _insert(self, pairs: Words, slots: Ints) -> None:
        at = (pairs & self._mask).astype(np.int64)
        while len(pairs):
            free = np.flatnonzero(self._keys.take(at) == _EMPTY)
            self._keys[at[free]] = pairs[free]  # of several that want one place the last gets it
            lost = self._keys.take(at) != pairs
            got = np.flatnonzero(~lost)
            self._slots[at[got]] = slots[got]
            rest = np.flatnonzero(lost)
            pairs, slots, at = pairs[rest], slots[rest], at[rest] + 1 & len(self._keys) - 1

    def _places(self, pairs: Words) -> Ints:
        """Where each pair is, or the free place where the search for it ends."""
        places = (pairs & self._mask).astype(np.int64)
        rows, wanted = np.arange(len(pairs)), pairs
        at = places
        while True:
            keys = self._keys.take(at)
            on = np.flatnonzero((keys != wanted) & (keys != _EMPTY))
            if not len(on):
                return places
            rows, wanted, at = rows[on], wanted[on], at[on] + 1 & len(self._keys) - 1
            places[rows] = at
