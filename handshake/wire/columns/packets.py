"""IPv4 and IPv6 headers."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from handshake.model.record import dataclass
from handshake.wire.columns.arrays import Bools, Bytes, Ints, Words, gather, type_of
from handshake.wire.columns.endpoints import Endpoints
from handshake.wire.layout import IPV4, IPV6


@dataclass(slots=True)
class Packets:
    """What IP headers say, one element a packet."""

    protocol: Ints
    """0 where it is not plain."""
    at: Ints
    """Where the next header begins."""
    end: Ints
    """Where the packet ends, captured or not."""
    src: Words
    """The address, as a word."""
    dst: Words
    ttl: Ints
    ip_id: Ints
    ecn: Ints


_COLUMNS = tuple(field.name for field in fields(Packets))


def packets_of(  # noqa: PLR0917 - one column each
    data: Bytes, at: Ints, limits: Ints, four: Bools, six: Bools, endpoints: Endpoints
) -> Packets:
    """The packets whose IP headers begin at `at`, and which end at `limits` or before."""
    if four.all():
        return _packets4(data, at, limits)
    if six.all():
        return _packets6(data, at, limits, endpoints)
    rows4, rows6 = np.flatnonzero(four), np.flatnonzero(six)
    parts = _packets4(data, at[rows4], limits[rows4]), _packets6(data, at[rows6], limits[rows6], endpoints)
    columns = []
    for name in _COLUMNS:
        one, other = (getattr(part, name) for part in parts)
        column = np.zeros(len(at), one.dtype)
        column[rows4], column[rows6] = one, other
        columns.append(column)
    return Packets(*columns)


def _packets4(data: Bytes, at: Ints, limits: Ints) -> Packets:
    header = gather(data, at, type_of(IPV4))
    length = header["total_length"].astype(np.int64)
    good = (header["version_ihl"] == 0x45) & ((header["fragment"] & 0x3FFF) == 0) & (length >= IPV4.size)
    good &= at + length <= limits
    src, dst = (np.ascontiguousarray(header[name]).view(">u4").astype(np.uint64) for name in ("src", "dst"))
    return Packets(
        header["protocol"] * good.astype(np.int64), at + IPV4.size, at + length, src, dst,
        header["ttl"].astype(np.int64), header["id"].astype(np.int64), header["tos"] & np.int64(3),
    )  # fmt: skip


def _packets6(data: Bytes, at: Ints, limits: Ints, endpoints: Endpoints) -> Packets:
    header = gather(data, at, type_of(IPV6))
    first = header["version_class_flow"].astype(np.int64)
    length = header["payload_length"].astype(np.int64) + IPV6.size
    good = ((first >> 28) == 6) & (length > IPV6.size) & (at + length <= limits)
    src, dst = (endpoints.host6(halves(header[name])) for name in ("src", "dst"))
    return Packets(header["next_header"] * good.astype(np.int64), at + IPV6.size, at + length, src, dst,
                    header["hop_limit"].astype(np.int64), np.full(len(at), -1), first >> 20 & 3)  # fmt: skip


def halves(addresses: NDArray[np.void]) -> Words:
    """IPv6 addresses as two 64-bit numbers each."""
    return np.ascontiguousarray(addresses).view(">u8").astype(np.uint64).reshape(-1, 2)
