"""Windows over a capture: the very records that the scalar readers find, however they lie."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random

import pytest

from handshake.model.packet import Frame
from handshake.model.report import Damage
from handshake.source.capture import open_capture
from handshake.source.columns import columns_of
from tests.unit.source.capture_bytes import (
    SPB,
    block,
    enhanced,
    frames_of,
    interface,
    option,
    pcap_header,
    pcap_record,
    section,
)

NANO = 0xA1B23C4D


def in_windows(path: Path, window: int) -> tuple[list[Frame], Damage | None]:
    found: list[Frame] = []
    with open_capture(path) as capture:
        columns = columns_of(capture, window)
        assert columns is not None
        for piece in columns.windows():
            for row, start in enumerate(piece.starts.tolist()):
                length = int(piece.captured[row])
                data = piece.data[start : start + length].tobytes()
                frame = Frame(
                    piece.first + row, int(piece.time_ns[row]), columns.linktype, data, int(piece.original[row])
                )
                assert columns.frame(piece.at + start, frame.number) == frame
                found.append(frame)
        found.extend(capture)
        return found, capture.damage


def same(path: Path, content: bytes, window: int) -> None:
    path.write_bytes(content)
    frames, capture = frames_of(path)
    assert in_windows(path, window) == (frames, capture.damage)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("window", [100, 1000, 1 << 20])
def test_pcap_of_either_byte_order(tmp_path: Path, order: str, window: int) -> None:
    random = Random(1)
    records = [
        pcap_record(random.randbytes(random.choice((0, 1, 60, 1514))), n // 50, n, order, orig_len=2000)
        for n in range(700)
    ]
    same(tmp_path / "a.pcap", pcap_header(order, NANO) + b"".join(records), window)


def test_captures_inside_of_packets_mislead_nobody(tmp_path: Path) -> None:
    """Records that begin inside of packets look right, but no chain from them ends where the next one begins."""
    random = Random(2)
    inner = b"".join(pcap_record(bytes(random.choice((20, 44))), 7, n) for n in range(30))
    records = [pcap_record(inner[random.randrange(60) :] if n % 3 else bytes(64), 7, n) for n in range(3000)]
    same(tmp_path / "a.pcap", pcap_header() + b"".join(records), 1 << 22)


@pytest.mark.parametrize("cut", [1, 15, 17, 40])
@pytest.mark.parametrize("window", [100, 1 << 20])
def test_the_end_of_a_cut_pcap_is_told_as_ever(tmp_path: Path, cut: int, window: int) -> None:
    records = b"".join(pcap_record(bytes(60), n) for n in range(20))
    same(tmp_path / "a.pcap", (pcap_header() + records)[:-cut], window)


@pytest.mark.parametrize("window", [100, 1 << 20])
def test_a_record_too_long_to_be_true_ends_it(tmp_path: Path, window: int) -> None:
    bad = struct.pack("<IIII", 1, 1, 1 << 25, 60)
    records = b"".join(pcap_record(bytes(60), n) for n in range(200))
    same(tmp_path / "a.pcap", pcap_header() + records + bad + records, window)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("window", [150, 1 << 20])
def test_pcapng_with_blocks_of_other_kinds_between(tmp_path: Path, order: str, window: int) -> None:
    resolution = option(9, b"\x09", order) + option(14, struct.pack(order + "q", 3), order)
    packets = [enhanced(bytes([n]) * (n % 70), 10**12 + n, order=order) for n in range(200)]
    packets[50:50] = [block(5, bytes(16), order), block(4, bytes(4), order)]
    content = section(order) + interface(order, options=resolution) + b"".join(packets)
    same(tmp_path / "a.pcapng", content, window)
    same(tmp_path / "b.pcapng", content[:-5], window)
    same(tmp_path / "c.pcapng", content + block(SPB, struct.pack(order + "I", 4) + b"abcd", order) + packets[0], window)
    same(tmp_path / "d.pcapng", content + interface(order) + enhanced(b"x", 5, 1, order), window)


def test_what_has_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "two.pcapng"
    path.write_bytes(section() + interface() + interface() + enhanced(b"abc", 1))
    with open_capture(path) as capture:
        assert columns_of(capture) is None
