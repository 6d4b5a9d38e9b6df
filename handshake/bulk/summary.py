"""A capture in one sweep: its report without the handshakes, as `--summary` needs it."""

from __future__ import annotations

from collections.abc import Iterator

from handshake.bulk.crowds import crowds, listeners
from handshake.bulk.reading import BulkReader
from handshake.bulk.sift import NotPlainError
from handshake.bulk.verdicts import Judge
from handshake.model.handshake import Handshake
from handshake.model.report import Report
from handshake.source.capture import Capture
from handshake.source.columns import WINDOW, Columns


def number_of(handshake: Handshake) -> int:
    """Number of the first frame."""
    packet = handshake.steps[0].packet
    return packet.number


def swept(capture: Capture, judge: Judge, limit: int, window: int = WINDOW) -> Iterator[Report | int]:
    """Read a whole capture: yields how many frames were read so far, and at the end the report.

    Raises NotPlainError when it has to be read frame by frame, from its beginning.
    """
    columns = Columns.of(capture, window)
    if columns is None:
        raise NotPlainError("no columns")
    reader = BulkReader(columns, judge, capture.name, limit)
    for piece in columns.windows():
        reader.take(piece)
        yield reader.tally.frames
    if any(True for _ in capture):
        raise NotPlainError("frames behind the windows")
    reader.finish()
    census = reader.census
    lines = census.lines()
    talks = tuple(sorted(census.talks, key=number_of))
    yield Report(
        (capture.info(),), reader.tally, talks, totals=census.totals(lines), crowds=crowds(census, lines),
        listeners=listeners(census, lines), exchange_counts=reader.exchanges,
    )  # fmt: skip
