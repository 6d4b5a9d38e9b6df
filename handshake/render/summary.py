"""The summary of a report: what was read, how the handshakes ended, how long they took, what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from handshake.model.record import dataclass
from handshake.render.notes import (
    FEW_PAGES,
    FEW_SOCKETS,
    crowd_notes,
    page_notes,
    socket_notes,
    write_crowds,
    write_pages,
    write_sockets,
)
from handshake.render.page import Page, Span
from handshake.render.statistics import finding_counts, measured, outcome_counts, totals_of
from handshake.render.units import count, duration, percentile
from handshake.render.words import OUTCOME_STYLE, SEVERITY_STYLE, damage_words

if TYPE_CHECKING:
    from handshake.model.finding import Finding
    from handshake.model.kernel import Connect
    from handshake.model.notes import Notes
    from handshake.model.report import Report, SourceInfo, Tally
    from handshake.model.totals import Totals
    from handshake.render.terminal import Terminal

FEW = 20
"""Below this many values a 95th percentile is but the largest one, so the summary says how many there are."""

MANY = 6
"""More sources than this are counted, not listed."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What the summary tells, be it of a report or of many captures surveyed one by one."""

    sources: Sequence[SourceInfo]
    tally: Tally
    totals: Totals
    times: Mapping[str, Sequence[int]]
    """`setup_ns` and `irtt_ns`, ns, ascending."""
    exchanges: int
    silent: int
    """UDP exchanges without a reply."""
    pages: Notes
    sockets: Notes
    crowds: Notes
    connects: Sequence[Connect] = ()


def render(report: Report, out: TextIO, terminal: Terminal) -> None:
    """Write the summary alone."""
    wordy = terminal.verbosity > 0
    totals = totals_of(report)
    exchanges, silent = report.exchange_counts or (
        len(report.exchanges),
        sum(not exchange.replies for exchange in report.exchanges),
    )
    summary = Summary(
        sources=report.sources,
        tally=report.tally,
        totals=totals,
        times=measured(totals),
        exchanges=exchanges,
        silent=silent,
        pages=page_notes(report, None if wordy else FEW_PAGES),
        sockets=socket_notes(report, None if wordy else FEW_SOCKETS, wordy=wordy),
        crowds=crowd_notes(report, None),
        connects=report.connects,
    )
    write_summary(Page(out, terminal), summary)


def write_summary(page: Page, summary: Summary) -> None:
    """Write what was read, how it ended, how long it took, what was found, what was skipped."""
    totals = summary.totals
    _sources(page, summary.sources)
    if totals.handshakes or not summary.connects:
        page.field("opened", *_outcomes(totals))
    for connect in summary.connects:
        ended = (connect.outcome.value, OUTCOME_STYLE[connect.outcome])
        page.field("connect()", f"{connect.server}", ended, f"after {duration(connect.took_ns)}")
    for label, name in (("set-up", "setup_ns"), ("irtt", "irtt_ns")):
        if summary.times[name]:
            page.field(label, percentiles(summary.times[name]))
    if summary.exchanges:
        page.field("UDP", f"{count(summary.exchanges, 'exchange')}, {summary.silent:,} without a reply")
    write_pages(page, summary.pages)
    found = finding_counts(totals)
    if found:
        page.field("found", *_findings(found))
    write_sockets(page, summary.sockets)
    write_crowds(page, summary.crowds)
    for line in skipped(summary.tally):
        page.field("skipped", (line, "dim"))


def percentiles(ordered: Sequence[int]) -> str:
    """`p50 1.2 ms · p95 3.4 ms · p99 3.4 ms` of values in ns, with their number when they are few."""
    if len(ordered) == 1:
        return f"{duration(ordered[0])} (one handshake)"
    shown = " · ".join(f"p{percent} {duration(percentile(ordered, percent))}" for percent in (50, 95, 99))
    return f"{shown} (only {len(ordered)} values)" if len(ordered) < FEW else shown


def skipped(tally: Tally) -> Iterator[str]:
    """One line for each kind of thing that was not looked at, with the reasons."""
    if tally.undecoded:
        yield f"{count(sum(tally.undecoded.values()), 'frame')} of other kinds: {_reasons(tally.undecoded)}"
    if tally.faults:
        yield f"{count(sum(tally.faults.values()), 'malformed frame')}: {_reasons(tally.faults)}"
    if tally.copies:
        yield f"{count(tally.copies, 'copy', 'copies')} of packets that were captured more than once"
    if tally.backward:
        farthest = duration(tally.most_backward_ns)
        yield f"{count(tally.backward, 'frame')} dated before earlier ones, by up to {farthest}: merged or unsorted"
    if tally.unmatched_icmp:
        yield f"{count(tally.unmatched_icmp, 'ICMP error')} about flows that were not captured"
    if tally.evicted:
        yield f"{count(tally.evicted, 'connection')} followed only in part: the flow table was full"
    if tally.evicted_exchanges:
        yield f"{count(tally.evicted_exchanges, 'UDP exchange')} followed only in part: the table was full"
    if tally.forgotten:
        yield f"{count(tally.forgotten, 'handshake')}, the oldest, by rules about many, listeners and percentiles"


def _reasons(reasons: dict[str, int]) -> str:
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number:,} {reason}" for reason, number in ordered)


def _sources(page: Page, sources: Sequence[SourceInfo]) -> None:
    """Each source with its damage; of a long list only those that are damaged, unless all is wanted."""
    listed = sources
    if len(sources) > MANY and page.terminal.verbosity < 1:
        page.field("read", f"{count(len(sources), 'capture')} · {count(sum(s.frames for s in sources), 'frame')}")
        listed = [source for source in sources if source.damage]
    for source in listed:
        page.field("read", f"{source.name} · {source.format} · {count(source.frames, 'frame')}")
        if source.dropped:
            page.field("dropped", (f"{count(source.dropped, 'frame')}: the kernel's queue was full", "red"))
        if source.damage:
            page.field("damaged", (damage_words(source.damage), "red"))


def _outcomes(totals: Totals) -> Iterator[Span]:
    if not totals.handshakes:
        yield "no TCP handshake"
        return
    yield f"{count(totals.handshakes, 'handshake')}:"
    counted = outcome_counts(totals)
    for position, (outcome, number) in enumerate(counted.items(), 1):
        comma = "," if position < len(counted) else ""
        yield f"{number:,} {outcome.value}{comma}", OUTCOME_STYLE[outcome]


def _findings(counted: Sequence[tuple[Finding, int]]) -> Iterator[Span]:
    for position, (finding, number) in enumerate(counted, 1):
        yield f"{finding.code} {finding.name}", SEVERITY_STYLE[finding.severity.value]
        yield f"×{number:,}" + (" ·" if position < len(counted) else "")
