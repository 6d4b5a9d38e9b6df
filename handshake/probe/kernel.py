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
from typing import Self

from handshake.model.address import Endpoint
from handshake.model.kernel import KernelView

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
_BUFFER = 8192
_MOST_ASKED = 64
"""Answers beyond this would overflow the socket's queue."""


class KernelWatch:
    """Asks the kernel of the namespace it was made in. Needs no privilege. Close it, or use it as a context manager."""

    def __init__(self, server: Endpoint) -> None:
        self._server = server
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
        self._socket.setblocking(False)
        self._requests: tuple[bytes, ...] = ()
        self._asked = 0

    def follow(self, client: Endpoint) -> None:
        """Prepare the questions about the connection with this client."""
        nobody = Endpoint(bytes(len(client.address)), 0)
        self._requests = (_request(self._server, client), _request(self._server, nobody))

    def ask(self) -> None:
        """Have the kernel note how things stand now."""
        if self._asked < _MOST_ASKED:
            self._asked += 1
            for request in self._requests:
                self._socket.send(request)

    def views(self, frames: list[int]) -> tuple[KernelView, ...]:
        """What was noted, for the frames (numbers, in the order sent) that carried the segments asked after."""
        noted = [(self._answer(), self._answer()) for _ in range(self._asked)]
        self._asked = 0
        return tuple(_view(frame, *pair) for frame, pair in zip(frames, noted, strict=False))

    def _answer(self) -> tuple[int, int, int] | None:
        """State number, receive queue and send queue of one socket, None when there is none."""
        data = self._socket.recv(_BUFFER)
        _, kind, _, _, _ = _HEADER.unpack_from(data)
        if kind == _NLMSG_ERROR:
            (number,) = struct.unpack_from("=i", data, _HEADER.size)
            if -number != errno.ENOENT:
                raise OSError(-number, "inet_diag")
            return None
        _, state, _, _, _, rqueue, wqueue = _ANSWER.unpack_from(data, _HEADER.size)
        return state, rqueue, wqueue

    def close(self) -> None:
        """Close the netlink socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _request(server: Endpoint, client: Endpoint) -> bytes:
    """The question after the server's socket towards `client`; an unspecified client means the listener."""
    family = socket.AF_INET6 if len(server.address) == 16 else socket.AF_INET
    sockid = _ID.pack(server.port, client.port, server.address, client.address) + _ANY_INTERFACE_NO_COOKIE
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF) + sockid
    return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0) + body


def _view(frame: int, connection: tuple[int, int, int] | None, listener: tuple[int, int, int] | None) -> KernelView:
    """A connection that the kernel does not know is answered with the listener's socket."""
    own = connection is not None and connection[0] != _LISTEN
    state = STATES.get(connection[0]) if own and connection else None
    listening = listener is not None and listener[0] == _LISTEN
    return KernelView(frame, state, *(listener[1:] if listening and listener else (None, None)))
