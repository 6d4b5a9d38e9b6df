"""The loop of a watch: frames from the kernel, events to the reader, until Ctrl-C or the time is over."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from handshake.api import Watch
from handshake.cli.output import say
from handshake.errors import ProbeError
from handshake.model.event import EventKind
from handshake.model.report import Report, SourceInfo
from handshake.model.totals import Totals
from handshake.render.units import count
from handshake.render.watching import Lines
from handshake.source.live import Sniffer
from handshake.source.wide import sniffer_on
from handshake.source.writer import PcapngWriter
from handshake.version import __version__
from handshake.wire.bpf import PASS_ALL, Instruction
from handshake.wire.sieve import handshakes

INTERRUPTED = 130

_QUEUE_BYTES = 32 << 20
"""The kernel's queue: room for some 20,000 segments that come at once."""

_BEAT_S = 0.1
"""How often the view is refreshed, the clock told, and an interrupt noticed."""


class Watching:
    """One watch: of some interfaces (of all, without names), for one view, maybe recorded."""

    def __init__(self, interfaces: Sequence[str], conditions: Sequence[Instruction], view: Lines) -> None:
        """`conditions` are programs that TCP segments have to pass besides being of a handshake (`wire.sieve`)."""
        self._interfaces = interfaces
        self._conditions = conditions
        self._view = view
        self._name = ", ".join(interfaces) or "all interfaces"
        self._inspection = Watch(self._name)
        self._totals = Totals()
        self._events = dict.fromkeys(EventKind, 0)
        self._stopped = False

    def run(self, record: Path | None = None, seconds: float | None = None) -> int:
        """Watch until interrupted or `seconds` are over; the exit status.

        Raises HandshakeError when it cannot begin, or the recording cannot be written.
        """
        failure: ProbeError | None = None
        with ExitStack() as stack:
            sniffer = stack.enter_context(sniffer_on(self._interfaces, self._program(), _QUEUE_BYTES))
            comment = (
                f"handshake {__version__} watch of {self._name}: segments without payload, SYN, FIN, RST, ICMP errors"
            )
            writer = stack.enter_context(PcapngWriter(record, comment)) if record else None
            stack.enter_context(self._interruptible())
            stack.enter_context(self._view)
            try:
                self._follow(sniffer, writer, seconds)
            except ProbeError as error:  # the interface went away
                failure = error
            dropped = sniffer.drops
        for handshake in self._inspection.finish():
            self._totals.add(handshake)
        tally = self._inspection.tally
        source = SourceInfo(self._name, "live", tally.frames, dropped=dropped)
        self._view.conclude(Report((source,), tally, (), totals=self._totals))
        if failure:
            say(str(failure))
            return failure.exit_status
        return INTERRUPTED if self._stopped else 0

    def _follow(self, sniffer: Sniffer, writer: PcapngWriter | None, seconds: float | None) -> None:
        started = beat = time.monotonic()
        muted = self._inspection.muted
        self._view.refresh(self._status(sniffer))
        while not self._stopped and (seconds is None or beat - started < seconds):
            frame = sniffer.read(_BEAT_S)
            if frame is not None:
                if writer:
                    writer.write(frame)
                for handshake in self._inspection.feed(frame):
                    self._totals.add(handshake)
                if self._inspection.muted is not muted:
                    muted = self._inspection.muted
                    sniffer.refilter(self._program())
            self._tell(None if frame else time.time_ns())
            if time.monotonic() - beat >= _BEAT_S:
                beat = time.monotonic()
                self._view.refresh(self._status(sniffer))

    def _tell(self, now_ns: int | None) -> None:
        for event in self._inspection.events(now_ns):
            self._events[event.kind] += 1
            self._view.show(event)

    def _program(self) -> tuple[Instruction, ...]:
        return (*handshakes(self._inspection.muted), *self._conditions, *PASS_ALL)

    def _status(self, sniffer: Sniffer) -> str:
        told = [kind for kind, number in self._events.items() if number or kind is not EventKind.LOST]
        happened = " · ".join(f"{self._events[kind]:,} {kind.value}" for kind in told)
        lost = f" · {count(dropped, 'frame')} dropped" if (dropped := sniffer.drops) else ""
        clock = time.strftime("%H:%M:%S")
        return f"{clock} · {self._name} · {happened}{lost} · Ctrl-C ends it"

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM end the watch between two frames; main thread only."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self._stopped = True

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
