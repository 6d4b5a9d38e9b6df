"""`handshake crosscheck`: our judgement of captures against tshark's."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from handshake.cli.output import write
from handshake.render import CheckFormat, check_renderer


def crosscheck(
    files: Annotated[
        list[str], typer.Argument(help="Captures, also .gz and .zst; as many as you like.", metavar="FILE")
    ],
    form: Annotated[CheckFormat, typer.Option("--format", "-f", help="How to show it.")] = CheckFormat.TABLE,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.", metavar="FILE")] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="List the known traps one by one, too, and all differences.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only what is not explained, and no progress.")] = False,
) -> None:
    """Hold our judgement against tshark's: every TCP header field, and every stream.

    Each difference is a known trap of tshark, or our fault, or undecided.

    Exit status: 0 no difference but known traps, 1 differences that no trap explains,
    2 usage or a file that one of the two cannot read, 69 tshark is missing, too old or failed, 130 interrupted.
    """
    from handshake.cli.checking import check_captures

    checking = check_captures(files, quiet)
    write(partial(check_renderer(form), checking.checked), output, -1 if quiet else int(verbose))
    raise typer.Exit(checking.exit_status)
