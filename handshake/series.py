"""Many probes, judged: the same target again and again, or many targets; on one sniffer for each interface."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from dataclasses import replace

from handshake.api import Inspection
from handshake.model.handshake import Handshake
from handshake.model.packet import Frame
from handshake.model.report import Approach, Probed, Report, SourceInfo, Tally
from handshake.probe.attempt import Attempt
from handshake.probe.behaviour import Behaviour
from handshake.probe.engine import Engine
from handshake.probe.hold import PortSpan
from handshake.source.live import Sniffer
from handshake.wire.bpf import tcp_port_filter


class Series:
    """Many probes, under way at the same time, on one sniffer for each interface; needs CAP_NET_RAW.

    Sources are the interfaces, frames are numbered in the order in which they were read.
    """

    def __init__(
        self,
        approaches: Iterable[Approach],
        interfaces: Iterable[str],
        *,
        gap_s: float = 0.0,
        retries: int = 2,
        timeout_s: float = 5.0,
        behaviour: Behaviour = Behaviour(),  # noqa: B008 - frozen
        on_frame: Callable[[Frame], None] | None = None,
    ) -> None:
        """Probe the approaches, which may be endless, one every `gap_s` seconds or less often.

        `interfaces` are those of their routes. `retries`, `timeout_s` and `behaviour` are those of each
        probe. `on_frame` gets every frame of the probes.
        """
        self._approaches = approaches
        self._interfaces = dict.fromkeys(interfaces, 0)
        self._gap_s = gap_s
        self._retries = retries
        self._timeout_s = timeout_s
        self._behaviour = behaviour
        self._on_frame = on_frame
        self._tally = Tally()
        self.drops = 0
        """Frames that the kernel's queue had no room for, known at the end."""

    def run(self) -> Generator[Probed, None, None]:
        """Yield what came of each probe as it ends. Leaving the iteration early resets what is open.

        Raises PrivilegeError, and ProbeError when a capture cannot begin or go on.
        """
        ports = PortSpan()
        program = tcp_port_filter(ports.first, ports.last)
        attempts = (
            Attempt(approach, ports=ports, retries=self._retries, timeout_s=self._timeout_s, behaviour=self._behaviour)
            for approach in self._approaches
        )
        with ExitStack() as stack:
            engine = stack.enter_context(Engine())
            sniffers = {name: stack.enter_context(Sniffer(name, program=program)) for name in self._interfaces}
            inspections: dict[Attempt, Inspection] = {}
            try:
                for attempt, frame in engine.run(attempts, sniffers, gap_s=self._gap_s):
                    if frame is None:
                        yield self._judge(attempt, inspections.pop(attempt, None))
                        continue
                    if attempt not in inspections:
                        inspections[attempt] = Inspection(frame.interface)
                    numbered = self._count(frame)
                    inspections[attempt].feed(numbered)
                    if self._on_frame:
                        self._on_frame(numbered)
            finally:
                self.drops = sum(sniffer.drops for sniffer in sniffers.values())

    def _count(self, frame: Frame) -> Frame:
        """The frame with its number in the series."""
        tally = self._tally
        tally.frames += 1
        tally.first_ns = tally.first_ns or frame.time_ns
        tally.last_ns = frame.time_ns
        self._interfaces[frame.interface] += 1
        return replace(frame, number=tally.frames)

    def _judge(self, attempt: Attempt, inspection: Inspection | None) -> Probed:
        """What came of an attempt that is over."""
        handshake = None
        if inspection is not None:
            server = attempt.approach.server
            seen = inspection.finish()
            handshake = next((h for h in seen if server in (h.client.endpoint, h.server.endpoint)), None)
            self._tally.tcp += inspection.tally.tcp
            self._tally.icmp_errors += inspection.tally.icmp_errors
        error = str(attempt.error) if attempt.error else None
        numbered = handshake and replace(handshake, number=attempt.number)
        return Probed(attempt.number, attempt.approach, numbered, error)

    def report(self, handshakes: Iterable[Handshake]) -> Report:
        """The view-model of the probes so far, in the order of their starting."""
        sources = tuple(
            SourceInfo(name, "live", frames, dropped=self.drops) for name, frames in self._interfaces.items()
        )
        ordered = tuple(sorted(handshakes, key=lambda handshake: handshake.number))
        return Report(sources, self._tally, ordered)
