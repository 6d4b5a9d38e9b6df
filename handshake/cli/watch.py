"""`handshake watch`: handshakes as they open, fail and close."""

from __future__ import annotations

import gc
import os
import sys
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handshake.cli.replay import network
from handshake.render import Show

if TYPE_CHECKING:
    from handshake.wire.bpf import Instruction


def watch(  # noqa: PLR0917 - the command line is the signature
    expression: Annotated[
        list[str] | None,
        typer.Argument(help="Only what matches this pcap-filter(7) expression, e.g. dst port 443.", metavar="FILTER"),
    ] = None,
    interfaces: Annotated[
        list[str] | None,
        typer.Option("--interface", "-i", help="Only this interface; may be repeated.", metavar="IFACE"),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Only with this port at either end.", metavar="N", min=0, max=65535)
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Only with this address or network at either end.", metavar="ADDRESS")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--for", help="End after this long.", metavar="SECONDS", min=0.1)
    ] = None,
    show: Annotated[
        Show | None,
        typer.Option(
            "--format", "-f", help="How to show it: table on a terminal, jsonl in a pipe.", show_default=False
        ),
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--write", "-w", help="Record into this pcapng file.", metavar="FILE")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Leave out the summary.")] = False,
) -> None:
    """Show handshakes as they open, fail and close, on this machine's interfaces.

    Needs CAP_NET_RAW (sudo). Data stays in the kernel; the recording replays to the same judgement. Exit status: 0 the
    time is over; 1 the interface went away; 2 an option or filter that makes no sense; 69 no libpcap for the filter;
    77 no privilege; 130 interrupted (Ctrl-C), after the summary.
    """
    from handshake.cli.watching import Watching
    from handshake.render.watching import VIEWS

    gc.set_threshold(50_000)  # connections live long and hold no cycles: a third of the time went into looking for some
    show = show or _fitting()
    view = VIEWS[show](sys.stdout, verbosity=-1 if quiet else 0)
    watching = Watching(interfaces or (), _conditions(port, network(host), " ".join(expression or ())), view)
    raise typer.Exit(watching.run(record, seconds))


def _fitting() -> Show:
    """The way to show it that suits the output."""
    if not sys.stdout.isatty():
        return Show.JSONL
    return Show.LINES if os.environ.get("TERM") == "dumb" else Show.TABLE


def _conditions(port: int | None, hosts: IPv4Network | IPv6Network | None, expression: str) -> tuple[Instruction, ...]:
    """The kernel programs of what was asked for."""
    from handshake.source.expression import compile_expression
    from handshake.wire.bpf import continuing
    from handshake.wire.sieve import on_host, on_port

    return (
        *(on_port(port) if port is not None else ()),
        *(on_host(hosts) if hosts else ()),
        *(continuing(compile_expression(expression)) if expression else ()),
    )
