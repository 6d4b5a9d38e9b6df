"""`handshake probe` with -c, or with several targets: one line a probe or one row a target, then what it amounts to."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import cycle, islice
from pathlib import Path

from handshake.cli.output import say, write_report
from handshake.cli.probing import INTERRUPTED
from handshake.errors import ProbeError, TargetError
from handshake.model.address import Scope, format_address
from handshake.model.record import dataclass
from handshake.model.report import Approach, Probed
from handshake.probe.approach import prepare_ports
from handshake.probe.behaviour import Behaviour
from handshake.probe.run import sigterm_interrupts
from handshake.render import Format
from handshake.render.page import Page
from handshake.render.series import (
    Row,
    Totals,
    handshakes_of,
    probe_line,
    probed_to_dict,
    row_of,
    totals_to_dict,
    write_rows,
    write_totals,
)
from handshake.render.terminal import Terminal, terminal_of
from handshake.render.units import count, duration
from handshake.series import Series
from handshake.source.writer import PcapngWriter
from handshake.version import __version__

RATE, LOOPBACK_RATE = 50.0, 500.0
"""Probes a second when nothing is said: polite to a network, quick where there is none."""

_PROGRESS_S = 0.2


@dataclass(frozen=True, slots=True)
class Pace:
    """How many probes of one target, and how fast."""

    count: int | None = None
    """Probes of the one target, 0 without end; None for one probe of each of many."""
    interval_s: float = 1.0
    """Between two probes of the one target."""
    rate: float | None = None
    """Most probes a second of many targets; None for what is polite."""


def prepare_targets(texts: Sequence[str], *, family: int | None, allow_public: bool) -> list[Approach]:
    """Get ready for each target with all its ports; those that make no sense are told one by one, then TargetError."""
    approaches: list[Approach] = []
    bad = 0
    for text in texts:
        try:
            approaches += prepare_ports(text, family=family, allow_public=allow_public)
        except (TargetError, ProbeError) as error:
            if len(texts) == 1:
                raise
            say(str(error))
            bad += 1
    if bad:
        raise TargetError(f"{bad} of {count(len(texts), 'target')} cannot be probed; nothing was sent")
    return list({approach.server: approach for approach in approaches}.values())


def run_series(
    approaches: Sequence[Approach],
    pace: Pace,
    form: Format | None,
    *,
    retries: int = 2,
    timeout_s: float = 5.0,
    behaviour: Behaviour = Behaviour(),  # noqa: B008 - frozen
    record: Path | None = None,
    verbosity: int = 0,
) -> int:
    """Probe, show, and give the exit status; Ctrl-C ends the probes and shows what there is. Raises HandshakeError."""
    terminal = terminal_of(sys.stdout, verbosity=verbosity)
    show = _show(approaches, pace, form, terminal)
    interrupted = False
    with ExitStack() as stack:
        writer = stack.enter_context(_recording(record, approaches)) if record else None
        stack.enter_context(sigterm_interrupts())
        series = Series(
            _planned(approaches, pace),
            {approach.route.interface for approach in approaches},
            gap_s=_gap_s(approaches, pace),
            retries=retries,
            timeout_s=timeout_s,
            behaviour=behaviour,
            on_frame=writer.write if writer else None,
        )
        show.begin()
        try:
            with closing(series.run()) as probes:
                for probed in probes:
                    show.totals.add(probed)
                    show.each(probed)
        except KeyboardInterrupt:
            interrupted = True
        except ProbeError:  # the interface is gone: what there is, then why there is no more
            if show.totals.probes:
                show.end(series)
            raise
        show.end(series)
    if interrupted and not (pace.count is not None and show.totals.opened):
        return INTERRUPTED
    wanted = show.totals.opened if pace.count is not None else show.totals.opened == len(approaches)
    return int(not wanted)


def _planned(approaches: Sequence[Approach], pace: Pace) -> Iterator[Approach]:
    return iter(approaches) if pace.count is None else islice(cycle(approaches), pace.count or None)


def _gap_s(approaches: Sequence[Approach], pace: Pace) -> float:
    if pace.count is not None:
        return pace.interval_s
    local = all(approach.server.scope is Scope.LOOPBACK for approach in approaches)
    return 1 / (pace.rate or (LOOPBACK_RATE if local else RATE))


def _recording(path: Path, approaches: Sequence[Approach]) -> PcapngWriter:
    what = str(approaches[0].server) if len(approaches) == 1 else count(len(approaches), "target")
    return PcapngWriter(path, comment=f"handshake {__version__} probes of {what}")


class _Show:
    """One way of showing a series: something before, with each probe, and at the end."""

    def __init__(self, approaches: Sequence[Approach], pace: Pace, terminal: Terminal) -> None:
        self.approaches = approaches
        self.pace = pace
        self.page = Page(sys.stdout, terminal)
        self.totals = Totals()

    def begin(self) -> None:
        """Before the first packet."""

    def each(self, probed: Probed) -> None:
        """One probe has ended."""

    def end(self, series: Series) -> None:
        """No more will come."""


class _Lines(_Show):
    """Like ping."""

    def begin(self) -> None:
        self._started = time.monotonic_ns()
        if self.page.terminal.verbosity >= 0:
            (approach,) = self.approaches
            number = count(self.pace.count, "probe") if self.pace.count else "until Ctrl-C"
            gap = f", one every {self.pace.interval_s:g} s" if self.pace.interval_s else ", as fast as they go"
            pace = "" if self.pace.count == 1 else gap
            self.page.paragraph(f"probing {_title(approach)} from {_source(approach)}: {number}{pace}")
            self.page.out.flush()

    def each(self, probed: Probed) -> None:
        if self.page.terminal.verbosity >= 0:
            self.page.line(*probe_line(probed))
            self.page.out.flush()

    def end(self, series: Series) -> None:
        took = duration(time.monotonic_ns() - self._started)
        if self.page.terminal.verbosity >= 0:
            self.page.line()
        self.page.paragraph((f"{self.approaches[0].server}: {count(self.totals.probes, 'probe')} in {took}", "bold"))
        write_totals(self.page, self.totals, series.drops)
        self.page.out.flush()


class _Table(_Show):
    """One row a target at the end; until then progress on standard error."""

    def begin(self) -> None:
        self._rows: list[tuple[int, Row]] = []
        self._shown_at = time.monotonic()
        self._progress = sys.stderr.isatty() and self.page.terminal.verbosity >= 0

    def each(self, probed: Probed) -> None:
        self._rows.append((probed.number, row_of(probed)))
        if self._progress and time.monotonic() - self._shown_at > _PROGRESS_S:
            self._shown_at = time.monotonic()
            ended = f"{self.totals.probes:,} of {len(self.approaches):,} targets, {self.totals.opened:,} open"
            sys.stderr.write(f"\r{ended} (Ctrl-C ends it) ")
            sys.stderr.flush()

    def end(self, series: Series) -> None:
        if self._progress:
            sys.stderr.write("\r" + " " * 60 + "\r")
            sys.stderr.flush()
        rows = [row for _, row in sorted(self._rows, key=lambda numbered: numbered[0])]
        if rows:
            write_rows(self.page, rows)
        if self.page.terminal.verbosity >= 0:
            self.page.line()
            left = len(self.approaches) - self.totals.probes
            missing = f", {left:,} not" if left else ""
            self.page.paragraph((f"{count(self.totals.probes, 'target')} probed{missing}", "bold"))
            write_totals(self.page, self.totals, series.drops)
        self.page.out.flush()


class _JsonLines(_Show):
    """One document a line, each as its probe ends."""

    def each(self, probed: Probed) -> None:
        self._write(probed_to_dict(probed))

    def end(self, series: Series) -> None:
        self._write(totals_to_dict(self.totals, series.drops))

    def _write(self, document: dict[str, object]) -> None:
        self.page.out.write(json.dumps(document, separators=(",", ":")) + "\n")
        self.page.out.flush()


class _Report(_Show):
    """Any of the report's formats, at the end."""

    def __init__(self, approaches: Sequence[Approach], pace: Pace, terminal: Terminal, form: Format) -> None:
        super().__init__(approaches, pace, terminal)
        self._form = form
        self._probes: list[Probed] = []

    def each(self, probed: Probed) -> None:
        self._probes.append(probed)
        if probed.error:
            say(probed.error)

    def end(self, series: Series) -> None:
        write_report(series.report(handshakes_of(self._probes)), self._form, verbosity=self.page.terminal.verbosity)


def _show(approaches: Sequence[Approach], pace: Pace, form: Format | None, terminal: Terminal) -> _Show:
    if form is Format.JSONL:
        return _JsonLines(approaches, pace, terminal)
    if form is not None:
        return _Report(approaches, pace, terminal, form)
    return (_Table if pace.count is None else _Lines)(approaches, pace, terminal)


def _title(approach: Approach) -> str:
    service = approach.target.service
    name = f"{approach.target.host} " if approach.target.host != approach.server.host else ""
    return f"{name}{approach.server}" + (f" ({service})" if service else "")


def _source(approach: Approach) -> str:
    return f"{format_address(approach.route.source)} on {approach.route.interface}"
