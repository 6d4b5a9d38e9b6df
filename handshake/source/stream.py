"""One stream of plain bytes from a file or standard input, decompressed on the way.

Nothing here seeks, so a pipe serves as well as a file, and nothing holds more than a few pieces in
memory; who wants to go back has to say so beforehand, and then what cannot be read twice is copied.
A stream that fails half-way (cut compression, an I/O error) simply ends; `fault` says why.
"""

from __future__ import annotations

import io
import os
import select
import shlex
import stat
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from handshake.errors import CaptureError
from handshake.source.compression import GZIP_MAGIC, ZSTD_MAGICS, DecompressionError, gunzip, unzstd
from handshake.source.spool import PIECE, Spool

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAGIC_ROOM = 64
"""Bytes that `peek` shows, unless the stream is shorter: enough to tell one format from another."""

_PATIENCE_MS = 200


class BrokenError(Exception):
    """From `offset` on, the bytes do not make sense as a capture. Never leaves this room."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


class ByteStream:
    """The decompressed bytes of a capture file, with a look at the first ones.

    `again`: they are to be read more than once. Raises CaptureError when the file cannot be opened or is empty.
    """

    def __init__(self, path: str, *, again: bool = False) -> None:
        self.name = "standard input" if path == "-" else path
        """As shown to people."""
        self.compression: str | None = None
        """`gzip`, `zstd` or None."""
        self._file = _open_stdin() if path == "-" else _open_file(path)
        self._regular = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
        self._begins = self._file.tell() if self._regular else 0
        self._spool: Spool | None = None
        try:
            self._begin(_file_pieces(self._file))
            magic = self.peek()
            if magic.startswith(GZIP_MAGIC):
                self.compression = "gzip"
                self._begin(gunzip(self._buffer))
            elif magic.startswith(ZSTD_MAGICS):
                self.compression = "zstd"
                self._begin(unzstd(self._buffer))
            if not self.peek():
                raise CaptureError(f"{self.name}: {self.fault or 'empty, not even a file header in it'}")
            if again and not self.plain:
                self._copied = self._raw
                self._spool = Spool(self._buffer, self._ready)
                self.seek(0)
        except BaseException:
            self.close()
            raise

    def _begin(self, pieces: Iterator[bytes]) -> None:
        self._raw = _Pieces(pieces)
        self._buffer = io.BufferedReader(self._raw, PIECE)
        self.read = self._buffer.read
        """Exactly as many bytes as asked for; fewer only at the end of the stream."""

    @property
    def fault(self) -> str | None:
        """Why the stream ended before its true end; None as long as all is well. To be asked at the end."""
        return self._raw.fault or (self._copied.fault if self._spool else None)

    def peek(self) -> bytes:
        """The first `MAGIC_ROOM` bytes, left in the stream. To be called before the first read."""
        return self._buffer.peek(MAGIC_ROOM)[:MAGIC_ROOM]

    def read_exactly(self, size: int, offset: int, what: str) -> bytes:
        """The next `size` bytes; raises BrokenError at `offset` when the stream ends inside `what`."""
        data = self.read(size)
        if len(data) < size:
            raise self.cut(offset, what)
        return data

    def cut(self, offset: int, what: str) -> BrokenError:
        """The error that says that the stream ended inside `what`, which began at `offset`."""
        return BrokenError(offset, self.fault or f"the file is cut off inside {what}")

    def seek(self, offset: int) -> None:
        """Go on from there: for a plain file, or one that was opened to be read again."""
        if self._spool:
            self._begin(self._spool.pieces(offset))
        else:
            self._file.seek(offset)
            self._begin(_file_pieces(self._file))

    @property
    def plain(self) -> bool:
        """The bytes of the file are those of the stream, and can be read from anywhere."""
        return self._regular and self.compression is None and self._begins == 0

    def descriptor(self) -> int | None:
        """A file with the bytes of the stream, for who reads from anywhere as far as `reach` went; None without one."""
        if self._spool:
            return self._spool.descriptor()
        return self._file.fileno() if self.plain else None

    def reach(self, end: int) -> bool:
        """See to it that so many bytes can be read from anywhere, if there are so many and there is room for them.

        False when they are slow to come: what is there can be read, and more may come.
        """
        return self._spool is None or self._spool.reach(end)

    @property
    def size(self) -> int:
        """Bytes that can be read from anywhere so far."""
        return self._spool.size if self._spool else os.fstat(self._file.fileno()).st_size

    @property
    def full(self) -> bool:
        """There was no room for more."""
        return self._spool is not None and self._spool.full

    def rewind(self) -> None:
        """Go on from the beginning, for the last time."""
        if self._spool:
            self._spool.release()
        self.seek(0)

    def share(self, position: int) -> float | None:
        """How much of the file it is to have read up to there; None where that cannot be told."""
        if not self._regular:
            return None
        if not self.plain:
            position = self._file.tell() - self._begins
        return position / (os.fstat(self._file.fileno()).st_size - self._begins)

    def _ready(self) -> bool:
        """Whether there is more to read, or the end, after a little while at most."""
        if self._regular:
            return True
        poll = select.poll()
        poll.register(self._file, select.POLLIN)
        return bool(poll.poll(_PATIENCE_MS))

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self._spool:
            self._spool.close()
        self._file.close()


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a raw stream. The first read gives `MAGIC_ROOM` bytes unless the stream is shorter."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._pending = memoryview(b"")
        self._wanted = MAGIC_ROOM
        self.fault: str | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        while len(self._pending) < self._wanted and (piece := self._next()) is not None:
            self._pending = memoryview(b"".join((self._pending, piece)))
        self._wanted = 1
        target = memoryview(buffer)
        count = min(len(target), len(self._pending))
        target[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count

    def _next(self) -> bytes | None:
        try:
            return next(self._pieces, None)
        except OSError as error:
            self.fault = f"reading failed ({os_reason(error)})"
        except DecompressionError as error:
            self.fault = str(error)
        return None


def _file_pieces(file: io.FileIO) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


def _open_file(path: str) -> io.FileIO:
    try:
        return open(path, "rb", buffering=0)
    except IsADirectoryError:
        example = shlex.quote(path.rstrip("/")) + "/*.pcap"
        raise CaptureError(f"{path}: a directory, not a capture; name the files in it, such as {example}") from None
    except OSError as error:
        raise CaptureError(f"{path}: {os_reason(error)}") from None


def _open_stdin() -> io.FileIO:
    if sys.stdin is None:
        raise CaptureError("standard input: closed, nothing can be read from it")
    if sys.stdin.isatty():
        raise CaptureError("standard input: a terminal; pipe a capture into it, such as: tcpdump -w - | handshake …")
    return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)


def os_reason(error: OSError) -> str:
    """What the operating system said, as a part of a sentence."""
    text = error.strerror or os.strerror(error.errno or 0)
    return text[:1].lower() + text[1:]
