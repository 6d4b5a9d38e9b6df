"""A capture in one sweep: its report without the handshakes, as `--summary` needs it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from operator import attrgetter

from handshake.bulk.crew import crew_of
from handshake.bulk.crowds import crowds, listeners
from handshake.bulk.reading import BulkReader, Result, Share
from handshake.bulk.sift import NotPlainError
from handshake.bulk.verdicts import Judge
from handshake.model.report import Report
from handshake.source.capture import Capture
from handshake.source.columns import WINDOW, columns_of
from handshake.wire.columns import Endpoints


def swept(
    capture: Capture, judge: Judge, limit: int, window: int = WINDOW, jobs: int = 1
) -> Generator[Report, None, None]:
    """Read a whole capture, window by window: yields a report of the counts so far, and at last the whole one.

    `jobs` processes share the work. Raises NotPlainError when the capture has to be read frame by frame, from its
    beginning. Who wants no more of the capture throws Enough in, and gets the report of what was read.
    """
    columns = columns_of(capture, window)
    if columns is None:
        raise NotPlainError("no columns")
    endpoints = Endpoints()
    readers = [BulkReader(columns, judge, capture.name, limit, endpoints, Share(index, jobs)) for index in range(jobs)]
    with crew_of(columns, readers, limit) as crew:
        try:
            for piece in columns.windows():
                crew.take(piece)
                yield Report((capture.info(),), readers[0].tally, ())
            columns.hand_over()
            if any(True for _ in capture):
                raise NotPlainError("frames behind the windows")
        except Enough:
            pass
        result = crew.finish()
    yield _reported(capture, result)


def _reported(capture: Capture, result: Result) -> Report:
    census = result.census
    lines = census.lines()
    result.tally.forgotten = census.forgotten
    talks = sorted(
        (replace(talk, number=talk.steps[0].packet.number) for talk in census.talks), key=attrgetter("number")
    )
    return Report(
        (capture.info(),), result.tally, tuple(talks), totals=census.totals(lines), crowds=crowds(census, lines),
        listeners=listeners(census, lines), exchange_counts=result.exchanges,
    )  # fmt: skip


class Enough(Exception):  # noqa: N818 - no error
    """Thrown into `swept`: what was read is enough."""
