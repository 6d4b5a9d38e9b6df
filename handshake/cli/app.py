"""The typer app: one line for each command. Command files import heavy libraries only inside their function."""

from __future__ import annotations

from typing import Annotated

import typer

from handshake.cli.compare import compare
from handshake.cli.crosscheck import crosscheck
from handshake.cli.demo import demo
from handshake.cli.explain import explain
from handshake.cli.export import export
from handshake.cli.probe import probe
from handshake.cli.replay import replay
from handshake.cli.survey import survey
from handshake.cli.watch import watch
from handshake.version import __version__

app = typer.Typer(
    name="handshake",
    help="See the TCP handshake on the wire.",
    epilog="Exit status: 0 done, 1 the outcome is bad news or a capture is damaged, 2 usage or unreadable file, "
    "69 a tool is missing, 77 no privilege, 130 interrupted.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(short_help="See a first handshake; needs nothing.")(demo)
app.command(short_help="Open a connection with crafted packets.")(probe)
app.command(short_help="Show every handshake in captures.")(replay)
app.command(short_help="Show handshakes as they happen.")(watch)
app.command(short_help="TCP against UDP: what a handshake costs.")(compare)
app.command(short_help="Our judgement against tshark's.")(crosscheck)
app.command(short_help="Handshakes as a table for data tools.")(export)
app.command(short_help="Many captures at once, one row each.")(survey)
app.command(short_help="Explain a code, a flag, a state, a word.")(explain)


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
