"""Solaris snoop files, built by hand from RFC 1761; tshark reads the same of them."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from handshake.errors import CaptureError
from handshake.source.capture import open_capture
from tests.support import tshark
from tests.unit.wire.wire_bytes import ethernet, ipv4, tcp

PACKET = ethernet(ipv4(tcp()))


def header(version: int = 2, datalink: int = 4) -> bytes:
    return b"snoop\0\0\0" + struct.pack("!II", version, datalink)


def record(data: bytes = PACKET, *, orig: int | None = None, length: int | None = None, pad: int = 2) -> bytes:
    size = 24 + len(data) + pad if length is None else length
    counts = (len(data) if orig is None else orig), len(data), size, 0
    return struct.pack("!IIIIII", *counts, 1_700_000_000, 123_456) + data + bytes(pad)


def test_records_are_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.snoop"
    path.write_bytes(header() + record() + record(PACKET[:40], orig=len(PACKET), pad=0))
    with open_capture(path) as capture:
        first, second = capture
        assert (capture.format, capture.damage) == ("snoop", None)
    assert (first.number, first.time_ns, first.linktype) == (1, 1_700_000_000_123_456_000, 1)
    assert (first.data, first.orig_len) == (PACKET, len(PACKET))
    assert (second.number, second.data, second.orig_len) == (2, PACKET[:40], len(PACKET))


def test_tshark_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.snoop"
    path.write_bytes(header() + record() + record(PACKET[:40], orig=len(PACKET)))
    fields = ["frame.time_epoch", "frame.len", "frame.cap_len"]
    command = [tshark(), "-r", str(path), "-T", "fields", *(word for field in fields for word in ("-e", field))]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    with open_capture(path) as capture:
        ours = [(f"{f.time_ns // 10**9}.{f.time_ns % 10**9:09}", f.orig_len, len(f.data)) for f in capture]
    assert told == [str(value) for frame in ours for value in frame]


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (record()[:10], "inside a record header"),
        (record()[:50], "inside a packet"),
        (record(length=30), "a record of 30 bytes cannot hold a packet of 54"),
        (record(length=2**31), "a record of 2147483648 bytes cannot hold"),
    ],
)
def test_damage_ends_the_reading(tmp_path: Path, tail: bytes, reason: str) -> None:
    path = tmp_path / "a.snoop"
    path.write_bytes(header() + record() + tail)
    with open_capture(path) as capture:
        assert len(list(capture)) == 1
        assert capture.damage is not None
        assert reason in capture.damage.reason
        assert (capture.damage.number, capture.damage.offset) == (2, 16 + len(record()))


@pytest.mark.parametrize(
    ("start", "reason"),
    [(header(version=3), "version 3"), (header(datalink=9), "datalink type 9"), (header()[:12], "the file header")],
)
def test_headers_that_cannot_be_used(tmp_path: Path, start: bytes, reason: str) -> None:
    path = tmp_path / "a.snoop"
    path.write_bytes(start)
    with pytest.raises(CaptureError, match=reason):
        open_capture(path)
