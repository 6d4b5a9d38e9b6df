"""A recording in windows, whatever the formats of its parts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace

from handshake.model.packet import Frame
from handshake.source.blocks import PcapngColumns
from handshake.source.capture import Capture
from handshake.source.columns import WINDOW, Columns, Links, PcapColumns, Window
from handshake.source.pcap import PcapReader
from handshake.source.pcapng import PcapngReader
from handshake.source.recording import Recording


class NoWindowsError(Exception):
    """The recording, or a part of it, can only be read frame by frame."""


class Windows:
    """The windows of a recording, and any single frame of it. Places are counted through all parts, as frames are.

    Raises NoWindowsError where there are none of some part.
    """

    def __init__(self, recording: Recording, window: int = WINDOW) -> None:
        self._recording = recording
        self.links: Links = {}
        """Link type and name of each interface so far, numbered from 0."""
        self._columns = [_columns(part, window, self.links) for part in recording.parts]
        self._begins = [0]
        """Place at which each part begins."""

    def __iter__(self) -> Iterator[Window | None]:
        """All windows in turn; None stands for a moment in which a pipe gave nothing new.

        Raises NoWindowsError when frames were left that no window holds.
        """
        before = 0
        for part, columns in zip(self._recording.in_turn(), self._columns, strict=True):
            begin = self._begins[-1]
            for window in columns.windows():
                yield window and replace(window, at=begin + window.at, first=before + window.first)
            if part.full:
                raise NoWindowsError("no room for a copy of the capture")
            columns.hand_over()
            if any(True for _ in part):
                raise NoWindowsError("frames behind the windows")
            self._begins.append(begin + part.reached)
            before += part.frames

    def frame(self, place: int, number: int) -> Frame:
        """The frame whose packet begins at that place."""
        index = bisect_right(self._begins, place) - 1
        return self._columns[index].frame(place - self._begins[index], number)


def columns_of(capture: Capture, window: int = WINDOW, links: Links | None = None) -> Columns | None:
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
    if isinstance(reader, PcapReader):
        return PcapColumns(capture, reader, descriptor, window, links)
    return PcapngColumns(capture, reader, descriptor, window, links)


def _columns(capture: Capture, window: int, links: Links) -> Columns:
    columns = columns_of(capture, window, links)
    if columns is None:
        raise NoWindowsError("no columns")
    return columns
