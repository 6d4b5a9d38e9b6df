"""The kernel's own view of the server's socket, asked over inet_diag (sock_diag(7)), as `ss` does.

Asked are two sockets, each by its exact address, so that the kernel looks them up in its hash tables
and walks no list: the connection, which in SYN-RECEIVED is but a request socket, and the listener.
The kernel answers a netlink request while it is sent; the answers wait in the socket's queue until
the handshake is over. So one `ask` costs two system calls of a few microseconds.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import NamedTuple, Self

from handshake.model.address import Endpoint
from handshake.model.kernel import KernelView
from handshake.model.packet import Frame, Segment
from handshake.wire.decode import decode

STATES = {
    1: "ESTAB", 2: "SYN-SENT", 3: "SYN-RECV", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT", 7: "CLOSE",
    8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING", 12: "SYN-RECV",
}  # fmt: skip
"""Linux's state numbers (net/tcp_states.h) with the names that `ss` gives them."""

_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY = 4, 20
_NLM_F_REQUEST, _NLMSG_ERROR = 1, 2
_LISTEN = 10
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_REQUEST = struct.Struct("=BBBxI")  # struct inet_diag_req_v2 without its id
_ID = struct.Struct("!HH16s16s")  # struct inet_diag_sockid without interface and cookie
_ANY_INTERFACE_NO_COOKIE = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
_ANSWER = struct.Struct("=BBBB48xIII")  # struct inet_diag_msg up to the queues
_LOOPBACK = Endpoint(bytes((127, 0, 0, 1)), 0)
_BUFFER = 8192
_MOST_ASKED = 64
"""Answers beyond this would overflow the socket's queue."""


class _Socket(NamedTuple):
    """State number and queues of one socket; of a listener these are the accept queue and its limit."""

    state: int
    rqueue: int
    wqueue: int


class KernelWatch:
    """Asks the kernel of the namespace it was made in; one without inet_diag has nothing to say. Needs no privilege.

    Close it, or use it as a context manager.
    """

    def __init__(self, server: Endpoint) -> None:
        self._server = server
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
        self._socket.setblocking(False)
        self._client: Endpoint | None = None
        self._requests: tuple[bytes, ...] = ()
        self._asked = 0
        self._frames: list[int] = []
        self._answers = self._try()

    def follow(self, client: Endpoint) -> None:
        """Prepare the questions about the connection with this client; ask once in vain, so that the rest is fast."""
        self._client = client
        nobody = Endpoint(bytes(len(client.address)), 0)
        if not self._answers:
            return
        self._requests = (_request(self._server, client), _request(self._server, nobody))
        self.ask()
        self._take()

    def ask(self) -> None:
        """Have the kernel note how things stand now."""
        if self._requests and self._asked < _MOST_ASKED:
            self._asked += 1
            for request in self._requests:
                self._socket.send(request)

    def see(self, frame: Frame) -> None:
        """Take note of a captured frame: which one carried the segment that was asked after."""
        packet = decode(frame).transport
        if isinstance(packet, Segment) and packet.src == self._client:
            self._frames.append(frame.number)

    def views(self) -> tuple[KernelView, ...]:
        """What was noted so far, one for each of the client's frames, in their order."""
        return tuple(_view(frame, *pair) for frame, pair in zip(self._frames, self._take(), strict=False))

    def now(self, client: Endpoint) -> KernelView | None:
        """How things stand at this moment; None from a kernel without inet_diag."""
        self.follow(client)
        self.ask()
        taken = self._take()
        return _view(0, *taken[0]) if taken else None

    def _try(self) -> bool:
        """Whether a socket that is surely there is known; without inet_diag the kernel knows none (sock_diag(7))."""
        try:
            with socket.create_server((_LOOPBACK.host, 0)) as known:
                port = known.getsockname()[1]
                self._socket.send(_request(_LOOPBACK._replace(port=port), Endpoint(bytes(4), 0)))
                return self._answer() is not None
        except OSError:  # no loopback, or refused as in some sandboxes
            return False

    def _take(self) -> list[tuple[_Socket | None, _Socket | None]]:
        """The answers that wait in the queue: connection and listener, once for each `ask`."""
        asked, self._asked = self._asked, 0
        return [(self._answer(), self._answer()) for _ in range(asked)]

    def _answer(self) -> _Socket | None:
        """The next socket told of, None when there was none."""
        data = self._socket.recv(_BUFFER)
        _, kind, _, _, _ = _HEADER.unpack_from(data)
        if kind == _NLMSG_ERROR:
            (number,) = struct.unpack_from("=i", data, _HEADER.size)
            if -number != errno.ENOENT:
                raise OSError(-number, "inet_diag")
            return None
        _, state, _, _, _, rqueue, wqueue = _ANSWER.unpack_from(data, _HEADER.size)
        return _Socket(state, rqueue, wqueue)

    def close(self) -> None:
        """Close the netlink socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def look(server: Endpoint, client: Endpoint) -> KernelView | None:
    """How the server's sockets stand now, in the namespace of the caller; None without inet_diag.

    Asked the other way round (client, server), it tells the state of the client's socket.
    """
    with KernelWatch(server) as watch:
        return watch.now(client)


def _request(server: Endpoint, client: Endpoint) -> bytes:
    """The question after the server's socket towards `client`; an unspecified client means the listener."""
    family = socket.AF_INET6 if len(server.address) == 16 else socket.AF_INET
    sockid = _ID.pack(server.port, client.port, server.address, client.address) + _ANY_INTERFACE_NO_COOKIE
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF) + sockid
    return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0) + body


def _view(frame: int, connection: _Socket | None, listener: _Socket | None) -> KernelView:
    """Asked for a connection that it does not know, the kernel tells of the listener instead."""
    state = connection.state if connection and connection.state != _LISTEN else None
    if listener is None or listener.state != _LISTEN:
        return KernelView(frame, STATES.get(state or 0), None, None)
    return KernelView(frame, STATES.get(state or 0), listener.rqueue, listener.wqueue)
