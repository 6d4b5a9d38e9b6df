"""What the kernel itself says about a connection: beside our judgement, never part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.address import Endpoint
    from handshake.model.handshake import Negotiated, Outcome


@dataclass(frozen=True, slots=True)
class KernelView:
    """The server's socket in its own kernel right after one of our segments, as inet_diag tells it (`ss -tan`)."""

    frame: int
    """Number of the frame that carried the segment."""
    state: str | None
    """The kernel's name for the state (`SYN-RECV`, `ESTAB` …); None when there is no socket for the connection."""
    accept_queue: int | None
    """Connections that wait for accept(); None when nothing listens on the port."""
    backlog: int | None
    """Most that may wait, as given to listen()."""


@dataclass(frozen=True, slots=True)
class IcmpNote:
    """What the kernel keeps of an ICMP error that ended a connect()."""

    reporter: bytes
    """4 or 16 bytes."""
    version: int
    type: int
    code: int
    meaning: str


@dataclass(frozen=True, slots=True)
class Connect:
    """An ordinary connect() and what the kernel told about it (TCP_INFO, errno). No packet was seen."""

    client: Endpoint
    server: Endpoint
    outcome: Outcome
    start_ns: int
    """When connect() was called, ns since the epoch."""
    took_ns: int
    """From the call until the kernel said how it ended, or until we stopped waiting."""
    state: str
    """The kernel's last name for the state, as in `KernelView`."""
    error: str | None
    """errno's name when it failed, such as `ECONNREFUSED`."""
    words: str
    """What the errno, or the lack of one, means."""
    retransmits: int
    """How often the SYN was repeated (`tcpi_total_retrans`)."""
    rtt_ns: int | None = None
    """Smoothed round trip (`tcpi_rtt`, RFC 6298)."""
    rttvar_ns: int | None = None
    snd_mss: int | None = None
    """Most bytes that the kernel will put into a segment: timestamps taken off, at most half the peer's window."""
    adv_mss: int | None = None
    """The MSS that our kernel announced, timestamps taken off where they are in use."""
    path_mtu: int | None = None
    negotiation: tuple[Negotiated, ...] = ()
    """Options in effect; what was offered is told as far as the kernel keeps it, else `?`."""
    icmp: IcmpNote | None = None
