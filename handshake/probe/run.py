"""Probes on the wire: one loop drives the clients of many connections between the captures and one sender.

A single probe is the same loop with one client.
"""

from __future__ import annotations

import resource
import secrets
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol, Self

from handshake.errors import ProbeError, TargetError
from handshake.model.address import Endpoint, Scope
from handshake.model.packet import Frame, IcmpError, Segment
from handshake.model.report import Approach
from handshake.probe.behaviour import Behaviour
from handshake.probe.client import Client
from handshake.probe.craft import Crafter, Outgoing, RawSender, mss_for
from handshake.probe.hold import PortHold, PortSpan
from handshake.probe.oneshot import OneShot
from handshake.probe.stream import SECOND_NS, Inbound
from handshake.wire.bpf import Instruction, tcp_port_filter
from handshake.wire.decode import decode

AT_ONCE = 128
"""Connections under way at the same time, each with a held port, that is, an open file."""

_BATCH = 64
_OTHER_FILES = 32
"""Open files that are left to everything else where the process may have few."""
_OWN_COPY_NS = SECOND_NS // 20
"""How long a sent segment may take to show up in the capture."""
_NEVER = 1 << 63


class Capture(Protocol):
    """A started capture on one interface: `handshake.source.live.Sniffer` is one."""

    def read(self, timeout_s: float | None = None) -> Frame | None:
        """The next frame, None when none came within `timeout_s` seconds."""

    def fileno(self) -> int:
        """What to poll for the next frame."""


class Attempt:
    """One connection to be opened and closed: its source port, its client, and what came of it."""

    number = 0
    """In the order in which an engine started its attempts, from 1."""
    error: ProbeError | None = None
    """Why it could not be carried out; None for every outcome that was seen on the wire."""
    on_sent: Callable[[], None] | None = None
    """Called after each segment that was sent; must not take time (`handshake.probe.kernel`)."""

    def __init__(
        self,
        approach: Approach,
        *,
        ports: PortSpan | None = None,
        source_port: int = 0,
        retries: int = 2,
        timeout_s: float = 5.0,
        close_wait_s: float = 1.0,
        behaviour: Behaviour = Behaviour(),  # noqa: B008 - frozen
    ) -> None:
        """Nothing is held or sent yet. The source port is `source_port` (0: any free one), or one out of `ports`.

        The SYN is repeated up to `retries` times within `timeout_s`; after its FIN the server has
        `close_wait_s` to send its own.
        """
        self.approach = approach
        self._ports = ports
        self._source = Endpoint(approach.route.source, source_port)
        self._retries = retries
        self._timeout_ns = int(timeout_s * SECOND_NS)
        self._close_wait_ns = int(close_wait_s * SECOND_NS)
        self._behaviour = behaviour
        self._hold: PortHold | None = None
        self._sent = self._seen = 0
        self._linger_ns: int | None = None

    def hold(self, sender: RawSender, clock_offset_ms: int) -> None:
        """Take the source port and get ready to send. Raises PrivilegeError, ProbeError or TargetError."""
        route, server = self.approach.route, self.approach.server
        link_local = len(route.source) == 16 and server.scope is Scope.LINK_LOCAL
        scope_id = socket.if_nametoindex(route.interface) if link_local or route.pinned else 0
        sender.open(inet6=len(server.address) == 16)
        self._hold = (
            self._ports.hold(route.source, server, scope_id=scope_id)
            if self._ports
            else _hold(self._source, server, scope_id)
        )
        self._crafter = Crafter(sender, self.endpoint, server, scope_id=scope_id, ttl=self._behaviour.ttl)
        self._client = self._make_client(clock_offset_ms)

    def _make_client(self, clock_offset_ms: int) -> Client | OneShot:
        behaviour, server = self._behaviour, self.approach.server
        iss = secrets.randbits(32) if behaviour.isn is None else behaviour.isn
        if behaviour.flags is not None:
            segment = Outgoing(behaviour.flags, iss, secrets.randbits(32), behaviour.window)
            return OneShot(self.endpoint, server, segment, self._timeout_ns)
        return Client(
            self.endpoint,
            server,
            mss=mss_for(self.approach.route.mtu, server.address),
            iss=iss,
            clock_offset_ms=clock_offset_ms,
            retries=self._retries,
            timeout_ns=self._timeout_ns,
            close_wait_ns=self._close_wait_ns,
            behaviour=behaviour,
        )

    @property
    def cookie(self) -> bytes | None:
        """The Fast Open cookie that the server gave."""
        return self._client.cookie if isinstance(self._client, Client) else None

    @property
    def inbound(self) -> Inbound | None:
        """What the server has sent over the connection; None when there was none."""
        return self._client.inbound if isinstance(self._client, Client) else None

    @property
    def held(self) -> bool:
        """The source port is held."""
        return self._hold is not None

    @property
    def endpoint(self) -> Endpoint:
        """Our end of the connection, once its port is held."""
        assert self._hold is not None
        return self._hold.endpoint

    @property
    def wake_ns(self) -> int:
        """When to call `tick`, on the monotonic clock."""
        return self._client.wake_ns if self._linger_ns is None else self._linger_ns

    @property
    def over(self) -> bool:
        """The connection has ended, and the capture has shown what was sent, or had its time to do so."""
        if self.error is not None:
            return True
        if self._linger_ns is None:
            return False
        return self._seen >= self._sent or time.monotonic_ns() >= self._linger_ns

    def start(self) -> None:
        """Send the SYN."""
        self._send(self._client.open(time.monotonic_ns()))

    def receive(self, packet: Segment | IcmpError, payload: bytes) -> None:
        """Let the client react to a packet of its port, or note that our own has shown up."""
        own = isinstance(packet, Segment) and (packet.src, packet.dst) == (self.endpoint, self.approach.server)
        self._seen += own
        self._send(self._client.receive(packet, time.monotonic_ns(), payload))

    def tick(self) -> None:
        """Let the client react to the passing of time."""
        self._send(self._client.tick(time.monotonic_ns()))

    def close(self) -> None:
        """End what is unfinished with RST, then free the port; after that the kernel answers late segments."""
        if self._hold is None:
            return
        with suppress(ProbeError):  # the network is gone, there is nobody to tell
            for segment in self._client.abort(time.monotonic_ns()):
                self._crafter.send(segment)
        self._hold.close()
        self._hold = None

    def finish(self) -> None:
        """Close what is over; a SYN that was never seen on the wire is an error."""
        self.close()
        if self.error is None and not self._seen:
            self.error = ProbeError(
                f"the SYN to {self.approach.server} did not leave {self.approach.route.interface}: no host there "
                "answers for the address (ARP or neighbour discovery), or a firewall on this machine dropped it"
            )

    def _send(self, segments: Iterable[Outgoing]) -> None:
        try:
            for segment in segments:
                self._crafter.send(segment)
                self._sent += 1
                if self.on_sent:
                    self.on_sent()
        except ProbeError as error:
            self.error = error
        if self._client.done and self._linger_ns is None:
            self._linger_ns = time.monotonic_ns() + _OWN_COPY_NS


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


