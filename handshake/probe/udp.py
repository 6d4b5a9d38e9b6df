"""One UDP probe: a datagram, sent again until something comes back or the time is up.

An ordinary socket sends, so that the kernel answers for the port; the capture beside it tells the times.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Self

from handshake.errors import ProbeError
from handshake.model.address import Endpoint, Scope
from handshake.model.packet import Datagram, Frame, IcmpError
from handshake.model.report import Approach
from handshake.probe.ask import FIRST_WAIT_S
from handshake.probe.engine import Capture
from handshake.wire.bpf import Instruction, udp_port_filter
from handshake.wire.decode import decode

_LINGER_S = 0.05
"""How long more datagrams are waited for once something came back."""


class UdpProbe:
    """Use it as a context manager, and `run` it on a started capture, as `handshake.probe.run.Probe`."""

    endpoint: Endpoint
    """Our end."""
    program: tuple[Instruction, ...]
    """BPF filter for the capture: datagrams of our port and ICMP errors."""

    def __init__(
        self, approach: Approach, payload: bytes, *, source_port: int = 0, retries: int = 2, timeout_s: float = 5.0
    ) -> None:
        """Take the source port (0: any free one). The datagram is sent up to `retries` times more within `timeout_s`.

        Raises ProbeError when the port cannot be had.
        """
        self._server, self._interface = approach.server, approach.route.interface
        self._payload, self._retries, self._timeout_s = payload, retries, timeout_s
        self.packets: list[Datagram | IcmpError] = []
        """Datagrams and ICMP errors of this exchange so far."""
        self.reply: bytes | None = None
        """Payload of the first reply."""
        source = approach.route.source
        inet6 = len(source) == 16
        scope = socket.if_nametoindex(self._interface) if inet6 and self._server.scope is Scope.LINK_LOCAL else 0
        self._socket = socket.socket(socket.AF_INET6 if inet6 else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            wanted = Endpoint(source, source_port)
            self._socket.bind((wanted.host, source_port, 0, scope) if inet6 else (wanted.host, source_port))
            self._socket.connect(
                (self._server.host, self._server.port, 0, scope) if inet6 else (self._server.host, self._server.port)
            )
        except OSError as error:
            self._socket.close()
            raise ProbeError(f"cannot use UDP port {source_port} of {wanted.host}: {error.strerror}") from None
        self.endpoint = Endpoint(source, self._socket.getsockname()[1])
        self.program = udp_port_filter(self.endpoint.port)

    def run(self, capture: Capture) -> Iterator[Frame]:
        """Send, and yield every captured frame of the exchange, until something came back or the time is up.

        Raises ProbeError when the kernel refuses to send, or never put the datagram on the wire.
        """
        give_up = time.monotonic() + self._timeout_s
        for copy in range(self._retries + 1):
            self._send()
            until = min(give_up, time.monotonic() + FIRST_WAIT_S * 2**copy)
            yield from self._listen(capture, until)
            if self._answered or time.monotonic() >= give_up:
                break
        if self._answered:
            yield from self._linger(capture)
        if not self.packets:
            raise ProbeError(
                f"the datagram to {self._server} did not leave {self._interface}: no host there answers for the "
                "address (ARP or neighbour discovery), or a firewall on this machine dropped it"
            )

    def close(self) -> None:
        """Let go of the port."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _answered(self) -> bool:
        return self.reply is not None or any(isinstance(p, IcmpError) and p.undeliverable for p in self.packets)

    def _listen(self, capture: Capture, until: float) -> Iterator[Frame]:
        while not self._answered and (left := until - time.monotonic()) > 0:
            if frame := capture.read(left):
                yield from self._take(frame)

    def _linger(self, capture: Capture) -> Iterator[Frame]:
        until = time.monotonic() + _LINGER_S
        while (left := until - time.monotonic()) > 0:
            if frame := capture.read(left):
                yield from self._take(frame)

    def _take(self, frame: Frame) -> Iterator[Frame]:
        """Note what belongs to the exchange; what does not is no frame of ours."""
        packet = decode(frame)
        transport = packet.transport
        if not isinstance(transport, Datagram | IcmpError):
            return
        if {transport.src, transport.dst} != {self.endpoint, self._server}:
            return
        self.packets.append(transport)
        if isinstance(transport, Datagram) and transport.src == self._server and self.reply is None:
            self.reply = packet.payload
        yield frame

    def _send(self) -> None:
        try:
            with suppress(ConnectionRefusedError):  # the ICMP error to the last copy; the capture has it
                self._socket.send(self._payload)
        except OSError as error:
            raise ProbeError(
                f"cannot send {len(self._payload)} bytes over UDP to {self._server}: {error.strerror}"
            ) from None
