"""What many handshakes tell together, and which rows of theirs need not be listed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from handshake.model.totals import Totals
from handshake.render.units import count

if TYPE_CHECKING:
    from handshake.model.crowd import Crowd
    from handshake.model.report import Report
    from handshake.render.page import Page


def crowd_words(crowd: Crowd) -> str:
    """Who does it, what was seen, and how fast where that matters."""
    rate = crowd.rate_per_s
    pace = f" ({rate:,.{1 if rate < 10 else 0}f}/s)" if crowd.alike and rate is not None else ""
    return f"{crowd.who}: {crowd.detail}{pace}"


def without_crowds(report: Report) -> Report:
    """The report without the handshakes that a scan or flood sums up; what opened, and all totals, stay."""
    summed_up = {(crowd.source, number) for crowd in report.crowds if crowd.alike for number in crowd.members}
    kept = tuple(h for h in report.handshakes if h.outcome.opened or (h.source, h.number) not in summed_up)
    if len(kept) == len(report.handshakes):
        return report
    return replace(report, handshakes=kept, totals=Totals.of(report.handshakes))


def write_omitted(page: Page, report: Report) -> None:
    """Say how many handshakes `without_crowds` left out."""
    omitted = report.totals.handshakes - len(report.handshakes) if report.totals and report.crowds else 0
    if omitted:
        page.paragraph((f"{count(omitted, 'handshake')} summed up above; --all lists each", "dim"))
