"""Reads captures as `handshake.inspect` does, for a person who waits: progress, Ctrl-C, one bad file among many."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TypeVar

from handshake.api import Inspection, count_in_bulk, counted, list_in_bulk, merged
from handshake.cli.interruption import Interruption
from handshake.cli.output import say
from handshake.errors import CaptureError, ToolError
from handshake.model.handshake import Handshake
from handshake.model.record import dataclass
from handshake.model.report import Report, SourceInfo
from handshake.source.capture import open_capture
from handshake.source.recording import MOST_PARTS, Recording

_BATCH = 1 << 12
"""Frames between two looks at the clock."""
_PATIENCE_S = 0.5
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading several captures."""

    report: Report
    failure: int
    """Exit status of the worst that was said on standard error about a file; 0 when all could be read."""
    interrupted: bool

    @property
    def exit_status(self) -> int:
        """130 interrupted, 69 tshark failed, 2 a file could not be read, 1 a capture is damaged, 0 all was read."""
        if self.interrupted:
            return 130
        if self.failure:
            return self.failure
        return int(any(source.damage for source in self.report.sources))


def read_captures(
    paths: Iterable[str],
    quiet: bool,
    *,
    by_tshark: bool = False,
    as_one: bool = False,
    inspection: Inspection | None = None,
) -> Reading:
    """Read captures one after the other, each judged on its own. Ctrl-C ends the reading, not the program.

    `inspection` is what they are fed to, by default a plain one. With `by_tshark` it is tshark that dissects them;
    raises ToolError when it is missing or too old. `as_one`: they are parts of one recording, which follow each other
    in the order of their first frames; frames and handshakes are numbered through.
    """
    inspection = inspection or Inspection()
    read = _dissected if by_tshark else _continued if as_one else _decoded
    if as_one:
        paths = sorted(paths, key=_begins_ns)
    if by_tshark:
        from handshake.oracle import find_tshark

        find_tshark()
    silent = quiet or not sys.stderr.isatty()
    handshakes: list[Handshake] = []
    sources: list[SourceInfo] = []
    failure, interrupted = 0, False
    for path in paths:
        try:
            read(path, inspection, handshakes, sources, silent)
        except (CaptureError, ToolError) as error:
            say(str(error))
            failure = max(failure, error.exit_status)
        except KeyboardInterrupt:
            say(f"interrupted after {inspection.tally.frames:,} frames")
            interrupted = True
            break
    handshakes.extend(inspection.finish())
    return Reading(inspection.report(handshakes, sources), failure, interrupted)


InBulk = Callable[..., Report | None]
"""`count_in_bulk` or `list_in_bulk`, given what they need beside the recording, `go_on` and `jobs`."""


def summarise_captures(paths: Sequence[str], quiet: bool, *, as_one: bool = False, jobs: int | None = None) -> Reading:
    """Read captures as `read_captures` does, for a report of counts alone: large ones in bulk, in bounded memory.

    `jobs` processes share what is in bulk, by default as many as there are cores to run them.
    """
    in_bulk = partial(count_in_bulk, jobs=jobs or _cores())
    parts, failure, interrupted = _read_in_bulk(paths, quiet, in_bulk, counted, as_one=as_one)
    return Reading(merged(parts), failure, interrupted)


def list_captures(
    paths: Sequence[str],
    quiet: bool,
    alike: Callable[[Handshake], tuple[str, ...]],
    *,
    as_one: bool = False,
    jobs: int | None = None,
) -> tuple[list[Report], Reading]:
    """Read captures as `read_captures` does, each for a report of its own: large ones in bulk, for a line a handshake.

    `alike` as `list_in_bulk` takes it. Returns the reports, and what came of all of them, without their handshakes.
    """
    in_bulk = partial(list_in_bulk, alike=alike, jobs=jobs or _cores())
    parts, failure, interrupted = _read_in_bulk(paths, quiet, in_bulk, as_one=as_one)
    return parts, Reading(merged([replace(part, handshakes=()) for part in parts]), failure, interrupted)


def _cores() -> int:
    """Processes that can run at once; more than four would wait for the one that finds the packets."""
    return min(len(os.sched_getaffinity(0)), 4) if sys.platform == "linux" else 1


def _read_in_bulk(
    paths: Sequence[str],
    quiet: bool,
    in_bulk: InBulk,
    otherwise: Callable[[Report], Report] = lambda report: report,
    *,
    as_one: bool = False,
) -> tuple[list[Report], int, bool]:
    """The reports of recordings, made in bulk or frame by frame; exit status of the worst failure; whether by Ctrl-C.

    What is made frame by frame goes through `otherwise`.
    """
    silent = quiet or not sys.stderr.isatty()
    if as_one and len(paths) > MOST_PARTS:
        reading = read_captures(paths, quiet, as_one=True)
        return [otherwise(reading.report)], reading.failure, reading.interrupted
    parts: list[Report] = []
    failure, interrupted = 0, False
    for recording in [sorted(paths, key=_begins_ns)] if as_one else [[path] for path in paths]:
        frames = 0
        try:
            with ExitStack() as stack:
                captures = []
                for path in recording:
                    try:
                        captures.append(stack.enter_context(open_capture(path, again=True)))
                    except CaptureError as error:
                        say(str(error))
                        failure = max(failure, error.exit_status)
                if captures:
                    part, interrupted = _read_one(Recording(captures), silent, in_bulk, otherwise)
                    parts.append(part)
                    frames = part.tally.frames
        except KeyboardInterrupt:
            interrupted = True
        if interrupted:
            say(f"interrupted after {frames:,} frames")
            break
    return parts, failure, interrupted


