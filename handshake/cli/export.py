"""`handshake export`: handshakes as a table for data tools."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from handshake.export import TableFile


def export(
    files: Annotated[
        list[str], typer.Argument(help="Captures, also .gz and .zst; - reads standard input.", metavar="FILE")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Where to; .parquet, .arrow, .feather or .csv decides the format.", metavar="FILE"
        ),
    ],
    exchanges: Annotated[
        Path | None, typer.Option("--exchanges", help="UDP exchanges as well, into this file.", metavar="FILE")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not say what was written.")] = False,
) -> None:
    """Write the handshakes of captures as a table for data tools, one row a handshake.

    The file appears when all is read. Parquet and Arrow need pyarrow.

    Exit status: 0 all was read, 1 a capture is damaged (everything before the damage is written) or a table
    cannot be written, 2 usage or a file that cannot be read at all, 69 pyarrow is missing, 130 interrupted (what was
    read is kept).
    """
    from handshake.cli.exporting import Exporting
    from handshake.export import EXCHANGES, HANDSHAKES, TableFile

    _check(output, "--output")
    if exchanges is not None:
        _check(exchanges, "--exchanges")
        if exchanges.resolve() == output.resolve():
            raise typer.BadParameter("--output and --exchanges are the same file")
    with ExitStack() as stack:
        handshakes = stack.enter_context(TableFile(output, HANDSHAKES))
        others = stack.enter_context(TableFile(exchanges, EXCHANGES)) if exchanges else None
        exporting = Exporting(handshakes, others)
        exporting.export(files, quiet)
    if exporting.sources and not quiet:
        _tell(handshakes, "handshake", len(exporting.sources))
        if others is not None:
            _tell(others, "UDP exchange", len(exporting.sources))
    raise typer.Exit(exporting.exit_status)


def _check(path: Path, option: str) -> None:
    """Refuse a name that tells no format."""
    from handshake.export import Suffix

    known = [suffix.value for suffix in Suffix]
    if path.suffix.lower() not in known:
        raise typer.BadParameter(
            f"{path.name!r} does not tell the format; end it in one of {', '.join(known)}", param_hint=option
        )


def _tell(table: TableFile[Any], noun: str, captures: int) -> None:
    """One line on what was written."""
    from handshake.render.terminal import terminal_of
    from handshake.render.units import count

    words = f"{table.path}: {count(table.rows, noun)} of {count(captures, 'capture')}"
    typer.echo(terminal_of(sys.stdout).say(words))
