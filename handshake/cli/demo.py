"""`handshake demo`: an open, a closed and a silent port in a private network, probed and explained."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from handshake.api import inspect
from handshake.cli.output import say, write_report
from handshake.errors import PrivilegeError
from handshake.model.report import Report
from handshake.render import Format
from handshake.render.page import Page
from handshake.render.terminal import terminal_of

if TYPE_CHECKING:
    from handshake.lab.demo import DemoTarget

_NEXT = (
    ("sudo handshake probe localhost:22", "the same towards your own machine"),
    ("handshake replay captures/*.pcap*", "recorded handshakes of every kind"),
    ("handshake explain SYN-RECEIVED", "what a state, flag, option or finding means"),
)


def demo() -> None:
    """Probe an open, a closed and a silent port in a private network, and explain what is seen.

    Needs neither root nor network where unprivileged user namespaces are allowed; elsewhere it says what to do
    and replays its own recording.
    """
    from handshake.lab.demo import RECORDING, TARGETS, demo_network

    page = Page(sys.stdout, terminal_of(sys.stdout))
    try:
        with demo_network() as targets:
            page.paragraph("A private network that only this command sees. Three ports, one crafted SYN for each.")
            _show(page, zip(targets, _live(targets), strict=False))
    except PrivilegeError as error:
        say(str(error))
        page.paragraph("What follows is therefore a replay of this demo, recorded earlier.")
        _show(page, zip(TARGETS, _recorded(inspect([RECORDING])), strict=True))
    page.line()
    page.line(("What to try next", "bold"))
    for command, purpose in _NEXT:
        page.paragraph((purpose, "dim"), indent=38, first=f"  {command}")


def _live(targets: Iterable[DemoTarget]) -> Iterator[Report]:
    """Probe one after the other, each when it is asked for."""
    from handshake.cli.probing import INTERRUPTED, run_probe
    from handshake.lab.demo import PATIENCE_S
    from handshake.probe.approach import prepare

    for target in targets:
        probing = run_probe(prepare(target.target), timeout_s=PATIENCE_S)
        yield probing.report
        if probing.interrupted:
            raise typer.Exit(INTERRUPTED)


def _recorded(report: Report) -> Iterator[Report]:
    """The handshakes of the recording, one report each."""
    for handshake in report.handshakes:
        yield replace(report, handshakes=(handshake,))


def _show(page: Page, probes: Iterable[tuple[DemoTarget, Report]]) -> None:
    for number, (target, report) in enumerate(probes, start=1):
        page.line()
        page.line((f"{number}. {target.title}", "bold"))
        page.paragraph(target.explanation)
        page.line()
        write_report(report, Format.LADDER, verbosity=-1)
