"""One probe for a person who waits: what is being waited for, the recording, Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from handshake.api import Inspection, live_source, probe_frames
from handshake.model.handshake import Handshake
from handshake.model.packet import Frame
from handshake.model.report import Approach, Report
from handshake.probe.kernel import KernelWatch
from handshake.probe.run import sigterm_interrupts
from handshake.source.writer import PcapngWriter
from handshake.version import __version__

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Probing:
    """What came of one probe."""

    report: Report
    interrupted: bool

    @property
    def exit_status(self) -> int:
        """0 the connection opened, 1 it did not, 130 interrupted."""
        if self.interrupted:
            return INTERRUPTED
        return int(not any(handshake.outcome.opened for handshake in self.report.handshakes))


def run_probe(
    approach: Approach,
    *,
    source_port: int = 0,
    retries: int = 2,
    timeout_s: float = 5.0,
    record: Path | None = None,
    quiet: bool = False,
) -> Probing:
    """Probe, record if asked to, and judge; Ctrl-C ends the probe, not the program. Raises HandshakeError."""
    inspection = Inspection(approach.route.interface)
    handshakes: list[Handshake] = []
    interrupted = False
    with ExitStack() as stack:
        writer = stack.enter_context(_recording(record, approach)) if record else None
        watch = stack.enter_context(KernelWatch(approach.server)) if approach.route.interface == "lo" else None
        stack.enter_context(sigterm_interrupts())
        try:
            frames = probe_frames(approach, source_port=source_port, retries=retries, timeout_s=timeout_s, watch=watch)
            for frame in frames if quiet or not sys.stderr.isatty() else _watched(frames, approach):
                if writer:
                    writer.write(frame)
                handshakes.extend(inspection.feed(frame))
        except KeyboardInterrupt:
            interrupted = True
        views = watch.views() if watch else ()
    handshakes.extend(inspection.finish())
    report = inspection.report(handshakes, [live_source(approach, inspection)], approach)
    return Probing(replace(report, kernel=views), interrupted)


def _recording(path: Path, approach: Approach) -> PcapngWriter:
    return PcapngWriter(path, comment=f"handshake {__version__} probe of {approach.server}")


def _watched(frames: Iterator[Frame], approach: Approach) -> Iterator[Frame]:
    """The same frames; as long as nothing but the SYN has passed, a line on standard error says so."""
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