def _read_one(
    recording: Recording, silent: bool, in_bulk: InBulk, otherwise: Callable[[Report], Report]
) -> tuple[Report, bool]:
    """The report of one recording, as far as it goes or until Ctrl-C, which is told."""
    with Interruption() as interruption:
        part = _shown_in_bulk(recording, interruption, silent, in_bulk)
    if part is not None:
        return part, interruption.came
    inspection, interrupted = Inspection(recording.name), False
    handshakes: list[Handshake] = []
    try:
        for frame in shown(recording, silent):
            handshakes.extend(inspection.feed(frame))
    except KeyboardInterrupt:
        interrupted = True
    handshakes.extend(inspection.finish())
    return otherwise(inspection.report(handshakes, recording.info())), interrupted


def _shown_in_bulk(recording: Recording, interruption: Interruption, silent: bool, in_bulk: InBulk) -> Report | None:
    """What `in_bulk` gives, as far as it goes or until Ctrl-C; how far that is, on standard error."""
    began = shown_at = time.monotonic()
    width = 0

    def go_on(recording: Recording) -> bool:
        nonlocal shown_at, width
        now = time.monotonic()
        if not silent and now - shown_at > _PATIENCE_S:
            took, share = now - began, recording.share
            line = f"{recording.frames:,} frames, {recording.frames / took:,.0f} a second"
            if share:
                line += f", {share:.0%}, {took / share - took:,.0f} s left"
            sys.stderr.write(f"\r{line.ljust(width)}")
            sys.stderr.flush()
            shown_at, width = now, len(line)
        return not interruption.came

    try:
        return in_bulk(recording, go_on=go_on)
    finally:
        if width:
            sys.stderr.write("\r" + " " * width + "\r")


def _decoded(
    path: str, inspection: Inspection, handshakes: list[Handshake], sources: list[SourceInfo], silent: bool
) -> None:
    """Read one capture, as far as it goes or until Ctrl-C, and say in `sources` how far that was."""
    with open_capture(path) as capture:
        inspection.begin(capture.name)
        try:
            for frame in shown(capture, silent):
                handshakes.extend(inspection.feed(frame))
        finally:
            handshakes.extend(inspection.finish())
            sources.append(capture.info())


def _continued(
    path: str, inspection: Inspection, handshakes: list[Handshake], sources: list[SourceInfo], silent: bool
) -> None:
    """Read one part of a recording, of which the inspection may know the parts before."""
    with open_capture(path) as capture:
        if not sources:
            inspection.begin(capture.name)
        try:
            for frame in shown(capture, silent):
                handshakes.extend(inspection.feed(replace(frame, number=inspection.tally.frames + 1)))
        finally:
            sources.append(capture.info())


def _begins_ns(path: str) -> float:
    """Time of a capture's first frame; what has none, or cannot be read, comes last."""
    try:
        with open_capture(path) as capture:
            return next((frame.time_ns for frame in capture), math.inf)
    except CaptureError:
        return math.inf


def _dissected(
    path: str, inspection: Inspection, handshakes: list[Handshake], sources: list[SourceInfo], silent: bool
) -> None:
    """The same, dissected by tshark, which also reads formats that we do not."""
    from handshake.oracle import Dissection

    with Dissection(path) as dissection:
        inspection.begin(dissection.name)
        try:
            for claim in shown(dissection, silent):
                handshakes.extend(inspection.take(claim.packet))
        finally:
            handshakes.extend(inspection.finish())
            if dissection.frames or dissection.ended:
                info = dissection.info()
                sources.append(replace(info, format=", ".join(filter(None, (_format(path), info.format)))))


def _format(path: str) -> str:
    """What a capture is by its first bytes; empty for what we do not read."""
    try:
        with open_capture(path) as capture:
            return capture.format
    except CaptureError:
        return ""


def shown(frames: Iterable[Item], silent: bool, before: str = "") -> Iterator[Item]:
    """The same frames; while that takes long, their number on standard error, behind what is said `before`."""
    if silent:
        yield from frames
        return
    shown_at = time.monotonic()
    shown = False
    try:
        for number, frame in enumerate(frames):
            if number % _BATCH == 0 and time.monotonic() - shown_at > _PATIENCE_S:
                sys.stderr.write(f"\r{before}{number:,} frames ")
                sys.stderr.flush()
                shown, shown_at = True, time.monotonic()
            yield frame
    finally:
        if shown:
            sys.stderr.write("\r" + " " * (30 + len(before)) + "\r")
