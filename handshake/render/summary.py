"""The summary of a report: what was read, how the handshakes ended, how long they took, what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TextIO

from handshake.model.finding import Finding
from handshake.model.handshake import Handshake, Outcome
from handshake.model.report import Report, SourceInfo, Tally
from handshake.render.page import Page, Span
from handshake.render.terminal import Terminal
from handshake.render.units import count, duration, percentile
from handshake.render.words import OUTCOME_STYLE, SEVERITY_STYLE

FEW = 20
"""Below this many values a 95th percentile is but the largest one, which the summary says."""


def render(report: Report, out: TextIO, terminal: Terminal) -> None:
    """Write the summary alone."""
    page = Page(out, terminal)
    for source in report.sources:
        _source(page, source)
    page.field("opened", *_outcomes(report.handshakes))
    for name, values in measured(report.handshakes).items():
        if values:
            page.field(name, percentiles(values))
    if report.exchanges:
        page.field("UDP", _udp(report))
    _findings(page, report.handshakes)
    for line in skipped(report.tally):
        page.field("skipped", (line, "dim"))


def measured(handshakes: Sequence[Handshake]) -> dict[str, list[int]]:
    """The times worth percentiles, ns, ascending: `set-up` of what opened, `irtt` where Karn allows it."""
    opened = [handshake.timing for handshake in handshakes if handshake.outcome.opened]
    return {
        "set-up": sorted(timing.setup_ns for timing in opened if timing.setup_ns is not None),
        "irtt": sorted(timing.irtt_ns for timing in opened if timing.irtt_ns is not None),
    }


def percentiles(ordered: Sequence[int]) -> str:
    """`p50 1.2 ms · p95 3.4 ms · p99 3.4 ms`, with a warning when there are but few values."""
    if len(ordered) == 1:
        return f"{duration(ordered[0])} (one handshake)"
    shown = " · ".join(f"p{percent} {duration(percentile(ordered, percent))}" for percent in (50, 95, 99))
    return f"{shown} (only {len(ordered)} values)" if len(ordered) < FEW else shown


def outcomes(handshakes: Sequence[Handshake]) -> dict[Outcome, int]:
    """How many handshakes ended in which way, in the order of `Outcome`, none with zero."""
    counted = Counter(handshake.outcome for handshake in handshakes)
    return {outcome: counted[outcome] for outcome in Outcome if counted[outcome]}


def findings(handshakes: Sequence[Handshake]) -> list[tuple[Finding, int]]:
    """One finding of each code and in how many handshakes it is, the most frequent first."""
    by_code = {finding.code: finding for handshake in handshakes for finding in handshake.findings}
    counted = Counter(code for handshake in handshakes for code in {finding.code for finding in handshake.findings})
    return [(by_code[code], counted[code]) for code in sorted(counted, key=lambda code: (-counted[code], code))]


def skipped(tally: Tally) -> Iterator[str]:
    """One line for each kind of thing that was not looked at, with the reasons."""
    if tally.undecoded:
        yield f"{count(sum(tally.undecoded.values()), 'frame')} of other kinds: {_reasons(tally.undecoded)}"
    if tally.faults:
        yield f"{count(sum(tally.faults.values()), 'malformed frame')}: {_reasons(tally.faults)}"
    if tally.evicted:
        yield f"{count(tally.evicted, 'connection')} followed only in part: the flow table was full"
    if tally.evicted_exchanges:
        yield f"{count(tally.evicted_exchanges, 'UDP exchange')} followed only in part: the table was full"


def _reasons(reasons: dict[str, int]) -> str:
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number:,} {reason}" for reason, number in ordered)


def _source(page: Page, source: SourceInfo) -> None:
    page.field("read", f"{source.name} · {source.format} · {count(source.frames, 'frame')}")
    if source.damage:
        damage = source.damage
        page.field("damaged", (f"at packet {damage.number:,}, byte {damage.offset:,}: {damage.reason}", "red"))


def _outcomes(handshakes: Sequence[Handshake]) -> Iterator[Span]:
    if not handshakes:
        yield "no TCP handshake"
        return
    yield f"{count(len(handshakes), 'handshake')}: "
    counted = outcomes(handshakes)
    for position, (outcome, number) in enumerate(counted.items(), 1):
        comma = "," if position < len(counted) else ""
        yield f"{number:,} {outcome.value}{comma}", OUTCOME_STYLE[outcome]


def _udp(report: Report) -> str:
    silent = sum(1 for exchange in report.exchanges if not exchange.replies)
    return f"{count(len(report.exchanges), 'exchange')}, {silent:,} without a reply"


def _findings(page: Page, handshakes: Sequence[Handshake]) -> None:
    for finding, number in findings(handshakes):
        page.field("found", (f"{finding.code} {finding.name}", SEVERITY_STYLE[finding.severity.value]), f"×{number:,}")
