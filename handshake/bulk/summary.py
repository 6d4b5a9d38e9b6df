"""A recording in one sweep: its report without the handshakes, as `--summary` needs it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from operator import attrgetter

from handshake.bulk.crowds import crowds, listeners
from handshake.bulk.reading import BulkReader
from handshake.bulk.sift import NotPlainError
from handshake.bulk.verdicts import Judge
from handshake.model.report import Report
from handshake.source.columns import WINDOW
from handshake.source.recording import Recording
from handshake.source.windows import NoWindowsError, Windows


def swept(recording: Recording, judge: Judge, limit: int, window: int = WINDOW) -> Generator[Report, None, None]:
    """Read a whole recording, window by window: yields a report of the counts so far, and at last the whole one.

    Raises NotPlainError when the recording has to be read frame by frame, from its beginning. Who wants no
    more of it throws Enough in, and gets the report of what was read.
    """
    windows = Windows(recording, window)
    reader = BulkReader(windows, judge, recording.name, limit)
    try:
        for piece in windows:
            if piece is not None:
                reader.take(piece)
            yield Report(recording.info(), reader.tally, ())
    except NoWindowsError as error:
        raise NotPlainError(str(error)) from None
    except Enough:
        pass
    reader.finish()
    census = reader.census
    lines = census.lines()
    talks = sorted(
        (replace(talk, number=talk.steps[0].packet.number) for talk in census.talks), key=attrgetter("number")
    )
    yield Report(
        recording.info(), reader.tally, tuple(talks), totals=census.totals(lines), crowds=crowds(census, lines),
        listeners=listeners(census, lines), exchange_counts=reader.exchanges,
    )  # fmt: skip


class Enough(Exception):  # noqa: N818 - no error
    """Thrown into `swept`: what was read is enough."""
