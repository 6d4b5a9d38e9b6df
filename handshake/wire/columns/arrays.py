"""Kinds of arrays, and what is done with all of them."""

from __future__ import annotations

from functools import cache
from os import urandom
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshake.wire.layout import Layout

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]


def gather(data: Bytes, at: Ints, kind: np.dtype[Any]) -> NDArray[Any]:
    """The structures that begin at these offsets of a window."""
    size = kind.itemsize
    views = np.lib.stride_tricks.as_strided(data[:size].view(f"V{size}"), (len(data) - size + 1,), (1,))
    return views[at].view(kind)  # plain bytes are copied as such, structures field by field


def some(structures: NDArray[Any], rows: Ints) -> NDArray[Any]:
    """Some of the structures that were gathered, copied."""
    return structures.view(f"V{structures.itemsize}")[rows].view(structures.dtype)


@cache
def type_of(header: Layout) -> np.dtype[np.void]:
    """The structure of a header (`wire.layout`) in an array."""
    return header.column_type()


@cache
def among(chosen: frozenset[int]) -> Bools:
    """By 16-bit number, whether it is one of these."""
    numbers = np.zeros(1 << 16, np.bool_)
    numbers[list(chosen)] = True
    return numbers


def scrambled(words: Words) -> Words:
    """Each word mixed so that every bit depends on every bit (splitmix64's finaliser)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def odd_keys(count: int) -> Words:
    """Odd words that nobody can guess (numpy's own generators would have to be imported)."""
    return np.frombuffer(urandom(8 * count), np.uint64) | np.uint64(1)
