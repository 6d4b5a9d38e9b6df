"""A capture in one sweep: its report without the handshakes, counted (`--summary`) or as lines (`-f csv`)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from operator import attrgetter

from handshake.bulk.census import Census
from handshake.bulk.crowds import crowds, listeners
from handshake.bulk.listing import Alike, Listing
from handshake.bulk.names import Names
from handshake.bulk.reading import BulkReader
from handshake.bulk.sift import NotPlainError
from handshake.bulk.verdicts import Judge
from handshake.model.report import Report
from handshake.source.capture import Capture
from handshake.source.columns import WINDOW, columns_of


def swept(capture: Capture, judge: Judge, limit: int, window: int = WINDOW) -> Generator[Report, None, None]:
    """Read a whole capture, window by window: yields a report of the counts so far, and at last the whole one.

    Raises NotPlainError when the capture has to be read frame by frame, from its beginning. Who wants no
    more of the capture throws Enough in, and gets the report of what was read.
    """
    names = Names()
    census = Census(capture.name, names)
    reader = yield from _read(capture, judge, limit, window, names, census)
    lines = census.lines()
    talks = sorted(
        (replace(talk, number=talk.steps[0].packet.number) for talk in census.talks), key=attrgetter("number")
    )
    yield Report(
        (capture.info(),), reader.tally, tuple(talks), totals=census.totals(lines), crowds=crowds(census, lines),
        listeners=listeners(census, lines), exchange_counts=reader.exchanges,
    )  # fmt: skip


def listed(
    capture: Capture, judge: Judge, limit: int, alike: Alike, window: int = WINDOW
) -> Generator[Report, None, None]:
    """The same with a line for each handshake in place of the counts; `alike` as `Listing` says."""
    names = Names()
    listing = Listing(names, alike)
    reader = yield from _read(capture, judge, limit, window, names, listing)
    yield Report((capture.info(),), reader.tally, (), listing=listing)


def _read(  # noqa: PLR0917 - what a reader is put together from
    capture: Capture, judge: Judge, limit: int, window: int, names: Names, lines: Census | Listing
) -> Generator[Report, None, BulkReader]:
    """Read all of it, or enough; the reader has finished."""
    columns = columns_of(capture, window)
    if columns is None:
        raise NotPlainError("no columns")
    reader = BulkReader(columns, judge, capture.name, limit, names, lines)
    try:
        for piece in columns.windows():
            reader.take(piece)
            yield Report((capture.info(),), reader.tally, ())
        if any(True for _ in capture):
            raise NotPlainError("frames behind the windows")
    except Enough:
        pass
    reader.finish()
    return reader


class Enough(Exception):  # noqa: N818 - no error
    """Thrown into `swept`: what was read is enough."""
