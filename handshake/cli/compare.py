"""`handshake compare`: TCP against UDP in recorded captures."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from handshake.cli.output import write
from handshake.render import CompareFormat, compare_renderer


def compare(
    files: Annotated[
        list[str], typer.Argument(help="Captures, also .gz and .zst; - reads standard input.", metavar="FILE")
    ],
    form: Annotated[CompareFormat, typer.Option("--format", "-f", help="How to show it.")] = CompareFormat.TABLE,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.", metavar="FILE")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Numbers alone: no bars, no explanations.")] = False,
) -> None:
    """Hold TCP against UDP: packets, bytes and round trips, for all of it and for each service used over both.

    Exit status: 0 all was read, 1 a capture is damaged (everything before the damage counts),
    2 usage or a file that cannot be read at all, 130 interrupted.
    """
    from handshake.api import Comparing
    from handshake.cli.reading import read_captures

    inspection = Comparing()
    reading = read_captures(files, quiet, inspection=inspection)
    if reading.report.sources:
        comparison = inspection.comparison(reading.report)
        write(partial(compare_renderer(form), comparison), output, -1 if quiet else 0)
    raise typer.Exit(reading.exit_status)
