"""Capture files built byte by byte, independently of the layouts that the readers use."""

from __future__ import annotations

import struct
from pathlib import Path

from handshake.model.packet import Frame
from handshake.source.capture import Capture, open_capture

SHB, IDB, OPB, SPB, NRB, EPB, DSB = 0x0A0D0D0A, 1, 2, 3, 4, 6, 10
ORDERS = {"little": "<", "big": ">"}


def pcap_header(
    order: str = "<",
    magic: int = 0xA1B2C3D4,
    version: tuple[int, int] = (2, 4),
    snaplen: int = 65535,
    linktype: int = 1,
) -> bytes:
    return struct.pack(order + "IHHiIII", magic, *version, 0, 0, snaplen, linktype)


def pcap_record(
    data: bytes,
    seconds: int = 0,
    fraction: int = 0,
    order: str = "<",
    *,
    orig_len: int | None = None,
    extra: bytes = b"",
) -> bytes:
    lengths = (len(data), len(data) if orig_len is None else orig_len)
    return struct.pack(order + "IIII", seconds, fraction, *lengths) + extra + data


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<", version: tuple[int, int] = (1, 0)) -> bytes:
    return block(SHB, struct.pack(order + "IHHq", 0x1A2B3C4D, *version, -1), order)


def interface(order: str = "<", linktype: int = 1, snaplen: int = 0, options: bytes = b"") -> bytes:
    return block(IDB, struct.pack(order + "HHI", linktype, 0, snaplen) + options, order)


def enhanced(data: bytes, ticks: int = 0, index: int = 0, order: str = "<", orig_len: int | None = None) -> bytes:
    high, low = divmod(ticks, 1 << 32)
    full = len(data) if orig_len is None else orig_len
    return block(EPB, struct.pack(order + "IIIII", index, high, low, len(data), full) + data, order)


def frames_of(path: Path) -> tuple[list[Frame], Capture]:
    with open_capture(path) as capture:
        return list(capture), capture
