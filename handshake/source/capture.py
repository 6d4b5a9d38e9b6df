"""Open a capture file, whatever its format and compression, and iterate over its frames."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from handshake.errors import CaptureError
from handshake.model.packet import Frame
from handshake.model.report import Damage, SourceInfo
from handshake.source.pcap import MAGICS, PcapReader
from handshake.source.stream import BrokenError, ByteStream

if TYPE_CHECKING:
    from handshake.source.pcapng import PcapngReader
    from handshake.source.snoop import SnoopReader


class Capture:
    """An iterator over the frames of a capture file, and a context manager that closes it.

    Where the file is cut or makes no sense, the iteration ends and `damage` says where and why.
    """

    def __init__(self, path: str, *, again: bool = False) -> None:
        self._stream = ByteStream(path, again=again)
        self._path = path
        self.name = self._stream.name
        """The path as given, or `standard input`."""
        self.frames = 0
        """Frames read so far."""
        self.position = 0
        """Bytes of the (decompressed) file read so far, where it is read in windows."""
        self.damage: Damage | None = None
        """Set when the iteration ended before the true end of the file."""
        try:
            reader = self.reader = _reader(path, self._stream)
        except BrokenError as broken:
            self.close()
            raise CaptureError(f"{self.name}: {broken.reason}") from None
        except BaseException:
            self.close()
            raise
        compression = self._stream.compression
        self.format = f"{reader.format}, {compression}" if compression else reader.format
        """`pcap`, `pcap (ns)`, `pcapng`, `snoop`, `pcapng, gzip` …"""
        self._frames = reader.frames()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        try:
            frame = next(self._frames)
        except BrokenError as broken:
            self.damage = Damage(broken.offset, self.frames + 1, broken.reason)
            raise StopIteration from None
        self.frames = frame.number
        return frame

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._stream.close()

    @property
    def share(self) -> float | None:
        """How much of the file was read, where it is read in windows; None for a pipe."""
        return self._stream.share(self.position)

    @property
    def plain(self) -> bool:
        """Its bytes lie in a file as they are, and can be read from anywhere as often as wanted."""
        return self._stream.plain

    def descriptor(self) -> int | None:
        """The bytes of the capture as an open file, as far as `reach` went; None where they can be read but once."""
        return self._stream.descriptor()

    def reach(self, end: int) -> bool:
        """See to it that `descriptor` has so many bytes, if there are so many. False: they are slow to come."""
        return self._stream.reach(end)

    @property
    def reached(self) -> int:
        """Bytes that `descriptor` has."""
        return self._stream.size

    @property
    def full(self) -> bool:
        """More bytes could not be reached for want of room."""
        return self._stream.full

    def rewind(self) -> None:
        """Begin anew, for the last time: for a plain file, or one opened to be read again."""
        self._stream.rewind()
        self.reader = _reader(self._path, self._stream)
        self._frames = self.reader.frames()
        self.frames = self.position = 0
        self.damage = None

    def resume(self, offset: int, number: int, time_ns: int) -> None:
        """Go on with the record at that offset; before it are `number` frames, the last one of that time."""
        from handshake.source.snoop import SnoopReader

        self._stream.seek(offset)
        if isinstance(self.reader, PcapReader):
            self._frames = self.reader.frames(offset, number)
        elif not isinstance(self.reader, SnoopReader):
            self._frames = self.reader.resume(offset, number, time_ns)
        self.frames = number

    def info(self) -> SourceInfo:
        """Name, format, frames so far and damage, for a report."""
        return SourceInfo(self.name, self.format, self.frames, self.damage)


def open_capture(path: str | os.PathLike[str], *, again: bool = False) -> Capture:
    """Open a pcap, pcapng or snoop file, plain or compressed with gzip or zstd; `-` is standard input.

    `again`: it is to be read in windows, and then maybe once more; then what cannot be read twice is copied.
    Raises CaptureError, in one line that says why, when nothing can be read from it.
    """
    return Capture(os.fspath(path), again=again)


def _reader(path: str, stream: ByteStream) -> PcapReader | PcapngReader | SnoopReader:
    start = stream.peek()
    if start[:4] in MAGICS:
        return PcapReader(stream)
    from handshake.source.pcapng import SECTION_MAGIC, PcapngReader

    if start[:4] == SECTION_MAGIC:
        return PcapngReader(stream)
    from handshake.source.snoop import MAGIC, SnoopReader

    if start.startswith(MAGIC):
        return SnoopReader(stream)
    from handshake.source.foreign import not_a_capture

    raise BrokenError(0, not_a_capture(path, start))
