"""TCP segments and UDP datagrams of a window."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from handshake.model.record import dataclass
from handshake.wire.columns.arrays import Bools, Bytes, Ints, Words, gather, type_of
from handshake.wire.columns.endpoints import Endpoints
from handshake.wire.columns.packets import halves
from handshake.wire.layout import IPV6

BARE, STAMPED, OTHER = 0, 1, 2
"""Options: none; NOP, NOP, timestamps, as every segment of a connection with timestamps has them; anything else."""


@dataclass(slots=True)
class Segments:
    """TCP segments of a window, one element each, in the order of the capture."""

    row: Ints
    """Which packet of the window."""
    src: Words
    """The sender's endpoint as one word: address and port (IPv4), or their keyed hash."""
    dst: Words
    ports: Ints
    """Source port times 65536 and destination port."""
    seq: Ints
    ack: Ints
    flags: Ints
    """The nine flags, and the three reserved bits above them."""
    wnd: Ints
    payload: Ints
    """Bytes by the IP header's count."""
    ttl: Ints
    ip_id: Ints
    """-1 for IPv6."""
    form: Ints
    """`BARE`, `STAMPED` or `OTHER`."""
    tsval: Ints
    """-1 without the timestamps of `STAMPED`."""
    rest: Ints
    """What else can be odd or make a difference: urgent pointer, ECN bits above, the VLANs above these (`way`)."""
    at: Ints
    """Where the TCP header begins in the window."""
    header: Ints
    """Bytes of the TCP header."""
    end: Ints
    """Where the captured part of the segment ends in the window."""
    whole: Bools
    """It was captured to its end."""
    plain: Bools
    """Read here; the others were decoded one by one, and only their ends are told."""

    @property
    def six(self) -> Bools:
        """It came over IPv6."""
        return self.src >> np.uint64(63) > 0

    @property
    def way(self) -> Ints:
        """The VLANs that it came in, as a number (`tags_of`)."""
        return self.rest >> 18

    def take(self, order: Ints) -> Segments:
        """Some of them, in another order."""
        return Segments(*(getattr(self, name)[order] for name in _NAMES))


_NAMES = tuple(field.name for field in fields(Segments))


@dataclass(slots=True)
class Datagrams:
    """UDP datagrams of a window, as `Segments`."""

    row: Ints
    src: Words
    dst: Words


def hosts_of(data: Bytes, segments: Segments, endpoints: Endpoints) -> tuple[Words, Words]:
    """The addresses of sender and receiver, one word each."""
    src, dst = segments.src >> np.uint64(16), segments.dst >> np.uint64(16)
    rows = np.flatnonzero(segments.six & segments.plain)
    if len(rows):
        header = gather(data, segments.at[rows] - IPV6.size, type_of(IPV6))
        src[rows], dst[rows] = (endpoints.host6(halves(header[name])) for name in ("src", "dst"))
    for row in np.flatnonzero(segments.six & ~segments.plain).tolist():
        src[row], dst[row] = (endpoints.host_of(int(ends[row])) for ends in (segments.src, segments.dst))
    return src, dst


def joined(one: Segments, other: Segments) -> Segments:
    """Two parts of one window in the order of the capture."""
    order = np.argsort(np.concatenate((one.row, other.row)), kind="stable")
    return Segments(*(np.concatenate((getattr(one, name), getattr(other, name)))[order] for name in _NAMES))


def named(row: Ints, src: Words, dst: Words, ports: Ints) -> Segments:
    """Packets that were decoded one by one, of which only the ends are told here."""
    zeros = {name: np.zeros(len(row), np.int64) for name in _NAMES}
    zeros |= {"row": row, "ports": ports}
    nothing = np.zeros(len(row), np.bool_)
    return Segments(**(zeros | {"src": src, "dst": dst, "whole": nothing, "plain": nothing}))  # type: ignore[arg-type]
