"""gzip and zstd undone piece by piece: bounded memory, several members, and all that a damaged file still holds."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

GZIP_MAGIC = b"\x1f\x8b\x08"
"""RFC 1952 §2.3.1, with deflate as the method."""
ZSTD_MAGICS = (b"\x28\xb5\x2f\xfd", *(bytes((low, 0x2A, 0x4D, 0x18)) for low in range(0x50, 0x60)))
"""A zstd frame, or a skippable one, which parallel compressors put first (RFC 8878 §3.1)."""

_GZIP_STEP = 1 << 14
_GZIP_PIECE = 1 << 17
_ZSTD_STEP = 1 << 10
"""Compressed bytes fed at a time. A zstd block can turn 4 bytes into 128 KiB, so this bounds the memory."""


class Source(Protocol):
    """Where compressed bytes come from."""

    def read1(self, size: int, /) -> bytes:
        """Up to `size` bytes, as many as are there; none at the end."""


class DecompressionError(Exception):
    """The compressed data ends or goes wrong before its end. The text is for people."""


def gunzip(source: Source) -> Iterator[bytes]:
    """The content of all gzip members (RFC 1952 §2.2) in pieces; zero padding between them is skipped."""
    rest = b""
    while rest := (rest or source.read1(_GZIP_STEP)):
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            if not (rest := rest or source.read1(_GZIP_STEP)):
                yield member.flush()
                raise DecompressionError("the gzip data is cut off")
            before = member.copy()
            try:
                piece = member.decompress(rest, _GZIP_PIECE)
            except zlib.error as error:
                yield _salvage(before, rest)
                raise DecompressionError(f"the gzip data is damaged ({error})") from error
            rest = member.unused_data if member.eof else member.unconsumed_tail
            yield piece
        rest = rest.lstrip(b"\0")


def _salvage(member: zlib._Decompress, data: bytes) -> bytes:
    """What comes out before the byte that is wrong: zlib drops the output of a call that fails."""
    out = bytearray()
    for index in range(len(data)):
        try:
            out += member.decompress(data[index : index + 1])
        except zlib.error:
            break
    return bytes(out)


def unzstd(source: Source) -> Iterator[bytes]:
    """The content of all zstd frames (RFC 8878 §3.1) in pieces."""
    try:
        import zstandard  # only who reads .zst files waits for it
    except ImportError:
        raise DecompressionError("zstd-compressed, and the Python package zstandard is missing") from None
    rest = b""
    while rest := (rest or source.read1(_ZSTD_STEP)):
        frame = zstandard.ZstdDecompressor().decompressobj()
        while not frame.eof:
            if not (rest := rest or source.read1(_ZSTD_STEP)):
                raise DecompressionError("the zstd data is cut off")
            try:
                piece = frame.decompress(rest)
            except zstandard.ZstdError as error:
                raise DecompressionError(f"the zstd data is damaged ({error})") from error
            rest = frame.unused_data
            yield piece
