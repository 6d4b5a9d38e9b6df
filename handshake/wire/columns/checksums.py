"""TCP checksums."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handshake.wire.columns.arrays import Bytes, Ints, gather, type_of
from handshake.wire.columns.segments import Segments
from handshake.wire.layout import IPV6, TCP

RIGHT, WRONG, UNKNOWN = 0, 1, 2


def checksums(data: Bytes, segments: Segments) -> Ints:
    """`RIGHT`, `WRONG` or `UNKNOWN` (cut, or left to the network card), as `wire.checksum` tells it."""
    length = segments.end - segments.at
    pseudo = _pseudo_sums(data, segments) + (length >> 16) + (length & 0xFFFF)
    total = pseudo + _sums(data, segments.at, length)
    told = np.where(segments.whole, np.where(total % 0xFFFF == 0, RIGHT, WRONG), UNKNOWN)
    wrong = np.flatnonzero(told == WRONG)
    place = segments.at[wrong] + TCP.offset_of("checksum")
    field = data[place].astype(np.int64) << 8 | data[place + 1]
    told[wrong[field % 0xFFFF == pseudo[wrong] % 0xFFFF]] = UNKNOWN
    return told


def _pseudo_sums(data: Bytes, segments: Segments) -> Ints:
    """Sum of the 16-bit words of each pseudo-header, but for its length."""
    src, dst = segments.src, segments.dst
    low = np.uint64(0xFFFF)
    halves = (
        (src >> np.uint64(32)) + (src >> np.uint64(16) & low) + (dst >> np.uint64(32)) + (dst >> np.uint64(16) & low)
    )
    total: Ints = halves.astype(np.int64) + 6
    rows = np.flatnonzero(segments.six)
    if len(rows):
        header = gather(data, segments.at[rows] - IPV6.size, type_of(IPV6))
        ends = (np.ascontiguousarray(header[name]).view(">u2").reshape(-1, 8) for name in ("src", "dst"))
        total[rows] = 6 + sum(end.sum(1, dtype=np.int64) for end in ends)
    return total


_STEPS = (64, 128, 512, 1536)


def _sums(data: Bytes, at: Ints, length: Ints) -> Ints:
    """Sum of the big-endian 16-bit words of each piece, modulo 65535, an odd last byte padded with zero.

    They are added as little-endian words, 2^16 being 1 there, and the bytes of the sum are swapped (RFC 1071 §2 B).
    """
    total = np.zeros(len(at), np.int64)
    short = (length <= _STEPS[0]) & (length & 3 == 0)  # most are a header and no more: few lengths, each in one go
    for size in np.flatnonzero(np.bincount(length[short])).tolist():
        rows = np.flatnonzero(length == size)
        total[rows] = np.einsum("ij->i", _words(data, at[rows], size), dtype=np.uint64).view(np.int64)
    others = np.flatnonzero(~short & (at + _STEPS[-1] + 4 <= len(data)))
    below = 0
    for step in _STEPS:
        chosen = others[(length[others] > below) & (length[others] <= step)]
        for start in range(0, len(chosen), 1024):
            rows = chosen[start : start + 1024]
            words = _words(data, at[rows], step + 4)
            whole, rest = length[rows] >> 2, length[rows] & 3
            last = words[np.arange(len(rows)), whole].astype(np.int64) & (1 << 8 * rest) - 1
            words *= np.arange(step // 4 + 1, dtype=np.int32) < whole[:, None].astype(np.int32)
            total[rows] = np.einsum("ij->i", words, dtype=np.uint64).view(np.int64) + last
        below = step
    total = total % 0xFFFF * 256 % 0xFFFF
    memory = data.data
    for row in np.flatnonzero(~short & ((length > below) | (at + below + 4 > len(data)))).tolist():
        piece = bytes(memory[at[row] : at[row] + length[row]])
        total[row] = int.from_bytes(piece + b"\0" * (len(piece) % 2)) % 0xFFFF
    return total


def _words(data: Bytes, at: Ints, size: int) -> NDArray[np.uint32]:
    """The little-endian words of pieces of so many bytes, a row each."""
    return gather(data, at, np.dtype(f"V{size}")).view("<u4").reshape(-1, size // 4)
