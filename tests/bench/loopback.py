"""What the benches on loopback share: a private network with a small server in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

PORT = 8000


@contextmanager
def server(address: str) -> Iterator[None]:
    """A real server that accepts, reads to the end and closes, until the block ends. Call it in a private network."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, PORT), family=family, backlog=4096) as listener:
        child = os.fork()
        if child == 0:
            _serve(listener)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _serve(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            try:
                while connection.recv(4096):
                    pass
            except ConnectionResetError:  # a peer that leaves with RST
                pass
