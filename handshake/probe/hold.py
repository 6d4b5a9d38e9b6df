"""Hold a TCP port without the kernel speaking for it: no firewall rule, nothing left after `kill -9`.

A segment for a port without a socket makes the kernel answer RST, which would end every crafted
connection. A *listening* socket takes the segment instead, and its filter drops it unanswered. The
filter is in place before the socket is bound, so there is no moment in which the kernel answers.
"""

from __future__ import annotations

import errno
import secrets
import socket
from pathlib import Path
from typing import Self

from handshake.errors import PrivilegeError, ProbeError
from handshake.model.address import Endpoint
from handshake.wire.bpf import DROP_ALL, attach

_LOCAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_SPAN = 1024


class PortInUseError(ProbeError):
    """The wanted source port is taken."""


class PortHold:
    """A held port of one local address, free again at `close()` or when the process ends."""

    endpoint: Endpoint
    """The held address and port."""

    def __init__(self, address: bytes, port: int = 0, *, scope_id: int = 0) -> None:
        """Hold `port` of `address` (4 or 16 bytes); port 0 lets the kernel choose a free one.

        `scope_id` is the interface index, needed for IPv6 link-local addresses.
        Raises PortInUseError, or ProbeError when the address is not of this machine.
        """
        inet6 = len(address) == 16
        wanted = Endpoint(address, port)
        try:
            self._socket = socket.socket(socket.AF_INET6 if inet6 else socket.AF_INET, socket.SOCK_STREAM)
        except OSError as error:
            raise _explain(error, wanted) from None
        try:
            if inet6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            attach(self._socket, DROP_ALL)
            self._socket.bind((wanted.host, port, 0, scope_id) if inet6 else (wanted.host, port))
            self._socket.listen(1)
        except OSError as error:
            self._socket.close()
            raise _explain(error, wanted) from None
        self.endpoint = Endpoint(address, self._socket.getsockname()[1])

    @property
    def port(self) -> int:
        """The held port."""
        return self.endpoint.port

    def close(self) -> None:
        """Let go of the port; from now on the kernel answers again."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PortSpan:
    """Consecutive ports that a series of probes takes its source ports from in turn: one capture filter fits all."""

    first: int
    last: int

    def __init__(self, size: int = _SPAN) -> None:
        """Choose `size` ports somewhere among those the kernel would choose from (RFC 6056 §3.2)."""
        lowest, highest = map(int, _LOCAL_PORTS.read_text().split())
        size = min(size, highest - lowest + 1)
        self.first = lowest + secrets.randbelow(highest - lowest + 2 - size)
        self.last = self.first + size - 1
        self._next = self.first

    def hold(self, address: bytes, avoid: Endpoint, *, scope_id: int = 0) -> PortHold:
        """Hold the next port of `address` that is free and is not `avoid`. Raises ProbeError when none is."""
        refusal: Exception | None = None
        for _ in range(self.first, self.last + 1):
            port = self._next
            self._next = port + 1 if port < self.last else self.first
            if Endpoint(address, port) != avoid:
                try:
                    return PortHold(address, port, scope_id=scope_id)
                except PortInUseError as error:
                    refusal = error
        raise ProbeError(f"no source port from {self.first} to {self.last} is free") from refusal


def _explain(error: OSError, wanted: Endpoint) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return PortInUseError(f"source port {wanted.port} of {wanted.host} is in use; choose another, or none")
    if error.errno == errno.EADDRNOTAVAIL:
        return ProbeError(f"{wanted.host} is not an address of this machine")
    if error.errno == errno.EPERM:  # newer kernels want CAP_NET_ADMIN for a filter on a TCP socket
        return PrivilegeError.to("holding a port", "CAP_NET_RAW and CAP_NET_ADMIN")
    if error.errno == errno.EACCES:
        return PrivilegeError.to(f"source port {wanted.port}", "CAP_NET_BIND_SERVICE")
    return ProbeError(f"cannot hold port {wanted.port} of {wanted.host}: {error.strerror}")
