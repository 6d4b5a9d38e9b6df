"""One loop drives the clients of many connections between the captures and one sender."""

from __future__ import annotations

import resource
import secrets
import select
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, Self

from handshake.errors import ProbeError
from handshake.model.address import Endpoint
from handshake.model.packet import Frame, IcmpError, Segment
from handshake.probe.attempt import Attempt
from handshake.probe.craft import RawSender
from handshake.probe.stream import SECOND_NS
from handshake.wire.decode import decode

AT_ONCE = 128
"""Connections under way at the same time, each with a held port, that is, an open file."""

_BATCH = 64
_OTHER_FILES = 32
"""Open files that are left to everything else where the process may have few."""
_NEVER = 1 << 63


class Capture(Protocol):
    """A started capture on one interface: `handshake.source.live.Sniffer` is one."""

    def read(self, timeout_s: float | None = None) -> Frame | None:
        """The next frame, None when none came within `timeout_s` seconds."""

    def fileno(self) -> int:
        """What to poll for the next frame."""


Event = tuple[Attempt, Frame | None]
"""A frame of an attempt, after it was answered; None when the attempt is over."""


class Engine:
    """Carries out attempts, many at a time, in one thread; close it, or use it as a context manager.

    Closing ends unfinished connections with RST and frees their ports.
    """

    def __init__(self) -> None:
        self._sender = RawSender()
        self._clock_offset_ms = secrets.randbits(32)  # one clock for all: a port used again has newer timestamps
        self._running: dict[Endpoint, Attempt] = {}
        self._started = 0
        self._wake_ns = _NEVER

    def hold(self, attempt: Attempt) -> None:
        """Take an attempt's source port now. Raises PrivilegeError, ProbeError or TargetError."""
        attempt.hold(self._sender, self._clock_offset_ms)
        self._running[attempt.endpoint] = attempt

    def run(
        self,
        attempts: Iterable[Attempt],
        captures: Mapping[str, Capture],
        *,
        gap_s: float = 0.0,
        at_once: int = AT_ONCE,
    ) -> Iterator[Event]:
        """Carry out the attempts, each on the capture of its interface, `gap_s` or more between their starts.

        Raises PrivilegeError, and ProbeError when a capture ends; what goes wrong with one attempt is its `error`.
        """
        frames = _Frames(captures)
        at_once = max(1, min(at_once, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OTHER_FILES))
        gap_ns = int(gap_s * SECOND_NS)
        due_ns = time.monotonic_ns()
        upcoming = iter(attempts)
        coming = next(upcoming, None)
        while coming is not None or self._running:
            if coming is not None and len(self._running) < at_once and time.monotonic_ns() >= due_ns:
                due_ns = time.monotonic_ns() + gap_ns
                attempt, coming = coming, next(upcoming, None)
                yield from self._start(attempt)
            room = coming is not None and len(self._running) < at_once
            until_ns = min(self._wake_ns, due_ns) if room else self._wake_ns
            events: list[Event] = []
            for frame in frames.read(until_ns - time.monotonic_ns()):  # answer them all before anybody looks at them
                events.extend(self._dispatch(frame))
            yield from events
            if time.monotonic_ns() >= self._wake_ns:
                yield from self._tick()

    def close(self) -> None:
        """End everything unfinished with RST, free the ports, close the raw sockets."""
        for attempt in self._running.values():
            attempt.close()
        self._running.clear()
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, attempt: Attempt) -> Iterator[Event]:
        self._started += 1
        attempt.number = self._started
        try:
            if not attempt.held:
                self.hold(attempt)
            attempt.start()
        except ProbeError as error:
            attempt.error = error
        yield from self._conclude(attempt)

    def _dispatch(self, frame: Frame) -> Iterator[Event]:
        """Hand a frame to the attempt whose port it is about; those of nobody are not ours."""
        decoded = decode(frame)
        packet = decoded.transport
        if not isinstance(packet, Segment | IcmpError):
            return
        attempt = self._running.get(packet.src) or self._running.get(packet.dst)
        if attempt is not None:
            attempt.receive(packet, decoded.payload)
            yield attempt, frame
            yield from self._conclude(attempt)

    def _tick(self) -> Iterator[Event]:
        """Let time pass for all that wait for it."""
        now_ns = time.monotonic_ns()
        self._wake_ns = _NEVER
        for attempt in [*self._running.values()]:
            if attempt.wake_ns <= now_ns:
                attempt.tick()
            yield from self._conclude(attempt)

    def _conclude(self, attempt: Attempt) -> Iterator[Event]:
        """End the attempt when it is over; else note when it wants to be woken."""
        if not attempt.over:
            self._wake_ns = min(self._wake_ns, attempt.wake_ns)
            return
        if attempt.held:
            del self._running[attempt.endpoint]
            attempt.finish()
        yield attempt, None


class _Frames:
    """What several captures have to read, in turn."""

    def __init__(self, captures: Mapping[str, Capture]) -> None:
        self._captures = {capture.fileno(): capture for capture in captures.values()}
        self._poll = select.poll()
        for fd in self._captures:
            self._poll.register(fd, select.POLLIN)

    def read(self, timeout_ns: int) -> Iterator[Frame]:
        """What is there, at most `_BATCH` frames of each capture; none when there was none within `timeout_ns`."""
        ready = self._poll.poll(max(0, timeout_ns) / 1_000_000)
        for _ in range(_BATCH):
            for fd, _ in ready:
                frame = self._captures[fd].read(0)
                if frame is not None:
                    yield frame
            if not ready:
                return
            ready = self._poll.poll(0)
