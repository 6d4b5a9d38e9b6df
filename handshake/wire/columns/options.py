"""TCP options: a hash of what they are, and their timestamps."""

from __future__ import annotations

import numpy as np

from handshake.model.options import EOL, NOP, TIMESTAMPS
from handshake.wire.columns.arrays import Bytes, Ints, Words, gather, scrambled
from handshake.wire.layout import TCP

MOST_OPTIONS = 40


def options_of(data: Bytes, at: Ints, header: Ints) -> tuple[Words, Ints, Ints]:
    """Of the options of some TCP headers: a hash of all but the timestamps' values, TSval and TSecr (-1 without)."""
    length = header - TCP.size
    size = int(length.max(initial=8)) + 7 & ~7
    block = gather(data, at + TCP.size, np.dtype(f"V{size}")).view(np.uint8).reshape(-1, size)
    block *= _INSIDE[length, :size]
    words = block.view(np.uint64)
    stamp = _timestamps_at(block, length)
    tsval = np.full(len(at), -1)
    tsecr = np.full(len(at), -1)
    for place in np.flatnonzero(np.bincount(stamp + 1)[1:]).tolist():
        rows = np.flatnonzero(stamp == place)
        pair = np.ascontiguousarray(block[rows, place + 2 : place + 10]).view(">u4").astype(np.int64)
        tsval[rows], tsecr[rows] = pair[:, 0], pair[:, 1]
        block[rows, place + 2 : place + 10] = 0
    mixed = length.astype(np.uint64)
    for column in range(size // 8):
        mixed += scrambled(words[:, column] * _KEYS[column])  # nothing where options are shorter
    return scrambled(mixed), tsval, tsecr


_KEYS: Words = np.arange(1, MOST_OPTIONS // 4, 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
"""For each eight bytes of options, by which they are multiplied."""
_INSIDE = (np.arange(MOST_OPTIONS) < np.arange(MOST_OPTIONS + 1)[:, None]).astype(np.uint8)
"""By length, which bytes belong to the options."""


def _timestamps_at(block: Bytes, length: Ints) -> Ints:
    """Where the first timestamps option of the right length stands, -1 without.

    Most SYNs have the same kinds of options in the same places as another: of such only one is walked.
    """
    found = np.full(len(block), -1)
    words = block.view(np.uint64)
    rest = np.arange(len(block))
    for _ in range(_SHAPES):
        if not len(rest):
            break
        one = int(rest[0])
        place, shape = _walked(block[one].tobytes(), int(length[one]))
        differs = length[rest] != length[one]
        for column in np.flatnonzero(shape.view(np.uint64)).tolist():
            mask = shape.view(np.uint64)[column]
            differs |= (words[rest, column] & mask) != (words[one, column] & mask)
        found[rest[~differs]] = place
        rest = rest[differs]
    for row in rest.tolist():
        found[row] = _walked(block[row].tobytes(), int(length[row]))[0]
    return found


_SHAPES = 16
"""Shapes that are looked for in a window before the rest is walked one by one."""


def _walked(options: bytes, length: int) -> tuple[int, Bytes]:
    """Where timestamps stand in the options of one header, or -1; and a mask of the bytes that say so."""
    shape = np.zeros(MOST_OPTIONS, np.uint8)
    at = 0
    while at + 1 < length:
        kind, size = options[at], options[at + 1]
        shape[at] = 0xFF
        if kind == EOL:
            break
        if kind != NOP:
            shape[at + 1] = 0xFF
            if size < 2 or at + size > length:
                break
            if kind == TIMESTAMPS and size == 10:
                return at, shape
        at += 1 if kind == NOP else size
    return -1, shape
