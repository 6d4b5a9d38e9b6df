"""One connection on the wire: a held port, a client that says what to send, and what came of it."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from handshake.errors import ProbeError, TargetError
from handshake.model.address import Endpoint, Scope
from handshake.model.packet import IcmpError, Segment
from handshake.model.report import Approach
from handshake.probe.behaviour import Behaviour
from handshake.probe.client import Client
from handshake.probe.craft import Crafter, Outgoing, RawSender, mss_for
from handshake.probe.hold import PortHold, PortSpan
from handshake.probe.oneshot import OneShot
from handshake.probe.stream import SECOND_NS, Inbound

_OWN_COPY_NS = SECOND_NS // 20
"""How long a sent segment may take to show up in the capture."""


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
        self._crafter.warm(self._behaviour.syn_options(0, 0))
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


def _hold(source: Endpoint, server: Endpoint, scope_id: int) -> PortHold:
    """Hold the source port, never the very port that is to be probed: that would be a self-connect."""
    if source == server:
        raise TargetError(f"source and target are both {server}; choose another source port")
    hold = PortHold(source.address, source.port, scope_id=scope_id)
    if hold.endpoint != server:
        return hold
    with hold:
        return PortHold(source.address, scope_id=scope_id)
