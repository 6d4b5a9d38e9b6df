"""`handshake lab run`: a scenario is played, shown, and held against what one should see."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handshake.cli.output import say, waiting, write_report
from handshake.render import Format
from handshake.render.crowds import without_crowds
from handshake.render.page import Page
from handshake.render.terminal import terminal_of

if TYPE_CHECKING:
    from handshake.lab.scenarios import Scenario

INTERRUPTED = 130
_IN_WORDS = (Format.TABLE, Format.LADDER, Format.SUMMARY)
"""Formats between which a story has its place."""
_NAMES = 24


def run(  # noqa: PLR0917 - the command line is the signature
    name: Annotated[
        str | None, typer.Argument(help="A scenario of --list, or a file FILE.toml.", metavar="SCENARIO")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Show all scenarios.")] = False,
    form: Annotated[Format, typer.Option("--format", "-f", help="How to show it.")] = Format.LADDER,
    record: Annotated[
        Path | None, typer.Option("--record", help="Keep the recording: .pcap or .pcapng.", metavar="FILE")
    ] = None,
    secrets: Annotated[bool, typer.Option("--show-secrets", help="Show passwords in dialogues.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only what was recorded, no story.")] = False,
) -> None:
    """Play a scenario between real kernels in a private network, show it, and check that it went as it should.

    Needs neither root nor network where unprivileged user namespaces are allowed. Exit status: 0 it was as the scenario
    says, 1 it was not, 2 usage or a scenario that makes no sense, 69 this kernel or the extra `lab` lacks something,
    77 no private network, 130 interrupted.
    """
    from handshake.lab.scenarios import SCENARIOS, scenario_of

    if listed or name is None:
        _list(SCENARIOS.values())
        return
    raise typer.Exit(_play(scenario_of(name), form, record, secrets=secrets, quiet=quiet))


def _list(scenarios: Iterable[Scenario]) -> None:
    page = Page(sys.stdout, terminal_of(sys.stdout))
    for scenario in scenarios:
        page.paragraph(scenario.title, indent=_NAMES, first=page.cell(scenario.name, _NAMES, "bold"))


def _play(scenario: Scenario, form: Format, record: Path | None, *, secrets: bool, quiet: bool) -> int:
    """Play, record, show, check: the exit status."""
    from handshake.lab.recorder import save
    from handshake.lab.scenarios.check import differences, expectation, report_on

    page = Page(sys.stdout, terminal_of(sys.stdout))
    told = form in _IN_WORDS and not quiet
    if told:
        page.field("scenario", (scenario.name, "bold"), f"· {scenario.title}")
        page.field("story", scenario.story)
        for rule in scenario.setting.wire:
            page.field("wire", rule)
        page.line()
        sys.stdout.flush()
    try:
        with waiting(f"playing {scenario.name}", quiet=quiet):
            frames = scenario.frames()
    except KeyboardInterrupt:
        return INTERRUPTED
    if record:
        save(frames, record)
    report = report_on(scenario, frames, secrets=secrets)
    write_report(without_crowds(report) if form in _IN_WORDS else report, form, verbosity=-1 if quiet else 0)
    found = differences(scenario, report)
    if told:
        page.line()
        for each in found:
            page.field("differs", (each, "red"))
        if not found:
            page.field("checked", ("✓", "green"), f"as it should be: {expectation(scenario)}")
        if record:
            page.field("recorded", f"{record}: handshake replay {record}")
    else:
        for each in found:
            say(f"{scenario.name} differs: {each}")
    return int(bool(found))
