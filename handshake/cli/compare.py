"""`handshake compare`: TCP against UDP, recorded or live, or one vantage point against another."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handshake.cli.output import say, write
from handshake.model.comparison import Service
from handshake.render import CompareFormat, compare_renderer, vantage_renderer

if TYPE_CHECKING:
    from handshake.lab.contest import Contest


def compare(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="Captures, also .gz and .zst; - reads standard input.", metavar="[FILE]...", show_default=False
        ),
    ] = None,
    *,
    live: Annotated[
        bool, typer.Option("--live", help="Play the exchanges now, in a private network, instead of reading captures.")
    ] = False,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=1000, help="Live: exchanges of each service over each transport.")
    ] = 10,
    delay_ms: Annotated[
        float, typer.Option("--delay", min=0, max=2000, help="Live: how long the wire takes one way, ms.", metavar="MS")
    ] = 20,
    loss: Annotated[
        str, typer.Option("--loss", help="Live: percent of all packets, or 1st: the first of each exchange.")
    ] = "0",
    seed: Annotated[int, typer.Option("--seed", help="Live: another number loses other packets.")] = 3,
    service: Annotated[
        list[Service] | None, typer.Option("--service", help="Live: echo or dns, by default both.", show_default=False)
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", help="Live: keep the capture, .pcap or .pcapng.", metavar="FILE")
    ] = None,
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
    doubled or answered by a box in between, and how long each way took. With --live the capture is made on the spot:
    real clients and servers in a private network, across a wire with the delay and loss of your choice.

    Exit status: 0 all was read, 1 a capture is damaged (everything before the damage counts) or two captures have no
    connection in common, 2 usage or a file that cannot be read at all, 69 dnslib is missing (only for --live with
    DNS), 77 no private network, 130 interrupted.
    """
    if live:
        if files:
            raise typer.BadParameter("--live makes its own capture: give no FILE")
        _live(_contest(count, delay_ms, loss, seed, service), record, form, output, quiet)
    if not files:
        raise typer.BadParameter("give one capture, two of the same traffic, or --live")
    if record:
        raise typer.BadParameter("--record is for --live")
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


def _contest(count: int, delay_ms: float, loss: str, seed: int, services: list[Service] | None) -> Contest:
    from handshake.cli.contesting import read_loss
    from handshake.lab.contest import Contest

    percent, first = read_loss(loss)
    return Contest(count, delay_ms, percent, first, seed, tuple(dict.fromkeys(services or Service)))


def _live(contest: Contest, keep: Path | None, form: CompareFormat, output: Path | None, quiet: bool) -> None:
    """Play, and show what came of it."""
    from handshake.cli.contesting import played

    comparison, reading = played(contest, keep, quiet=quiet)
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