class Probe:
    """A connection about to be opened: use it as a context manager, and `run` it on a started capture.

        with Probe(approach) as probe, Sniffer(approach.route.interface, program=probe.program) as sniffer:
            for frame in probe.run(sniffer): ...

    Leaving the block ends an unfinished connection with RST and frees the port.
    """

    attempt: Attempt
    endpoint: Endpoint
    """Our end of the connection."""
    program: tuple[Instruction, ...]
    """BPF filter for the capture: segments of our port and ICMP errors."""

    def __init__(
        self,
        approach: Approach,
        *,
        source_port: int = 0,
        retries: int = 2,
        timeout_s: float = 5.0,
        close_wait_s: float = 1.0,
        behaviour: Behaviour = Behaviour(),  # noqa: B008 - frozen
    ) -> None:
        """Hold the source port (0: any free one) and open the raw socket; nothing is sent yet.

        The SYN is repeated up to `retries` times within `timeout_s`; after its FIN the server has
        `close_wait_s` to send its own. Raises PrivilegeError, ProbeError or TargetError.
        """
        self.attempt = Attempt(
            approach,
            source_port=source_port,
            retries=retries,
            timeout_s=timeout_s,
            close_wait_s=close_wait_s,
            behaviour=behaviour,
        )
        self._engine = Engine()
        try:
            self._engine.hold(self.attempt)
        except BaseException:
            self._engine.close()
            raise
        self.endpoint = self.attempt.endpoint
        self.program = tcp_port_filter(self.endpoint.port)

    def run(self, capture: Capture) -> Iterator[Frame]:
        """Open the connection, close it, and yield every captured frame of it, each after it was answered.

        Raises ProbeError when the kernel refuses to send, or never put the SYN on the wire.
        """
        interface = self.attempt.approach.route.interface
        for attempt, frame in self._engine.run([self.attempt], {interface: capture}):
            if frame is not None:
                yield frame
            elif attempt.error is not None:
                raise attempt.error

    def close(self) -> None:
        """End what is unfinished with RST, then free the port; after that the kernel answers late segments."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Within the block SIGTERM raises KeyboardInterrupt as Ctrl-C does, so that a probe cleans up; main thread only."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _hold(source: Endpoint, server: Endpoint, scope_id: int) -> PortHold:
    """Hold the source port, never the very port that is to be probed: that would be a self-connect."""
    if source == server:
        raise TargetError(f"source and target are both {server}; choose another source port")
    hold = PortHold(source.address, source.port, scope_id=scope_id)
    if hold.endpoint != server:
        return hold
    with hold:
        return PortHold(source.address, scope_id=scope_id)
