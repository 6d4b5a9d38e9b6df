"""A copy of what can be read but once, a pipe or a compressed file, so that it can be read from anywhere.

It begins in memory; once it is wanted as a file, it goes to one without a name in `TMPDIR` or /var/tmp.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from io import FileIO
from typing import Final

from handshake.source.compression import Source

PIECE: Final = 1 << 18
SPARE: Final = 1 << 28
"""Bytes that stay free on the disk."""


class Spool:
    """The bytes of a source, copied as far as somebody reaches. `ready` waits a little for more of them, or the end."""

    def __init__(self, source: Source, ready: Callable[[], bool]) -> None:
        self._source = source
        self._ready = ready
        self._head = bytearray()
        self._file: FileIO | None = None
        self._loose = b""
        """What was read and found no room."""
        self._ended = False
        self.size = 0
        """Bytes copied so far."""
        self.full = False
        """No more is copied."""
        self._released = False

    def reach(self, end: int) -> bool:
        """Copy until so many bytes are there, or no more can be had. False when they are slow to come: try again."""
        if self.size < end and self._file is not None and not self._has_room(end - self.size):
            self.full = True
        while self.size < end and not self._ended and not self.full:
            if self.size and not self._ready():
                return False
            piece = self._source.read1(PIECE)
            self._ended = not piece
            self._keep(piece)
        return True

    def descriptor(self) -> int | None:
        """The copy as a file, which grows; None where it cannot be made."""
        if self._file is None and not self.full:
            import tempfile

            try:
                directory = os.environ.get("TMPDIR") or "/var/tmp"
                self._file = tempfile.TemporaryFile(dir=directory, buffering=0)  # noqa: SIM115 - see `close`
            except OSError:
                self.full = True
                return None
            head, self._head, self.size = bytes(self._head), bytearray(), 0
            self._keep(head)
        return None if self._file is None else self._file.fileno()

    def release(self) -> None:
        """From now on nothing is copied any more, and what lies behind the copy can be read, once."""
        self.full = self._released = True

    def pieces(self, offset: int) -> Iterator[bytes]:
        """The bytes from there on."""
        while True:
            while not self.reach(offset + 1):
                pass
            piece = self._read(offset)
            if not piece:
                break
            yield piece
            offset += len(piece)
        loose = self._loose
        while self._released and (piece := loose or self._source.read1(PIECE)):
            yield piece
            loose = b""

    def close(self) -> None:
        """Forget the copy."""
        if self._file is not None:
            self._file.close()

    def _keep(self, piece: bytes) -> None:
        if self._file is None:
            self._head += piece
            self.size += len(piece)
            return
        try:
            while piece:
                written = self._file.write(piece)
                self.size += written
                piece = piece[written:]
        except OSError:
            self.full, self._loose = True, piece

    def _read(self, offset: int) -> bytes:
        if self._file is None:
            return bytes(self._head[offset : offset + PIECE])
        return os.pread(self._file.fileno(), PIECE, offset)

    def _has_room(self, size: int) -> bool:
        assert self._file is not None
        disk = os.fstatvfs(self._file.fileno())
        return disk.f_bavail * disk.f_frsize >= size + SPARE
