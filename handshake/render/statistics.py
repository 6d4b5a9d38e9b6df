"""What the handshakes of a report amount to: outcomes, times, findings, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from handshake.model.finding import Finding
from handshake.model.handshake import Handshake, Outcome


def measured(handshakes: Sequence[Handshake]) -> dict[str, list[int]]:
    """The times worth percentiles, ns, ascending: `setup_ns` of what opened, `irtt_ns` where Karn allows it."""
    opened = [handshake.timing for handshake in handshakes if handshake.outcome.opened]
    return {
        "setup_ns": sorted(timing.setup_ns for timing in opened if timing.setup_ns is not None),
        "irtt_ns": sorted(timing.irtt_ns for timing in opened if timing.irtt_ns is not None),
    }


def outcome_counts(handshakes: Sequence[Handshake]) -> dict[Outcome, int]:
    """How many handshakes ended in which way, in the order of `Outcome`, none with zero."""
    counted = Counter(handshake.outcome for handshake in handshakes)
    return {outcome: counted[outcome] for outcome in Outcome if counted[outcome]}


def finding_counts(handshakes: Sequence[Handshake]) -> list[tuple[Finding, int]]:
    """One finding of each code and in how many handshakes it is, the most frequent first."""
    by_code = {finding.code: finding for handshake in handshakes for finding in handshake.findings}
    counted = Counter(code for handshake in handshakes for code in {finding.code for finding in handshake.findings})
    return [(by_code[code], counted[code]) for code in sorted(counted, key=lambda code: (-counted[code], code))]
