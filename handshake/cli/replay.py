"""`handshake replay`: every handshake in recorded captures."""

from __future__ import annotations

import os
from enum import StrEnum
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

import typer

from handshake.cli.output import say, write, write_report
from handshake.model.handshake import Outcome
from handshake.model.report import Report
from handshake.render import Format
from handshake.render.crowds import without_crowds
from handshake.render.select import Selection

OUTCOMES = ", ".join(outcome.value for outcome in Outcome)


class Engine(StrEnum):
    """Who dissects the packets; the judgement is always ours."""

    HANDSHAKE = "handshake"
    TSHARK = "tshark"


def replay(  # noqa: PLR0917 - the command line is the signature
    files: Annotated[
        list[str], typer.Argument(help="Captures, also .gz and .zst; - reads standard input.", metavar="FILE")
    ],
    form: Annotated[Format, typer.Option("--format", "-f", help="How to show it.")] = Format.TABLE,
    ladder: Annotated[bool, typer.Option("--ladder", help="Step by step; same as -f ladder.")] = False,
    summary: Annotated[bool, typer.Option("--summary", help="The summary alone; same as -f summary.")] = False,
    flow: Annotated[
        int | None, typer.Option("--flow", help="Only the handshake with this number.", metavar="N", min=1)
    ] = None,
    only: Annotated[
        list[Outcome] | None,
        typer.Option("--only", help=f"Only this outcome; may be repeated: {OUTCOMES}.", metavar="OUTCOME"),
    ] = None,
    finding: Annotated[
        list[str] | None,
        typer.Option("--finding", help="Only with this finding, e.g. HS101; may be repeated.", metavar="CODE"),
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Only with this address or network at either end.", metavar="ADDRESS")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Only with this port at either end.", metavar="N", min=0, max=65535)
    ] = None,
    engine: Annotated[Engine, typer.Option("--engine", help="Who dissects the packets.")] = Engine.HANDSHAKE,
    every: Annotated[
        bool, typer.Option("--all", help="List also the handshakes that a scan or flood sums up in one line.")
    ] = False,
    as_one: Annotated[
        bool, typer.Option("--as-one", help="The files are parts of one recording (tcpdump -C, -G), in any order.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            max=64,
            metavar="N",
            help="Processes for a large capture (summary, csv); by default one a core, at most 4.",
        ),
    ] = None,
    secrets: Annotated[bool, typer.Option("--show-secrets", help="Show passwords in dialogues.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.", metavar="FILE")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Add raw numbers and frames.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Leave out summaries and explanations.")] = False,
) -> None:
    """Show every handshake in recorded captures.

    Exit status: 0 all was read, 1 a capture is damaged (everything before the damage is shown),
    2 usage or a file that cannot be read at all, 69 tshark was asked for and is missing or fails, 130 interrupted.
    """
    from handshake.api import Inspection
    from handshake.cli.reading import read_captures, summarise_captures

    selection = Selection(flow, only or (), _codes(finding or []), network(host), port)
    form = Format.LADDER if ladder else Format.SUMMARY if summary else form
    if as_one and (engine is Engine.TSHARK or not all(map(os.path.isfile, files))):
        raise typer.BadParameter("parts of one recording are files that we read ourselves", param_hint="--as-one")
    alone = engine is Engine.HANDSHAKE and not selection and len(set(files)) == len(files)
    if form is Format.SUMMARY and alone:
        reading = summarise_captures(files, quiet, as_one=as_one, jobs=jobs)
        if reading.report.sources or reading.interrupted:
            write_report(reading.report, form, output, -1 if quiet else int(verbose))
        raise typer.Exit(reading.exit_status)
    if form is Format.CSV and alone:
        raise typer.Exit(_list(files, quiet, output, as_one=as_one, jobs=jobs))
    inspection = Inspection(secrets=secrets)
    reading = read_captures(files, quiet, by_tshark=engine is Engine.TSHARK, as_one=as_one, inspection=inspection)
    if reading.report.sources or reading.interrupted:
        verbosity = -1 if quiet else int(verbose)
        report = _choose(reading.report, selection, quiet)
        if form in (Format.TABLE, Format.LADDER) and not selection and not every:
            report = without_crowds(report)
        write_report(report, form, output, verbosity)
    raise typer.Exit(reading.exit_status)


def _list(files: list[str], quiet: bool, output: Path | None, *, as_one: bool, jobs: int | None) -> int:
    """Every handshake as one row, of large captures without making more of it than that; returns the exit status."""
    from handshake.cli.reading import list_captures
    from handshake.render.csv import alike, render_all

    reports, reading = list_captures(files, quiet, alike, as_one=as_one, jobs=jobs)
    if reports or reading.interrupted:
        write(partial(render_all, reports), output)
    return reading.exit_status


def _choose(report: Report, selection: Selection, quiet: bool) -> Report:
    """The chosen part of the report; says so when that is nothing though there was something."""
    chosen = selection.apply(report)
    total = len(report.handshakes)
    if selection.flow is not None and selection.flow > total:
        raise typer.BadParameter(
            f"there is no handshake {selection.flow}, the last one is {total}", param_hint="--flow"
        )
    if total and not chosen.handshakes and not quiet:
        say(f"no handshake matches, of {total:,}")
    return chosen


def _codes(codes: list[str]) -> set[str]:
    """Codes in upper case, each known to the rules."""
    if not codes:
        return set()
    from handshake.findings.registry import RULES

    wanted = {code.upper() for code in codes}
    if unknown := sorted(wanted - set(RULES)):
        raise typer.BadParameter(
            f"unknown {', '.join(unknown)}; choose from {', '.join(sorted(RULES))}", param_hint="--finding"
        )
    return wanted


def network(text: str | None) -> IPv4Network | IPv6Network | None:
    """An address or network as typed; one address is a network of its own."""
    try:
        return None if text is None else ip_network(text, strict=False)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither an address nor a network", param_hint="--host") from None
