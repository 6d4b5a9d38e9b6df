"""The summary of a report: what was read, how the handshakes ended, how long they took, what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from handshake.compare.pages import page_loads
from handshake.flow.listeners import listeners
from handshake.model.finding import Finding
from handshake.model.listener import Listener
from handshake.model.report import Report, SourceInfo, Tally
from handshake.model.totals import Totals
from handshake.render.crowds import write_crowds
from handshake.render.page import Page, Span
from handshake.render.pages import write_pages
from handshake.render.statistics import finding_counts, measured, outcome_counts, totals_of
from handshake.render.terminal import Terminal
from handshake.render.units import count, duration, percentile
from handshake.render.words import OUTCOME_STYLE, SEVERITY_STYLE, damage_words

FEW = 20
"""Below this many values a 95th percentile is but the largest one, so the summary says how many there are."""

MOST_SOCKETS, MOST_CLIENTS = 3, 4
"""Listening sockets, and clients of one of them, that are listed; all with `-v`."""

MANY = 6
"""More sources than this are counted, not listed."""


def render(report: Report, out: TextIO, terminal: Terminal) -> None:
    """Write the summary alone."""
    page = Page(out, terminal)
    _sources(page, report.sources)
    totals = totals_of(report)
    if totals.handshakes or not report.connects:
        page.field("opened", *_outcomes(totals))
    for connect in report.connects:
        ended = (connect.outcome.value, OUTCOME_STYLE[connect.outcome])
        page.field("connect()", f"{connect.server}", ended, f"after {duration(connect.took_ns)}")
    times = measured(totals)
    for label, ordered in (("set-up", times["setup_ns"]), ("irtt", times["irtt_ns"])):
        if ordered:
            page.field(label, percentiles(ordered))
    exchanges, silent = report.exchange_counts or (
        len(report.exchanges), sum(not exchange.replies for exchange in report.exchanges)
    )  # fmt: skip
    if exchanges:
        page.field("UDP", f"{count(exchanges, 'exchange')}, {silent:,} without a reply")
    write_pages(page, page_loads(report.handshakes))
    found = finding_counts(totals)
    if found:
        page.field("found", *_findings(found))
    _sockets(page, listeners(report.handshakes) if report.listeners is None else report.listeners)
    write_crowds(page, report.crowds)
    for line in skipped(report.tally):
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


def _sockets(page: Page, served: Sequence[Listener]) -> None:
    """The listening sockets that had several clients at once, the busiest first."""
    wordy = page.terminal.verbosity > 0
    ordered = sorted(served, key=lambda each: -len(each.together))
    for listener in ordered if wordy else ordered[:MOST_SOCKETS]:
        clients = listener.clients if wordy else listener.clients[:MOST_CLIENTS]
        names = ", ".join(map(str, clients)) + ", …" * (len(clients) < len(listener.clients))
        many = f"{count(len(listener.together), 'connection')} at once, told apart by the client's end: {names}"
        page.field("sockets", f"server {listener.server}: one listening socket, {many}")
    if len(ordered) > MOST_SOCKETS and not wordy:
        page.field("sockets", (f"{count(len(ordered) - MOST_SOCKETS, 'more server')} with several clients", "dim"))


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
