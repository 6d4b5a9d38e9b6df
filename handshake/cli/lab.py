"""`handshake lab`: a private world of hosts, wires and real servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import typer

from handshake.cli.lazy import STYLE, Entry, LazyGroup


class Commands(LazyGroup):
    """The commands of the lab."""

    entries: ClassVar[Mapping[str, Entry]] = {
        "run": Entry("handshake.cli.lab_run:run", "Play a scenario, show it, check it."),
        "serve": Entry("handshake.cli.lab_serve:serve", "Real servers on 127.0.0.1, and what accept() does."),
        "net": Entry(
            "handshake.cli.lab_net:net", "A command in a private network.", {"allow_interspersed_args": False}
        ),
    }


lab = typer.Typer(name="lab", cls=Commands, add_completion=False, **STYLE)


@lab.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """A private world of hosts, wires and real servers to watch handshakes in."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
