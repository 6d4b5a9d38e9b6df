"""A recording in windows, whatever the formats of its parts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

from handshake.model.packet import Frame
from handshake.source.blocks import PcapngColumns
from handshake.source.capture import Capture
from handshake.source.columns import WINDOW, Bytes, Columns, Links, PcapColumns, Window
from handshake.source.pcap import PcapReader
from handshake.source.pcapng import PcapngReader
from handshake.source.recording import Recording


class NoWindowsError(Exception):
    """The recording, or a part of it, can only be read frame by frame."""


class Windows:
    """The windows of a recording, and any single frame of it. Places are counted through all parts, as frames are."""

    def __init__(self, recording: Recording, window: int = WINDOW, *, ahead: bool = False) -> None:
        """`ahead`: a window stays valid while the next one is read."""
        self._recording = recording
        self._window = window
        self._ahead = ahead
        self._columns: list[Columns] = []
        self._begins: list[int] = []
        """Place at which each part begins."""
        self.links: Links = {}
        """Link type and name of each interface so far, numbered from 0."""

    def __iter__(self) -> Iterator[Window | None]:
        """All windows in turn; None stands for a moment in which a pipe gave nothing new.

        Raises NoWindowsError when frames were left that no window holds.
        """
        begin = before = 0
        for part in self._recording.in_turn():
            columns = columns_of(part, self._window, self.links, ahead=self._ahead)
            if columns is None:
                raise NoWindowsError("no columns")
            self._columns.append(columns)
            self._begins.append(begin)
            for window in columns.windows():
                yield window and replace(window, at=begin + window.at, first=before + window.first)
            columns.hand_over()
            if part.full:
                raise NoWindowsError("no room for a copy of the capture")
            if any(True for _ in part):
                raise NoWindowsError("frames behind the windows")
            begin += part.reached
            before += part.frames

    @property
    def buffers(self) -> Sequence[Bytes]:
        """The memory that windows of this part lie in; processes share it with those that they fork."""
        return self._columns[-1].buffers

    @property
    def breaks(self) -> int:
        """Times that something new was found out about packets to come; who was forked before does not know it."""
        return len(self._columns) + sum(columns.breaks for columns in self._columns)

    def frame(self, place: int, number: int) -> Frame:
        """The frame whose packet begins at that place."""
        index = bisect_right(self._begins, place) - 1
        return self._columns[index].frame(place - self._begins[index], number)


def columns_of(
    capture: Capture, window: int = WINDOW, links: Links | None = None, *, ahead: bool = False
) -> Columns | None:
    """The columns of a capture of which nothing was read yet; None where only its frames can be had.

    Interfaces are numbered among `links`.
    """
    reader = capture.reader
    if not isinstance(reader, PcapngReader) and not (isinstance(reader, PcapReader) and reader.regular):
        return None
    descriptor = capture.descriptor()
    if descriptor is None:
        return None
    links = {} if links is None else links
    columns: Columns
    if isinstance(reader, PcapReader):
        columns = PcapColumns(capture, reader, descriptor, window, links)
    else:
        columns = PcapngColumns(capture, reader, descriptor, window, links)
    columns.ahead = ahead
    return columns
