"""The columns of a capture, whatever its format."""

from __future__ import annotations

from handshake.source.blocks import PcapngColumns
from handshake.source.capture import Capture
from handshake.source.columns import WINDOW, Columns, PcapColumns
from handshake.source.pcap import PcapReader
from handshake.source.pcapng import PcapngReader


def columns_of(capture: Capture, window: int = WINDOW) -> Columns | None:
    """The columns of a capture of which nothing was read yet; None where only its frames can be had."""
    reader = capture.reader
    if not isinstance(reader, PcapngReader) and not (isinstance(reader, PcapReader) and reader.regular):
        return None
    descriptor = capture.descriptor()
    if descriptor is None:
        return None
    if isinstance(reader, PcapReader):
        return PcapColumns(capture, reader, descriptor, window)
    return PcapngColumns(capture, reader, descriptor, window)
