"""`handshake lab serve`: real servers on the loopback, and what listen() and accept() do there."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Annotated

import typer

from handshake.cli.output import say
from handshake.render.page import Page, Span
from handshake.render.terminal import terminal_of
from handshake.render.units import duration

if TYPE_CHECKING:
    from handshake.lab.listening import Event
    from handshake.lab.serve import Serving

ADDRESS = "127.0.0.1"
INTERRUPTED = 130
_BEAT_S = 0.02


def serve(  # noqa: PLR0917 - the command line is the signature
    services: Annotated[
        list[str] | None,
        typer.Argument(help="Only these: tcp-echo, udp-echo, dns, http-1.0, http-1.1, smtp, ftp.", metavar="SERVICE"),
    ] = None,
    ports: Annotated[
        list[str] | None,
        typer.Option("--port", help="Port of a service; any free one without. May be repeated.", metavar="SERVICE=N"),
    ] = None,
    backlog: Annotated[
        int, typer.Option("--backlog", help="Given to listen(): so many may wait, and one.", metavar="N", min=0)
    ] = 5,
    accept_delay: Annotated[
        float, typer.Option("--accept-delay", help="Wait before each accept().", metavar="SECONDS", min=0, max=3600)
    ] = 0.0,
    threads: Annotated[
        int,
        typer.Option("--threads", help="Threads of each echo and web server, one client each.", metavar="N", min=1),
    ] = 4,
    seconds: Annotated[
        float | None, typer.Option("--for", help="End after this long.", metavar="SECONDS", min=0.1)
    ] = None,
) -> None:
    """Serve TCP echo, UDP echo, DNS, HTTP/1.0, HTTP/1.1, SMTP and FTP on 127.0.0.1, and tell what accept() does.

    The kernel completes a handshake before accept() returns: with --accept-delay connections wait in the accept queue,
    and once it is full (--backlog) the kernel heeds neither SYNs nor final ACKs. Needs no privilege. Exit status: 0 the
    time is over, 1 a port cannot be had, 2 usage, 69 nothing of what was asked for is installed, 130 interrupted.
    """
    from handshake.errors import ToolError
    from handshake.lab.listening import overflows
    from handshake.lab.netns import Here
    from handshake.lab.serve import SERVICES
    from handshake.lab.serve import serve as serving
    from handshake.probe.run import sigterm_interrupts

    chosen = _known(services or list(SERVICES), SERVICES)
    wanted = _ports(ports or [], chosen)
    events: SimpleQueue[Event] = SimpleQueue()
    page = Page(sys.stdout, terminal_of(sys.stdout))
    options = {"backlog": backlog, "accept_delay_s": accept_delay, "threads": threads}
    try:
        with (
            sigterm_interrupts(),
            serving(chosen, ADDRESS, wanted, events.put, Here(), **options) as now,  # type: ignore[arg-type]
        ):
            for each in now.lacking:
                say(each)
            if not now.ports:
                raise typer.Exit(ToolError.exit_status)
            refused = overflows()
            _introduce(page, now, backlog)
            _follow(page, now, events, seconds, refused)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _known(names: list[str], services: Iterable[str]) -> list[str]:
    for name in names:
        if name not in services:
            raise typer.BadParameter(f"there is no {name!r}; there are {', '.join(services)}", param_hint="SERVICE")
    return [name for name in services if name in names]


def _ports(texts: list[str], chosen: list[str]) -> dict[str, int]:
    ports = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in chosen or not number.isdecimal() or int(number) > 65535:
            raise typer.BadParameter(f"{text!r} is not SERVICE=N, as in http-1.1=8080", param_hint="--port")
        ports[name] = int(number)
    return ports


def _introduce(page: Page, now: Serving, backlog: int) -> None:
    from handshake.lab.serve import SERVICES
    from handshake.render.grid import Column, write_grid

    served = {name: SERVICES[name] for name in now.ports}
    places = [f"{ADDRESS}:{port}" for port in now.ports.values()]
    hints = [each.hint.format(address=ADDRESS, port=now.ports[name]) for name, each in served.items()]
    hints = [f"sudo {hint}" if hint.startswith("handshake") else hint for hint in hints]
    protocols = [each.protocol for each in served.values()]
    write_grid(
        page,
        [
            Column("service", list(served), styles=["bold"] * len(served)),
            Column("listens on", places),
            Column("by", protocols, expendable=5),
            Column("to try", hints),
        ],
    )
    page.line()
    ports = " or ".join(f"port {port}" for port in now.ports.values())
    page.field("watch", f"sudo handshake watch -i lo '{ports}'")
    page.field("probe", f"sudo handshake probe {places[0]}")
    page.field("queue", f"each listening socket holds {backlog} + 1 connections that nobody accepted; Ctrl-C ends it")
    page.line()
    page.out.flush()


def _follow(page: Page, now: Serving, events: SimpleQueue[Event], seconds: float | None, refused: int) -> None:
    """Print what happens until the time is over; `refused` is how many the kernel had refused before."""
    from handshake.lab.listening import Accepted, overflows, queues

    ends = None if seconds is None else time.monotonic() + seconds
    before: dict[str, int] = {}
    while ends is None or time.monotonic() < ends:
        try:
            event = events.get(timeout=_BEAT_S)
        except Empty:
            told: list[Event] = list(queues(now.listeners, before))
        else:
            told = [event]
            if isinstance(event, Accepted):
                before[event.service] = event.queue
        for each in told:
            _tell(page, each.service, *_words(each))
        if (more := overflows() - refused) > 0:
            refused += more
            _tell(page, "", (f"{more} SYN or final ACK not heeded: no room in an accept queue", "red"))
        page.out.flush()


def _tell(page: Page, service: str, *words: Span) -> None:
    clock = time.strftime("%H:%M:%S") + f".{time.time_ns() // 10**6 % 1000:03}"
    page.paragraph(*words, indent=24, first=f"{clock}  {service:<10}")


def _words(event: Event) -> tuple[Span, ...]:
    from handshake.lab.listening import Accepted, Queued

    if isinstance(event, Queued):
        waiting = f"accept queue: {event.length} of {event.backlog} + 1 wait for accept()"
        return (f"{waiting};", ("full, the kernel heeds no more", "red")) if event.full else (waiting,)
    client = f"{event.client[0]}:{event.client[1]}"
    if isinstance(event, Accepted):
        return (
            ("accepted", "green"),
            f"{client} by {event.thread}; had waited {event.waited_ms} ms; {event.queue} wait still",
        )
    return (f"closed {client} by {event.thread} after {duration(event.took_ns)}",)
