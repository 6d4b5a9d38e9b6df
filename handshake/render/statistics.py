"""What the handshakes of a report amount to: outcomes, times, findings, counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from handshake.model.handshake import Outcome
from handshake.model.totals import Totals
from handshake.render.units import percentile

if TYPE_CHECKING:
    from handshake.model.finding import Finding
    from handshake.model.report import Report


def totals_of(report: Report) -> Totals:
    """The totals that a watch has kept, or those of the report's handshakes."""
    return report.totals or Totals.of(report.handshakes)


def measured(totals: Totals) -> dict[str, list[int]]:
    """The times worth percentiles, ns, ascending: `setup_ns` of what opened, `irtt_ns` where Karn allows it."""
    return {"setup_ns": sorted(totals.setup_ns), "irtt_ns": sorted(totals.irtt_ns)}


def outcome_counts(totals: Totals) -> dict[Outcome, int]:
    """How many handshakes ended in which way, in the order of `Outcome`, none with zero."""
    return {outcome: totals.outcomes[outcome] for outcome in Outcome if totals.outcomes[outcome]}


def finding_counts(totals: Totals) -> list[tuple[Finding, int]]:
    """One finding of each code and in how many handshakes it is, the most frequent first."""
    counted = totals.findings
    return [(totals.examples[code], counted[code]) for code in sorted(counted, key=lambda code: (-counted[code], code))]


def statistics_of(times: Sequence[int]) -> dict[str, int]:
    """Count, min, avg, max, mdev (as ping has it: the root of the mean square deviation), p50, p95, p99; in ns."""
    ordered = sorted(times)
    average = sum(ordered) / len(ordered)
    deviation = math.sqrt(sum((value - average) ** 2 for value in ordered) / len(ordered))
    return {
        "count": len(ordered),
        "min": ordered[0],
        "avg": round(average),
        "max": ordered[-1],
        "mdev": round(deviation),
        **{f"p{percent}": percentile(ordered, percent) for percent in (50, 95, 99)},
    }
