"""`handshake lab net`: a command on the client of a private network with real servers."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handshake.cli.output import say
from handshake.errors import HandshakeError
from handshake.render.page import Page
from handshake.render.terminal import terminal_of

if TYPE_CHECKING:
    from handshake.lab.net import Net

INTERRUPTED = 130


def net(
    command: Annotated[
        list[str] | None, typer.Argument(help="To run on the client; $SHELL without.", metavar="[--] COMMAND…")
    ] = None,
    wire: Annotated[
        list[str] | None,
        typer.Option("--wire", help="A rule of the client's wire, e.g. 'drop SYN 1'; may be repeated.", metavar="RULE"),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option("--record", help="Record client.pcapng and server.pcapng into this directory.", metavar="DIR"),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing besides what the command says.")] = False,
) -> None:
    """Run a command on the client of a private network: client, wire, router, server with all servers of the lab.

    The command finds www.lab, mail.lab and ftp.lab by the lab's own name server. Rules of the wire are those of
    scenario files (docs/lab.md). Needs neither root nor network where unprivileged user namespaces are allowed. Exit
    status: the command's; 2 usage or a rule that makes no sense, 77 no private network, 126 and 127 the command cannot
    be run, 130 interrupted.
    """
    from handshake.lab.guest import Guest
    from handshake.lab.net import INTERFACE, SERVER, laid_out
    from handshake.lab.netns import enter_private_network
    from handshake.lab.recorder import recording
    from handshake.lab.rules import Rules
    from handshake.probe.run import sigterm_interrupts

    rules = wire or []
    Rules(rules)
    if record:
        _make(record)
    enter_private_network()
    page = Page(sys.stderr, terminal_of(sys.stderr))
    try:
        with (
            sigterm_interrupts(),
            Guest(command or [os.environ.get("SHELL", "/bin/sh")]) as guest,
            ExitStack() as stack,
        ):
            built = stack.enter_context(laid_out(rules))
            if record:
                for host in (built.client, built.server):
                    stack.enter_context(recording(host, INTERFACE, record / f"{host.name}.pcapng"))
            if not quiet:
                _introduce(page, built, rules)
            with _undisturbed():
                status = guest.run(built.client, SERVER)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if record and not quiet:
        _conclude(page, record)
    raise typer.Exit(status)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HandshakeError(f"{directory}: cannot be made: {error.strerror}") from None


def _introduce(page: Page, built: Net, rules: list[str]) -> None:
    from handshake.lab.net import CLIENT, ROUTER, SERVER
    from handshake.lab.serve import SERVICES
    from handshake.render.grid import Column, write_grid

    for each in built.lacking:
        say(each)
    page.field("network", f"client {CLIENT} ── wire ── router {ROUTER[0]}, {ROUTER[1]} ── server {SERVER}")
    page.field("wire", " · ".join(rules) or "as it comes, without delay or loss")
    page.line()
    shown = {name: SERVICES[name] for name in built.ports}
    hosts = [each.name for each in shown.values()]
    write_grid(
        page,
        [
            Column("service", list(shown), styles=["bold"] * len(shown)),
            Column("listens on", [f"{SERVER}:{port}" for port in built.ports.values()]),
            Column("name", hosts, expendable=6),
            Column(
                "to try",
                [each.hint.format(address=each.name or SERVER, port=built.ports[name]) for name, each in shown.items()],
            ),
        ],
    )
    page.line()
    page.out.flush()


def _conclude(page: Page, directory: Path) -> None:
    client, server = (directory / f"{name}.pcapng" for name in ("client", "server"))
    page.line()
    page.field("recorded", f"at both ends: {client}, {server}")
    page.field("look", f"handshake replay {client} --ladder")
    page.field("look", f"handshake compare {client} {server}")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Within the block Ctrl-C is for the command alone; main thread only."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
