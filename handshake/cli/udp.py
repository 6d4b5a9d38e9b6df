"""`handshake probe --udp`: one datagram, what came back, and what that says."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from handshake.api import Inspection, live_source
from handshake.cli.probing import INTERRUPTED, recording, watched
from handshake.errors import TargetError
from handshake.model.dns import A, DnsAnswer
from handshake.model.handshake import Reach
from handshake.model.report import Approach, Report
from handshake.probe.run import sigterm_interrupts
from handshake.probe.udp import UdpProbe
from handshake.source.live import Sniffer
from handshake.wire.dns import encode_query, read_answer


def run_udp(
    approach: Approach,
    *,
    payload: bytes = b"",
    ask: str | None = None,
    source_port: int = 0,
    retries: int = 2,
    timeout_s: float = 5.0,
    record: Path | None = None,
    quiet: bool = False,
) -> tuple[Report, int]:
    """Send `payload`, or the DNS question after the addresses of `ask`; give the report and the exit status.

    The status is 0 when a reply came, 1 when none did, 130 after Ctrl-C. Raises HandshakeError.
    """
    query = _question(ask) if ask is not None else None
    interrupted = False
    inspection = Inspection(approach.route.interface)
    with ExitStack() as stack:
        writer = stack.enter_context(recording(record, approach)) if record else None
        stack.enter_context(sigterm_interrupts())
        probe = stack.enter_context(
            UdpProbe(
                approach,
                payload if query is None else query,
                source_port=source_port,
                retries=retries,
                timeout_s=timeout_s,
            )
        )
        sniffer = stack.enter_context(Sniffer(approach.route.interface, program=probe.program))
        try:
            for frame in watched(probe.run(sniffer), approach, quiet=quiet):
                if writer:
                    writer.write(frame)
                inspection.feed(frame)
        except KeyboardInterrupt:
            interrupted = True
        inspection.finish()
        answer = _answer(query, probe.reply) if query is not None and probe.reply is not None else None
        report = inspection.report((), [live_source(approach, inspection)], approach)
        kept = tuple(replace(e, datagrams=tuple(probe.packets), answer=answer) for e in report.exchanges)
    opened = any(exchange.verdict is Reach.OPEN for exchange in kept)
    return replace(report, exchanges=kept), INTERRUPTED if interrupted else int(not opened)


def _question(name: str) -> bytes:
    try:
        return encode_query(secrets.randbits(16), name.encode("ascii" if name.isascii() else "idna").decode(), A)
    except ValueError as error:
        raise TargetError(f"--ask {error}") from None


def _answer(query: bytes, reply: bytes) -> DnsAnswer | None:
    """The reply as an answer to our question; None when it is none."""
    answer = read_answer(reply)
    return answer if answer is not None and answer.id == int.from_bytes(query[:2]) else None
