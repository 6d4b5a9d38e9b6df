"""`handshake lab`: a private world of hosts, wires and real servers."""

from __future__ import annotations

import typer

from handshake.cli.lab_net import net
from handshake.cli.lab_run import run
from handshake.cli.lab_serve import serve

lab = typer.Typer(
    name="lab",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
lab.command(short_help="Play a scenario, show it, check it.")(run)
lab.command(short_help="Real servers on 127.0.0.1, and what accept() does.")(serve)
lab.command(short_help="A command in a private network.", context_settings={"allow_interspersed_args": False})(net)


@lab.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """A private world of hosts, wires and real servers to watch handshakes in."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
