"""A single probe: the engine with one attempt; and what makes a probe stop politely."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

from handshake.model.address import Endpoint
from handshake.model.packet import Frame
from handshake.model.report import Approach
from handshake.probe.attempt import Attempt
from handshake.probe.behaviour import Behaviour
from handshake.probe.engine import Capture, Engine
from handshake.wire.bpf import Instruction, tcp_port_filter


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
