"""A recording in one sweep: its report without the handshakes, as `--summary` needs it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import replace
from operator import attrgetter

from handshake.bulk.crew import Crew, crew_of, shares_for
from handshake.bulk.crowds import crowds, listeners
from handshake.bulk.reading import BulkReader, Result
from handshake.bulk.sift import NotPlainError
from handshake.bulk.verdicts import Judge
from handshake.model.report import Report
from handshake.source.columns import WINDOW
from handshake.source.recording import Recording
from handshake.source.windows import NoWindowsError, Windows
from handshake.wire.columns import Endpoints


def swept(
    recording: Recording, judge: Judge, limit: int, window: int = WINDOW, jobs: int = 1
) -> Generator[Report, None, None]:
    """Read a whole recording, window by window: yields a report of the counts so far, and at last the whole one.

    `jobs` processes share the work, if it is in one plain file. Raises NotPlainError when the recording has to be read
    frame by frame, from its beginning, and NotSharedError when it cannot be shared. Who wants no more of it throws
    Enough in, and gets the report of what was read.
    """
    windows = Windows(recording, window, ahead=jobs > 1)
    endpoints = Endpoints()
    readers = [BulkReader(windows, judge, recording.name, limit, endpoints, share) for share in shares_for(jobs)]
    crew: Crew | None = None
    with ExitStack() as stack:
        try:
            for piece in windows:
                if piece is not None:
                    crew = crew or stack.enter_context(crew_of(windows, readers, limit))
                    crew.take(piece)
                yield Report(recording.info(), readers[0].tally, ())
        except NoWindowsError as error:
            raise NotPlainError(str(error)) from None
        except Enough:
            pass
        result = crew.finish() if crew else readers[0].finish()
    yield _reported(recording, result)


def _reported(recording: Recording, result: Result) -> Report:
    census = result.census
    lines = census.lines()
    result.tally.forgotten = census.forgotten
    talks = sorted(
        (replace(talk, number=talk.steps[0].packet.number) for talk in census.talks), key=attrgetter("number")
    )
    return Report(
        recording.info(), result.tally, tuple(talks), totals=census.totals(lines), crowds=crowds(census, lines),
        listeners=listeners(census, lines), exchange_counts=result.exchanges,
    )  # fmt: skip


class Enough(Exception):  # noqa: N818 - no error
    """Thrown into `swept`: what was read is enough."""
