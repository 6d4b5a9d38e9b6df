"""Reads captures as `handshake.inspect` does, for a person who waits: progress, Ctrl-C, one bad file among many."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from handshake.api import Inspection
from handshake.cli.output import say
from handshake.errors import CaptureError
from handshake.model.handshake import Handshake
from handshake.model.packet import Frame
from handshake.model.report import Report, SourceInfo
from handshake.source.capture import open_capture

_BATCH = 1 << 12
"""Frames between two looks at the clock."""
_PATIENCE_S = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading several captures."""

    report: Report
    unreadable: bool
    """At least one file could not be read at all; that was said on standard error."""
    interrupted: bool

    @property
    def exit_status(self) -> int:
        """130 interrupted, 2 a file could not be read, 1 a capture is damaged, 0 all was read."""
        if self.interrupted:
            return 130
        if self.unreadable:
            return CaptureError.exit_status
        return int(any(source.damage for source in self.report.sources))


def read_captures(paths: Iterable[str], quiet: bool) -> Reading:
    """Read captures one after the other, each judged on its own. Ctrl-C ends the reading, not the program."""
    inspection = Inspection()
    handshakes: list[Handshake] = []
    sources: list[SourceInfo] = []
    unreadable = interrupted = False
    for path in paths:
        try:
            with open_capture(path) as capture:
                inspection.begin(capture.name)
                try:
                    for frame in _shown(capture, quiet or not sys.stderr.isatty()):
                        handshakes.extend(inspection.feed(frame))
                finally:
                    handshakes.extend(inspection.finish())
                    sources.append(capture.info())
        except CaptureError as error:
            say(str(error))
            unreadable = True
        except KeyboardInterrupt:
            say(f"interrupted after {inspection.tally.frames:,} frames")
            interrupted = True
            break
    return Reading(inspection.report(handshakes, sources), unreadable, interrupted)


def _shown(frames: Iterable[Frame], silent: bool) -> Iterator[Frame]:
    """The same frames; while that takes long, their number on standard error."""
    if silent:
        yield from frames
        return
    shown_at = time.monotonic()
    shown = False
    try:
        for number, frame in enumerate(frames):
            if number % _BATCH == 0 and time.monotonic() - shown_at > _PATIENCE_S:
                sys.stderr.write(f"\r{number:,} frames ")
                sys.stderr.flush()
                shown, shown_at = True, time.monotonic()
            yield frame
    finally:
        if shown:
            sys.stderr.write("\r" + " " * 30 + "\r")
