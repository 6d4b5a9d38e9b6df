"""TCP_INFO: what the kernel keeps about a TCP socket (linux/tcp.h, struct tcp_info), as far as kernels agree on it."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

_TCP_INFO = struct.Struct("=8B24I")


class TcpInfo(NamedTuple):
    """The fields under the names that the kernel gives them, without `tcpi_`."""

    state: int
    ca_state: int
    retransmits: int
    probes: int
    backoff: int
    options: int
    shifts: int
    """Window scales: the peer's in the low, ours in the high four bits."""
    flags: int
    rto: int
    ato: int
    snd_mss: int
    rcv_mss: int
    unacked: int
    """Of a listening socket: connections in its accept queue."""
    sacked: int
    """Of a listening socket: the backlog given to listen()."""
    lost: int
    retrans: int
    fackets: int
    last_data_sent: int
    last_ack_sent: int
    last_data_recv: int
    last_ack_recv: int
    """Since the last acknowledgment from the peer, ms."""
    pmtu: int
    rcv_ssthresh: int
    rtt: int
    """Smoothed round trip, µs."""
    rttvar: int
    snd_ssthresh: int
    snd_cwnd: int
    advmss: int
    reordering: int
    rcv_rtt: int
    rcv_space: int
    total_retrans: int


def tcp_info(sock: socket.socket) -> TcpInfo:
    """What the kernel tells about a TCP socket now. Raises OSError for a socket that is none."""
    return TcpInfo._make(_TCP_INFO.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)))
