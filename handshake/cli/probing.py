"""One probe for a person who waits: what is being waited for, the recording, Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from handshake.api import Inspection, frames_of, live_source
from handshake.cli.output import say
from handshake.findings.answers import answer_to
from handshake.model.handshake import Handshake
from handshake.model.packet import Frame
from handshake.model.record import dataclass
from handshake.model.report import Answer, Approach, Reply, Report
from handshake.probe.attempt import Attempt
from handshake.probe.behaviour import PROFILES, Behaviour, Close
from handshake.probe.kernel import KernelWatch
from handshake.probe.run import Probe, sigterm_interrupts
from handshake.source.writer import PcapngWriter
from handshake.version import __version__

INTERRUPTED = 130


LEFT_OPEN = (
    "the server is left with an open connection. Nothing of it remains here: our kernel never knew it, and will answer "
    "RST when the server sends something (data, its FIN, a keep-alive); until then the server keeps its socket"
)


@dataclass(frozen=True, slots=True)
class Probing:
    """What came of one probe."""

    report: Report
    interrupted: bool
    half_open: bool = False

    @property
    def exit_status(self) -> int:
        """0 opened (half-open: was accepted; odd flags: were answered as expected), 1 did not, 130 interrupted."""
        if self.interrupted:
            return INTERRUPTED
        if self.report.answer:
            return int(not self.report.answer.expected)
        if self.half_open:
            return int(not any(handshake.server.opening for handshake in self.report.handshakes))
        return int(not any(handshake.outcome.opened for handshake in self.report.handshakes))


def run_probe(
    approach: Approach,
    *,
    behaviour: Behaviour = PROFILES["linux"],
    fast_open: bool = False,
    source_port: int = 0,
    retries: int = 2,
    timeout_s: float = 5.0,
    record: Path | None = None,
    quiet: bool = False,
) -> Probing:
    """Probe, record if asked to, and judge; Ctrl-C ends the probe, not the program. Raises HandshakeError.

    With `fast_open` there are two connections: one asks for a cookie, the next one uses it.
    """
    inspection = Inspection(approach.route.interface)
    handshakes: list[Handshake] = []
    attempts: list[Attempt] = []
    interrupted = False
    with ExitStack() as stack:
        writer = stack.enter_context(recording(record, approach)) if record else None
        own_kernel = approach.route.interface == "lo" and not fast_open
        watch = stack.enter_context(KernelWatch(approach.server)) if own_kernel else None
        stack.enter_context(sigterm_interrupts())

        def connect(behaviour: Behaviour) -> None:
            probe = Probe(approach, source_port=source_port, retries=retries, timeout_s=timeout_s, behaviour=behaviour)
            attempts.append(probe.attempt)
            with probe:
                frames = frames_of(probe, watch)
                for frame in watched(frames, approach, quiet=quiet):
                    if writer:
                        writer.write(frame)
                    handshakes.extend(inspection.feed(frame))

        try:
            if fast_open:
                connect(replace(behaviour.with_fast_open(), data=b"", close=Close.FIN))
                behaviour = behaviour.with_fast_open(attempts[0].cookie or b"")
            connect(behaviour)
        except KeyboardInterrupt:
            interrupted = True
        views = watch.views() if watch else ()
    handshakes.extend(inspection.finish())
    report = inspection.report(handshakes, [live_source(approach, inspection)], approach)
    if behaviour.close is Close.NONE and attempts and attempts[-1].inbound and not quiet:
        say(LEFT_OPEN)
    report = replace(report, kernel=views, reply=_reply(behaviour, attempts), answer=_answer(behaviour, report))
    return Probing(report, interrupted, behaviour.half_open)


def _reply(behaviour: Behaviour, attempts: Sequence[Attempt]) -> Reply | None:
    inbound = attempts[-1].inbound if attempts else None
    if inbound is None or not (inbound.length or behaviour.data):
        return None
    return Reply(len(behaviour.data), bytes(inbound.kept), inbound.length, inbound.finished)


def _answer(behaviour: Behaviour, report: Report) -> Answer | None:
    if behaviour.flags is None:
        return None
    return answer_to(behaviour.flags, report.handshakes[0] if report.handshakes else None)


def recording(path: Path, approach: Approach) -> PcapngWriter:
    """A capture file to be written, with a comment that says what it is."""
    return PcapngWriter(path, comment=f"handshake {__version__} probe of {approach.server}")


def watched(frames: Iterator[Frame], approach: Approach, *, quiet: bool) -> Iterator[Frame]:
    """The same frames; as long as nothing but our first one has passed, a line on a terminal says so."""
    if quiet or not sys.stderr.isatty():
        yield from frames
        return
    text = f"waiting for {approach.server} … (Ctrl-C ends it)"
    passed = 0
    try:
        for frame in frames:
            passed += 1
            sys.stderr.write(f"\r{text}" if passed == 1 else "\r" + " " * len(text) + "\r" if passed == 2 else "")
            sys.stderr.flush()
            yield frame
    finally:
        sys.stderr.write("\r" + " " * len(text) + "\r")
        sys.stderr.flush()
