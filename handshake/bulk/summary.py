"""A recording in one sweep: its report without the handshakes, counted (`--summary`) or as lines (`-f csv`)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import replace
from operator import attrgetter

from handshake.bulk.census import Census
from handshake.bulk.crew import Crew, crew_of, shares_for
from handshake.bulk.crowds import crowds, listeners
from handshake.bulk.listing import Alike, Listing
from handshake.bulk.names import Names
from handshake.bulk.reading import BulkReader
from handshake.bulk.share import Result, Share
from handshake.bulk.sift import NotPlainError
from handshake.bulk.verdicts import Judge
from handshake.model.report import Report, Tally
from handshake.source.columns import WINDOW
from handshake.source.recording import Recording
from handshake.source.windows import NoWindowsError, Windows
from handshake.wire.columns.endpoints import Endpoints


def swept(
    recording: Recording, judge: Judge, limit: int, window: int = WINDOW, jobs: int = 1
) -> Generator[Report, None, None]:
    """Read a whole recording, window by window: yields a report of the counts so far, and at last the whole one.

    `jobs` processes share the work, if it is in one plain file. Raises NotPlainError when the recording has to be read
    frame by frame, from its beginning, and NotSharedError when it cannot be shared. Who wants no more of it throws
    Enough in, and gets the report of what was read.
    """

    def census(names: Names) -> Census:
        return Census(recording.name, names)

    result = yield from _read(recording, judge, limit, window, jobs, census)
    assert isinstance(result.lines, Census)
    yield _counted(recording, result, result.lines)


def listed(  # noqa: PLR0917
    recording: Recording, judge: Judge, limit: int, alike: Alike, window: int = WINDOW, jobs: int = 1
) -> Generator[Report, None, None]:
    """The same with a line for each handshake in place of the counts; `alike` as `Listing` says."""

    def listing(names: Names) -> Listing:
        return Listing(names, alike)

    result = yield from _read(recording, judge, limit, window, jobs, listing)
    assert isinstance(result.lines, Listing)
    yield Report(recording.info(), result.tally, (), listing=result.lines)


def _read(  # noqa: PLR0917
    recording: Recording, judge: Judge, limit: int, window: int, jobs: int, lines: Callable[[Names], Census | Listing]
) -> Generator[Report, None, Result]:
    """Read all of it, or enough."""
    windows = Windows(recording, window, ahead=jobs > 1)
    endpoints = Endpoints()

    def reader(share: Share) -> BulkReader:
        names = Names(endpoints)
        return BulkReader(windows, judge, recording.name, limit, names, lines(names), share)

    tally = Tally()
    crew: Crew | None = None
    with ExitStack() as stack:
        try:
            for piece in windows:
                if piece is not None:
                    if crew is None:
                        members = [reader(share) for share in shares_for(jobs, float(piece.captured.mean()))]
                        tally = members[0].tally
                        crew = stack.enter_context(crew_of(windows, members, limit))
                    crew.take(piece)
                yield Report(recording.info(), tally, ())
        except NoWindowsError as error:
            raise NotPlainError(str(error)) from None
        except Enough:
            pass
        return crew.finish() if crew else reader(Share()).finish()


def _counted(recording: Recording, result: Result, census: Census) -> Report:
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
