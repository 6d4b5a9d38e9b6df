"""What a worker does: read one capture and say in a few numbers what it amounts to."""

from __future__ import annotations

from dataclasses import replace

from handshake.api import count
from handshake.errors import CaptureError, ToolError
from handshake.model.report import Report
from handshake.model.spread import Spread
from handshake.model.survey import MOST_NOTES, Place, Survey, Surveyed
from handshake.model.totals import Totals
from handshake.render.notes import crowd_notes, page_notes, socket_notes
from handshake.survey.paths import local_copy


def survey_capture(place: Place) -> Survey:
    """The survey of one capture, of its failure where it cannot be read."""
    try:
        with local_copy(place) as path:
            try:
                return summed_up(count(path), place)
            except CaptureError as error:
                return unread(place, str(error).removeprefix(f"{path}: "))
    except (CaptureError, ToolError) as error:
        return unread(place, str(error).removeprefix(f"{place.name}: "))


def unread(place: Place, reason: str) -> Survey:
    """The survey of a capture that could not be read."""
    return Survey((Surveyed(place, failure=reason),))


def summed_up(report: Report, place: Place) -> Survey:
    """The survey of the counts of one capture."""
    totals = report.totals or Totals()
    exchanges, silent = report.exchange_counts or (0, 0)
    notes = (each(report, MOST_NOTES, place.number) for each in (page_notes, socket_notes, crowd_notes))
    pages, sockets, crowds = (
        replace(each, first=tuple(replace(note, source=place.name) for note in each.first)) for each in notes
    )
    surveyed = Surveyed(
        place,
        replace(report.sources[0], name=place.name),
        None,
        report.tally,
        totals.handshakes,
        totals.outcomes,
        totals.findings,
        {code: replace(finding, detail="", frames=()) for code, finding in totals.examples.items()},
        exchanges,
        silent,
    )
    return Survey(
        (surveyed,),
        Spread.of(totals.setup_ns),
        Spread.of(totals.irtt_ns),
        pages,
        sockets,
        crowds,
    )
