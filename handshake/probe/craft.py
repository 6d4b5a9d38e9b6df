"""Segments crafted with scapy and sent at network level, so that the kernel picks route and link header."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from typing import Any, Self

from handshake.errors import PrivilegeError, ProbeError
from handshake.model.address import Endpoint
from handshake.model.options import EOL, MSS, NO_OPTIONS, NOP, SACK_PERMITTED, TIMESTAMPS, WSCALE, Option, Options

WINDOW = 64240
"""Receive window of the crafted client, bytes; what Linux opens with."""
WINDOW_SHIFT = 7
TTL = 64

_IP_HEADER = {4: 20, 16: 40}
_LARGEST_PACKET = {4: 65535, 16: 65535 + 40}
_TCP_HEADER = 20


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One segment to be sent: what the client decides about it; the addresses belong to the connection."""

    flags: int
    seq: int
    ack: int = 0
    wnd: int = WINDOW
    options: Options = NO_OPTIONS


def mss_for(mtu: int, address: bytes) -> int:
    """The MSS to announce on a path of this MTU, bytes (RFC 9293 §3.7.1: MTU less the fixed headers)."""
    version = len(address)
    return min(mtu, _LARGEST_PACKET[version]) - _IP_HEADER[version] - _TCP_HEADER


def timestamps(tsval: int, tsecr: int) -> Option:
    """The timestamps option (RFC 7323 §3.2)."""
    return Option(TIMESTAMPS, tsval.to_bytes(4) + tsecr.to_bytes(4))


def syn_options(mss: int, tsval: int, tsecr: int = 0) -> Options:
    """What Linux offers, in its order: MSS, SACK permitted, timestamps, window scale."""
    return Options(
        (
            Option(MSS, mss.to_bytes(2)),
            Option(SACK_PERMITTED, b""),
            timestamps(tsval, tsecr),
            Option(NOP, b""),
            Option(WSCALE, bytes((WINDOW_SHIFT,))),
        )
    )


class Crafter:
    """Builds and sends the segments of one connection; a context manager that holds the raw socket."""

    def __init__(self, client: Endpoint, server: Endpoint, *, scope_id: int = 0) -> None:
        """Open the raw socket. `scope_id` is the interface index for IPv6 link-local addresses.

        Raises PrivilegeError without CAP_NET_RAW, ProbeError when the kernel will not send there.
        """
        inet6, scapy_socket = _scapy_layers()
        self._network = (
            inet6.IPv6(src=client.host, dst=server.host, hlim=TTL)
            if len(server.address) == 16
            else inet6.IP(src=client.host, dst=server.host, ttl=TTL, flags="DF", id=0)  # id 0: the kernel's choice
        )
        self._transport = inet6.TCP
        self._ports = {"sport": client.port, "dport": server.port}
        self._server = server
        family = socket.AF_INET6 if len(server.address) == 16 else socket.AF_INET
        try:
            self._socket = scapy_socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        except PermissionError:
            raise PrivilegeError.to("sending crafted packets") from None
        try:
            self._socket.outs.connect((server.host, 0, 0, scope_id) if family == socket.AF_INET6 else (server.host, 0))
        except OSError as error:
            self.close()
            raise self._explain(error) from None

    def send(self, segment: Outgoing) -> None:
        """Craft and send one segment. Raises ProbeError when the kernel refuses."""
        options = [_SCAPY_NAMES.get(kind, (kind, body)) for kind, body in segment.options.items]
        crafted = self._network / self._transport(
            **self._ports,
            seq=segment.seq,
            ack=segment.ack,
            flags=segment.flags,
            window=segment.wnd,
            options=options,
        )
        try:
            self._socket.send(crafted)
        except OSError as error:
            raise self._explain(error) from None

    def close(self) -> None:
        """Close the raw socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _explain(self, error: OSError) -> ProbeError:
        hint = " (a firewall on this machine?)" if isinstance(error, PermissionError) else ""
        return ProbeError(f"cannot send to {self._server}: {error.strerror}{hint}")


_SCAPY_NAMES: dict[int, tuple[Any, Any]] = {EOL: ("EOL", None), NOP: ("NOP", None)}
"""The two options without a length byte, which scapy takes by name only."""


def _scapy_layers() -> tuple[Any, Any]:
    """IP and TCP layers of scapy and its socket class, imported only when something is sent (0.2 s)."""
    for name in ("scapy.loading", "scapy.runtime"):
        logging.getLogger(name).setLevel(logging.ERROR)  # what it would say about interfaces is not ours to show
    from scapy.layers import inet6
    from scapy.supersocket import SuperSocket

    return inet6, SuperSocket
