"""Windows over a capture: the very records that the scalar readers find, however they lie."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random

import pytest

from handshake.model.packet import Frame
from handshake.model.report import Damage
from handshake.source.capture import open_capture
from handshake.source.windows import columns_of
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
        for piece in filter(None, columns.windows()):
            for row, start in enumerate(piece.starts.tolist()):
                length = int(piece.captured[row])
                data = piece.data[start : start + length].tobytes()
                linktype, name = list(columns.links)[piece.link[row]]
                time_ns, original = int(piece.time_ns[row]), int(piece.original[row])
                frame = Frame(piece.first + row, time_ns, linktype, data, original, name)
                assert columns.frame(piece.at + start, frame.number) == frame
                found.append(frame)
        columns.hand_over()
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


@pytest.mark.parametrize("window", [150, 1 << 20])
def test_pcapng_of_several_interfaces_and_sections(tmp_path: Path, window: int) -> None:
    """Each with units of time and a link type of its own; a byte order for each section."""
    random = Random(4)
    content = b""
    for order in "<><":
        units = [b"\x06", b"\x09", b"\x00", b"\x94", b"\x0c", b"\xa0"]
        content += section(order)
        for index, unit in enumerate(units):
            options = option(2, f"eth{index % 3}".encode(), order) + option(9, unit, order)
            options += option(14, struct.pack(order + "q", random.choice((-1, 0, 7))), order)
            content += interface(order, linktype=random.choice((1, 101, 113)), options=options)
            for n in range(300):
                which = random.randrange(index + 1)
                data = random.randbytes(random.choice((0, 1, 60, 1514)))
                content += enhanced(data, (10 << 62 - 55 * (units[which] == b"\0") >> 32) + n, which, order)
                if n == 40:
                    content += block(5, bytes(16), order)
    same(tmp_path / "a.pcapng", content, window)
    same(tmp_path / "b.pcapng", content + enhanced(b"x", 5, 6), window)
    same(tmp_path / "c.pcapng", content + interface(options=option(9, b"\x06") + b"\2\0\xff\0"), window)


@pytest.mark.parametrize("ticks", [5, (1 << 64) - 1])
def test_times_that_64_bits_of_nanoseconds_do_not_hold(tmp_path: Path, ticks: int) -> None:
    options = option(9, b"\x00") + option(14, struct.pack("<q", -7))
    packets = b"".join(enhanced(b"abc", each) for each in (7, 8, ticks, 9))
    same(tmp_path / "a.pcapng", section() + interface(options=options) + packets, 1 << 20)


def test_blocks_inside_of_packets_mislead_nobody(tmp_path: Path) -> None:
    """Blocks that begin inside of packets look right, but no chain from them ends where the next one begins."""
    random = Random(2)
    inner = b"".join(enhanced(bytes(random.choice((20, 44))), n) for n in range(30))
    blocks = [enhanced(inner[4 * random.randrange(15) :] if n % 3 else bytes(64), n) for n in range(3000)]
    same(tmp_path / "a.pcapng", section() + interface() + b"".join(blocks), 1 << 22)


@pytest.mark.parametrize("at", [0, 100, 2000, 2999])
@pytest.mark.parametrize("how", ["length", "trailer", "captured", "interface", "zero"])
def test_a_block_that_makes_no_sense_ends_it(tmp_path: Path, at: int, how: str) -> None:
    blocks = [bytearray(enhanced(bytes(n % 90), n)) for n in range(3000)]
    places = {"length": (4, 2), "trailer": (-4, 4), "captured": (20, 91), "interface": (8, 1), "zero": (4, 0)}
    place, value = places[how]
    blocks[at][place : place + 4 or None] = value.to_bytes(4, "little")
    same(tmp_path / "a.pcapng", section() + interface() + b"".join(blocks), 1 << 20)


def test_what_has_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "old.pcap"
    path.write_bytes(pcap_header(version=(2, 2)) + pcap_record(b"abc"))
    with open_capture(path) as capture:
        assert columns_of(capture) is None
