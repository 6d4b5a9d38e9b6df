"""Listening sockets that tell what happens at them: what waits in the accept queue, and who is accepted when."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler

from handshake.errors import HandshakeError
from handshake.model.record import dataclass
from handshake.probe.tcp_info import tcp_info

_BEAT_S = 0.02


@dataclass(frozen=True, slots=True)
class Accepted:
    """accept() returned a connection."""

    service: str
    client: tuple[str, int]
    thread: str
    waited_ms: int
    """How long ago the kernel heard the client last: at least so long the connection waited."""
    queue: int
    """Connections that wait still."""


@dataclass(frozen=True, slots=True)
class Queued:
    """The accept queue of a listening socket has another length."""

    service: str
    length: int
    backlog: int
    """As given to listen(); Linux holds one connection more."""

    @property
    def full(self) -> bool:
        """Whether the kernel takes no further connection (Linux: more than the backlog)."""
        return self.length > self.backlog


@dataclass(frozen=True, slots=True)
class Served:
    """A connection was closed by us or its client, after so long, ns."""

    service: str
    client: tuple[str, int]
    thread: str
    took_ns: int


Event = Accepted | Queued | Served
Tell = Callable[[Event], None]


class Listener(socket.socket):
    """A listening TCP socket that tells of each accept(), before which it may wait.

    Its backlog is its own: servers that call listen() again do not change it.
    """

    def __init__(
        self, service: str, address: tuple[str, int], tell: Tell, *, backlog: int = 5, delay_s: float = 0.0
    ) -> None:
        """Listen at an IPv4 address; the handshake is the kernel's from now on. Raises HandshakeError."""
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self.service = service
        self._tell, self._backlog, self._delay_s = tell, backlog, delay_s
        self.halted = threading.Event()
        """Set it to have done with waiting."""
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.bind(address)
            self.listen()
        except OSError as error:
            self.close()
            raise HandshakeError(f"{service}: cannot listen on {address[0]}:{address[1]}: {error.strerror}") from None
        self.setblocking(False)

    def listen(self, _backlog: int = 0, /) -> None:
        """Listen with the socket's own backlog."""
        super().listen(self._backlog)

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        """The next connection, after the delay. Raises BlockingIOError if another thread was faster, or at the end."""
        if self._delay_s and self.halted.wait(self._delay_s):
            raise BlockingIOError
        sock, client = super().accept()
        with suppress(OSError):  # the client may have gone already
            waited_ms, queue = tcp_info(sock).last_ack_recv, tcp_info(self).unacked
            self._tell(Accepted(self.service, client, threading.current_thread().name, waited_ms, queue))
        return sock, client


@contextmanager
def serving(listener: Listener, handler: type[BaseRequestHandler], tell: Tell, *, threads: int = 4) -> Iterator[None]:
    """Some threads accept from one socket, each serving one connection at a time, until the block ends."""
    reader, writer = socket.socketpair()
    open_now: set[socket.socket] = set()

    def work() -> None:
        while reader not in (ready := select.select([listener, reader], [], [])[0]):
            with suppress(BlockingIOError, ConnectionError):
                if ready:
                    sock, client = listener.accept()
                    _serve(sock, client)

    def _serve(sock: socket.socket, client: tuple[str, int]) -> None:
        started_ns = time.monotonic_ns()
        open_now.add(sock)
        with sock, suppress(OSError):
            sock.setblocking(True)
            handler(sock, client, None)  # type: ignore[arg-type]  # they ask nothing of their server
        open_now.discard(sock)
        took_ns = time.monotonic_ns() - started_ns
        tell(Served(listener.service, client, threading.current_thread().name, took_ns))

    workers = [threading.Thread(target=work, name=f"thread {n}", daemon=True) for n in range(1, threads + 1)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        writer.close()
        for sock in tuple(open_now):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for worker in workers:
            worker.join(1)
        reader.close()


def queues(listeners: list[Listener], before: dict[str, int]) -> Iterator[Queued]:
    """The accept queues that are not as `before`, which is kept up to date."""
    for listener in listeners:
        info = tcp_info(listener)
        if info.unacked != before.get(listener.service, 0):
            before[listener.service] = info.unacked
            yield Queued(listener.service, info.unacked, info.sacked)


def overflows() -> int:
    """How often this host's kernel had no room in an accept queue (TcpExtListenOverflows, `nstat`)."""
    names, values = (line.split() for line in Path("/proc/net/netstat").read_text().splitlines()[:2])
    return int(dict(zip(names, values, strict=True)).get("ListenOverflows", 0))
