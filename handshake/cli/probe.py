"""`handshake probe`: craft the three-way handshake towards a target and show it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handshake.cli.output import waiting, write_report
from handshake.probe.behaviour import Close
from handshake.render import Format


def probe(  # noqa: PLR0917 - the command line is the signature
    targets: Annotated[
        list[str], typer.Argument(metavar="HOST:PORT", help="e.g. localhost:http, [::1]:80, 127.0.0.1:22,80,8000-8010")
    ],
    count: Annotated[
        int | None, typer.Option("--count", "-c", help="Probe N times, 0 until Ctrl-C; like ping.", metavar="N", min=0)
    ] = None,
    interval: Annotated[
        float, typer.Option("--interval", help="Time between the probes of -c.", metavar="SECONDS", min=0)
    ] = 1,
    rate: Annotated[
        float | None,
        typer.Option("--rate", help="Most targets a second; 50, on loopback 500.", metavar="N", min=0.01),
    ] = None,
    ipv4: Annotated[bool, typer.Option("-4", help="Only IPv4 addresses of the name.")] = False,
    ipv6: Annotated[bool, typer.Option("-6", help="Only IPv6 addresses of the name.")] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", help="Give up after this long.", metavar="SECONDS", min=0.1)
    ] = 5,
    retries: Annotated[
        int, typer.Option("--retries", help="Repeat the SYN up to N times.", metavar="N", min=0, max=10)
    ] = 2,
    option: Annotated[
        str | None,
        typer.Option(
            "--option",
            "-o",
            help="Options of the SYN, in this order: mss[=N] ws[=N] sack ts ecn accecn tfo[=HEX] mptcp ut=N[m] nop eol "
            "raw=KIND:HEX.",
            metavar="LIST",
        ),
    ] = None,
    profile: Annotated[
        str, typer.Option("--profile", help="SYN of a system: linux, windows, macos, bare.", metavar="NAME")
    ] = "linux",
    ttl: Annotated[
        int | None, typer.Option("--ttl", help="TTL or hop limit of our packets.", metavar="N", min=1, max=255)
    ] = None,
    window: Annotated[
        int | None, typer.Option("--window", help="Our receive window in bytes.", metavar="N", min=0, max=65535)
    ] = None,
    isn: Annotated[
        str | None, typer.Option("--isn", help="Initial sequence number, decimal or 0x…; else random.", metavar="N")
    ] = None,
    send: Annotated[
        str | None,
        typer.Option(
            "--send",
            "-s",
            help=r"Say this once it is open, and show the reply: TEXT with \r\n, @FILE, hex:….",
            metavar="DATA",
        ),
    ] = None,
    fast_open: Annotated[
        bool, typer.Option("--fast-open", help="Two connections: ask for a cookie, then --send inside the SYN.")
    ] = False,
    half_open: Annotated[bool, typer.Option("--half-open", help="Answer the SYN-ACK with RST.")] = False,
    close: Annotated[
        Close, typer.Option("--close", help="How to leave; none leaves the server with an open connection.")
    ] = Close.FIN,
    simultaneous: Annotated[
        bool, typer.Option("--simultaneous", help="The other side opens too: wait for it; needs --source-port.")
    ] = False,
    flags: Annotated[
        str | None,
        typer.Option(
            "--flags", help="One segment with these flags, and its answer: null, xmas, syn+fin, ack …", metavar="LIST"
        ),
    ] = None,
    udp: Annotated[bool, typer.Option("--udp", help="Send a UDP datagram, empty without --send or --ask.")] = False,
    ask: Annotated[
        str | None,
        typer.Option("--ask", help="With --udp: the DNS question after this name's address.", metavar="NAME"),
    ] = None,
    resolver: Annotated[
        str | None,
        typer.Option("--resolver", help="Ask this name server, not the system's.", metavar="SERVER[:PORT]"),
    ] = None,
    connect: Annotated[
        bool, typer.Option("--connect", help="An ordinary connect(), told by the kernel; needs no privilege.")
    ] = False,
    both: Annotated[bool, typer.Option("--both", help="Crafted, then an ordinary connect(), side by side.")] = False,
    source: Annotated[
        str | None, typer.Option("--source", help="Our address, one of this machine's.", metavar="ADDRESS")
    ] = None,
    interface: Annotated[
        str | None, typer.Option("--interface", help="Leave by this interface.", metavar="NAME")
    ] = None,
    source_port: Annotated[
        int, typer.Option("--source-port", help="Our port; 0 takes any free one.", metavar="N", min=0, max=65535)
    ] = 0,
    allow_public: Annotated[
        bool, typer.Option("--allow-public", help="Probe a public address: only with its owner's permission.")
    ] = False,
    form: Annotated[
        Format | None, typer.Option("--format", "-f", help="How to show it; a ladder, or lines and tables for many.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--write", "-w", help="Record what passes into this pcapng file.", metavar="FILE")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Add raw numbers and frames.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Leave out explanations.")] = False,
) -> None:
    """Open a TCP connection with crafted packets and show the handshake as it was on the wire.

    Needs CAP_NET_RAW (sudo); only --connect does not. No firewall rule is touched and nothing is left behind.
    Exit status: 0 the connection opened (--udp: a reply came; --half-open: the port accepts; --flags: an expected
    answer); 1 refused, unanswered or unreachable; 2 a target that makes no sense; 77 no privilege; 130 interrupted.
    Of several targets all have to open; with -c one opened connection is enough, also after Ctrl-C.
    """
    from handshake.cli.behaving import behaviour_of, refuse_for_many
    from handshake.cli.connecting import run_connect
    from handshake.cli.probing import run_probe
    from handshake.cli.udp import run_udp
    from handshake.cli.views import View, check_view, view_of
    from handshake.probe.approach import prepare
    from handshake.probe.target import is_single

    if ipv4 and ipv6:
        raise typer.BadParameter("-4 and -6 exclude each other")
    family = 4 if ipv4 else 6 if ipv6 else None
    behaviour = behaviour_of(
        profile=profile,
        options=option,
        ttl=ttl,
        window=window,
        isn=isn,
        send=send,
        fast_open=fast_open,
        half_open=half_open,
        close=close,
        simultaneous=simultaneous,
        flags=flags,
        source_port=source_port,
    )
    view = view_of(udp=udp, connect=connect, both=both)
    many = count is not None or len(targets) > 1 or not is_single(targets[0])
    others = {
        "--fast-open": fast_open,
        "--interface": interface is not None,
        "--write": record is not None and view is View.CONNECT,
    }
    if form in (Format.CSV, Format.MERMAID, Format.SVG):  # these know handshakes only
        others[f"--format {form.value}"] = view is not View.BOTH
    check_view(view, behaviour, ask=ask is not None, many=many, others=others)
    if many:
        from handshake.cli.series import Pace, prepare_targets, run_series

        refuse_for_many(
            source_port=source_port,
            source=source,
            interface=interface,
            resolver=resolver,
            behaviour=behaviour,
            fast_open=fast_open,
        )
        approaches = prepare_targets(targets, family=family, allow_public=allow_public)
        if count is not None and len(approaches) > 1:
            raise typer.BadParameter(f"-c counts the probes of one target, and here are {len(approaches)}")
        pace = Pace(count, interval, rate)
        verbosity = verbose - quiet
        raise typer.Exit(
            run_series(
                approaches,
                pace,
                form,
                retries=retries,
                timeout_s=timeout,
                behaviour=behaviour,
                record=record,
                verbosity=verbosity,
            )
        )
    with waiting(f"asking {resolver} for {targets[0]}", quiet=quiet or resolver is None):
        approach = prepare(
            targets[0],
            family=family,
            allow_public=allow_public,
            source=source,
            interface=interface,
            resolver=resolver,
            retries=retries,
            timeout_s=timeout,
        )
    if view is View.UDP:
        report, status = run_udp(
            approach,
            payload=behaviour.data,
            ask=ask,
            source_port=source_port,
            retries=retries,
            timeout_s=timeout,
            record=record,
            quiet=quiet,
        )
    elif view is View.CONNECT:
        report, status = run_connect(approach, source_port=source_port, retries=retries, timeout_s=timeout, quiet=quiet)
    else:
        probing = run_probe(
            approach,
            behaviour=behaviour,
            fast_open=fast_open,
            source_port=source_port,
            retries=retries,
            timeout_s=timeout,
            record=record,
            quiet=quiet,
        )
        report, status = probing.report, probing.exit_status
        if view is View.BOTH and not probing.interrupted:
            report, told = run_connect(approach, retries=retries, timeout_s=timeout, quiet=quiet, beside=report)
            status = max(status, told)
    write_report(report, form or Format.LADDER, verbosity=verbose - quiet)
    raise typer.Exit(status)
