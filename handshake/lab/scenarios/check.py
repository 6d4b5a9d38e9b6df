"""What was played, held against what the scenario says one should see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from handshake.api import Inspection
from handshake.lab.scenarios.scenario import Scenario
from handshake.model.packet import Frame
from handshake.model.report import Report, SourceInfo


def report_on(scenario: Scenario, frames: Sequence[Frame], *, secrets: bool = False) -> Report:
    """Our judgement of what passed, as that of its recording would be."""
    inspection = Inspection(scenario.file, secrets=secrets)
    handshakes = [handshake for frame in frames for handshake in inspection.feed(frame)]
    handshakes.extend(inspection.finish())
    return inspection.report(handshakes, [SourceInfo(scenario.file, "live", len(frames))])


def differences(scenario: Scenario, report: Report) -> tuple[str, ...]:
    """What is not as it should be, one sentence each."""
    wanted, seen = _expected(scenario), _seen(report)
    return tuple(
        f"{point}: {seen[point] or 'none'}, where the scenario has {wanted[point] or 'none'}"
        for point in wanted
        if wanted[point] != seen[point]
    )


def expectation(scenario: Scenario) -> str:
    """What one should see, in a line."""
    outcomes, findings, crowds, exchanges = _expected(scenario).values()
    udp = f"UDP exchanges: {exchanges}" if exchanges else ""
    return " · ".join(filter(None, (outcomes, findings, crowds, udp)))


def _expected(scenario: Scenario) -> dict[str, str]:
    outcomes = [outcome.value for outcome in scenario.outcomes]
    return _points(outcomes, scenario.findings, scenario.crowds, scenario.exchanges)


def _seen(report: Report) -> dict[str, str]:
    outcomes = [handshake.outcome.value for handshake in report.handshakes]
    findings = {finding.code for handshake in report.handshakes for finding in handshake.findings}
    return _points(outcomes, findings, (crowd.code for crowd in report.crowds), len(report.exchanges))


def _points(outcomes: Iterable[str], findings: Iterable[str], crowds: Iterable[str], exchanges: int) -> dict[str, str]:
    return {
        "outcomes": ", ".join(_runs(outcomes)),
        "findings": " ".join(sorted(findings)),
        "crowds": " ".join(crowds),
        "UDP exchanges": str(exchanges or ""),
    }


def _runs(words: Iterable[str]) -> Iterator[str]:
    """`established`, `3 refused`: as scenario files write it."""
    for word, run in groupby(words):
        number = len(list(run))
        yield word if number == 1 else f"{number} {word}"
