"""The typer app: one line for each command. A command's file is imported when it is asked for, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import typer

from handshake.cli.lazy import STYLE, Entry, LazyGroup
from handshake.version import __version__


class Commands(LazyGroup):
    """All commands."""

    entries: ClassVar[Mapping[str, Entry]] = {
        "demo": Entry("handshake.cli.demo:demo", "See a first handshake; needs nothing."),
        "tour": Entry("handshake.cli.tour:tour", "The story of a connection, live."),
        "probe": Entry("handshake.cli.probe:probe", "Open a connection with crafted packets."),
        "replay": Entry("handshake.cli.replay:replay", "Show every handshake in captures."),
        "watch": Entry("handshake.cli.watch:watch", "Show handshakes as they happen."),
        "compare": Entry("handshake.cli.compare:compare", "TCP against UDP; one end against the other."),
        "crosscheck": Entry("handshake.cli.crosscheck:crosscheck", "Our judgement against tshark's."),
        "export": Entry("handshake.cli.export:export", "Handshakes as a table for data tools."),
        "survey": Entry("handshake.cli.survey:survey", "Many captures at once, one row each."),
        "lab": Entry("handshake.cli.lab:lab", "Hosts, wires and real servers of your own."),
        "explain": Entry("handshake.cli.explain:explain", "Explain a code, a flag, a state, a word."),
    }


app = typer.Typer(
    name="handshake",
    cls=Commands,
    help="See the TCP handshake on the wire.",
    epilog="Exit status: 0 done, 1 the outcome is bad news or a capture is damaged, 2 usage or unreadable file, "
    "69 a tool is missing, 77 no privilege, 130 interrupted.",
    **STYLE,
)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True)] = False,
) -> None:
    """See the TCP handshake on the wire."""
    if version:
        typer.echo(f"handshake {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())
    if version:
        raise typer.Exit
