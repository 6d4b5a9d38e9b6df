"""`handshake compare`: TCP against UDP in recorded captures, or one vantage point against another."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from handshake.cli.output import say, write
from handshake.render import CompareFormat, compare_renderer, vantage_renderer


def compare(
    files: Annotated[
        list[str], typer.Argument(help="Captures, also .gz and .zst; - reads standard input.", metavar="FILE")
    ],
    transports: Annotated[
        bool, typer.Option("--transports", "-t", help="TCP against UDP also in two captures, counted together.")
    ] = False,
    form: Annotated[CompareFormat, typer.Option("--format", "-f", help="How to show it.")] = CompareFormat.TABLE,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.", metavar="FILE")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Numbers alone: no bars, no explanations.")] = False,
) -> None:
    """Hold TCP against UDP in one capture, or two captures of the same traffic against each other.

    One capture, or more than two: packets, bytes and round trips of TCP and UDP, for all of it and for each service
    used over both. Two captures, one taken near the client and one near the server: what was lost on the way, changed,
    doubled or answered by a box in between, and how long each way took.

    Exit status: 0 all was read, 1 a capture is damaged (everything before the damage counts) or two captures have no
    connection in common, 2 usage or a file that cannot be read at all, 130 interrupted.
    """
    if len(files) == 2 and not transports:
        _two_places(files, form, output, quiet)
    from handshake.api import Comparing
    from handshake.cli.reading import read_captures

    inspection = Comparing()
    reading = read_captures(files, quiet, inspection=inspection)
    if reading.report.sources:
        comparison = inspection.comparison(reading.report)
        write(partial(compare_renderer(form), comparison), output, -1 if quiet else 0)
    raise typer.Exit(reading.exit_status)


def _two_places(files: list[str], form: CompareFormat, output: Path | None, quiet: bool) -> None:
    """Read both, and show what lies between them."""
    from handshake.api import Witnessing
    from handshake.cli.reading import read_captures
    from handshake.compare.vantage import vantage

    places, worst = [], 0
    for file in files:
        inspection = Witnessing()
        reading = read_captures([file], quiet, inspection=inspection)
        worst = max(worst, reading.exit_status)
        if not reading.report.sources or reading.interrupted:
            raise typer.Exit(worst)
        places.append(inspection.place(reading.report))
    both = vantage(*places)
    write(partial(vantage_renderer(form), both), output, -1 if quiet else 0)
    if not both.pairs:
        say("no connection is in both captures; to count TCP and UDP of both together: --transports")
        worst = max(worst, 1)
    raise typer.Exit(worst)
