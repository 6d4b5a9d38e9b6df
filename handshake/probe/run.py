"""One probe: a held port, a raw socket, and the client between a capture and the wire."""

from __future__ import annotations

import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol, Self

from handshake.errors import ProbeError, TargetError
from handshake.model.address import Endpoint, Scope
from handshake.model.packet import Frame, IcmpError, Segment
from handshake.model.report import Approach
from handshake.probe.client import SECOND_NS, Client
from handshake.probe.craft import Crafter, Outgoing, mss_for
from handshake.probe.hold import PortHold
from handshake.wire.bpf import Instruction, tcp_port_filter
from handshake.wire.decode import decode

_OWN_COPY_S = 0.05
"""How long a sent segment may take to show up in the capture."""


class Capture(Protocol):
    """A started capture on the interface of the route: `handshake.source.live.Sniffer` is one."""

    def read(self, timeout_s: float | None = None) -> Frame | None:
        """The next frame, None when none came within `timeout_s` seconds."""


class Probe:
    """A connection about to be opened: use it as a context manager, and `run` it on a started capture.

        with Probe(approach) as probe, Sniffer(approach.route.interface, program=probe.program) as sniffer:
            for frame in probe.run(sniffer): ...

    Leaving the block ends an unfinished connection with RST and frees the port.
    """

    endpoint: Endpoint
    """Our end of the connection."""
    program: tuple[Instruction, ...]
    """BPF filter for the capture: segments of our port and ICMP errors."""
    on_sent: Callable[[], None] | None = None
    """Called after each segment that was sent; must not take time (`handshake.probe.kernel`)."""

    def __init__(
        self,
        approach: Approach,
        *,
        source_port: int = 0,
        retries: int = 2,
        timeout_s: float = 5.0,
        close_wait_s: float = 1.0,
    ) -> None:
        """Hold the source port (0: any free one) and open the raw socket; nothing is sent yet.

        The SYN is repeated up to `retries` times within `timeout_s`; after its FIN the server has
        `close_wait_s` to send its own. Raises PrivilegeError, ProbeError or TargetError.
        """
        route, self._server = approach.route, approach.server
        self._interface = route.interface
        link_local = len(route.source) == 16 and self._server.scope is Scope.LINK_LOCAL
        scope_id = socket.if_nametoindex(route.interface) if link_local else 0
        self._hold = _hold(Endpoint(route.source, source_port), self._server, scope_id)
        try:
            self.endpoint = self._hold.endpoint
            self._crafter = Crafter(self.endpoint, self._server, scope_id=scope_id)
        except BaseException:
            self._hold.close()
            raise
        self.program = tcp_port_filter(self.endpoint.port)
        self._client = Client(
            self.endpoint,
            self._server,
            mss=mss_for(route.mtu, self._server.address),
            iss=secrets.randbits(32),
            clock_offset_ms=secrets.randbits(32),
            retries=retries,
            timeout_ns=int(timeout_s * SECOND_NS),
            close_wait_ns=int(close_wait_s * SECOND_NS),
        )
        self._sent = self._seen = 0

    def run(self, capture: Capture) -> Iterator[Frame]:
        """Open the connection, close it, and yield every captured frame, each after it was answered.

        Raises ProbeError when the kernel refuses to send, or never put the SYN on the wire.
        """
        self._send(self._client.open(time.monotonic_ns()))
        while not self._client.done:
            wait_ns = self._client.wake_ns - time.monotonic_ns()
            frame = capture.read(max(0, wait_ns) / SECOND_NS)
            if frame is not None:
                self._react(frame)
            self._send(self._client.tick(time.monotonic_ns()))
            if frame is not None:
                yield frame
        yield from self._own_copies(capture)
        if not self._seen:
            raise ProbeError(
                f"the SYN to {self._server} did not leave {self._interface}: no host there answers for the address "
                "(ARP or neighbour discovery), or a firewall on this machine dropped it"
            )

    def close(self) -> None:
        """End what is unfinished with RST, then free the port; after that the kernel answers late segments."""
        with suppress(ProbeError):  # the network is gone, there is nobody to tell
            self._send(self._client.abort(time.monotonic_ns()))
        self._crafter.close()
        self._hold.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _react(self, frame: Frame) -> None:
        packet = decode(frame).transport
        if isinstance(packet, Segment | IcmpError):
            self._send(self._client.receive(packet, time.monotonic_ns()))
            self._seen += isinstance(packet, Segment) and (packet.src, packet.dst) == (self.endpoint, self._server)

    def _send(self, segments: Iterable[Outgoing]) -> None:
        for segment in segments:
            self._crafter.send(segment)
            self._sent += 1
            if self.on_sent:
                self.on_sent()

    def _own_copies(self, capture: Capture) -> Iterator[Frame]:
        """Wait until the capture has shown the last segments that we sent."""
        deadline = time.monotonic() + _OWN_COPY_S
        while self._seen < self._sent and (frame := capture.read(max(0.0, deadline - time.monotonic()))):
            self._react(frame)
            yield frame


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
