from __future__ import annotations

import struct
from pathlib import Path

import pytest

from handshake.errors import CaptureError
from handshake.model.packet import Frame
from handshake.model.report import Damage, SourceInfo
from handshake.source.capture import open_capture
from tests.unit.source.capture_bytes import ORDERS, frames_of, pcap_header, pcap_record


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize(
    ("magic", "name", "time_ns"),
    [(0xA1B2C3D4, "pcap", 7_000_999_000), (0xA1B23C4D, "pcap (ns)", 7_000_000_999)],
)
def test_byte_orders_and_time_units(tmp_path: Path, order: str, magic: int, name: str, time_ns: int) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(
        pcap_header(order, magic, linktype=101)
        + pcap_record(b"abc", 7, 999, order, orig_len=1500)
        + pcap_record(b"", 0xFFFFFFFF, 0, order)
    )
    frames, capture = frames_of(path)
    assert frames == [Frame(1, time_ns, 101, b"abc", 1500), Frame(2, 0xFFFFFFFF * 10**9, 101, b"", 0)]
    assert capture.info() == SourceInfo(str(path), name, 2, None)


@pytest.mark.parametrize("minor", [0, 2])
def test_lengths_are_swapped_before_version_2_3(tmp_path: Path, minor: int) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap_header(version=(2, minor)) + struct.pack("<IIII", 1, 0, 60, 3) + b"abc")
    frames, capture = frames_of(path)
    assert frames == [Frame(1, 10**9, 1, b"abc", 60)]
    assert capture.damage is None


def test_lengths_of_version_2_3_are_swapped_only_where_they_must_be(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    swapped, straight = struct.pack("<IIII", 1, 0, 60, 3) + b"abc", struct.pack("<IIII", 2, 0, 2, 60) + b"de"
    path.write_bytes(pcap_header(version=(2, 3)) + swapped + straight)
    frames, _ = frames_of(path)
    assert [(frame.data, frame.orig_len) for frame in frames] == [(b"abc", 60), (b"de", 60)]


def test_lengths_of_version_2_4_stay_as_written(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap_header() + pcap_record(b"abc", orig_len=2))
    frames, _ = frames_of(path)
    assert [(frame.data, frame.orig_len) for frame in frames] == [(b"abc", 2)]


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_kuznetzov_records_have_eight_bytes_more(tmp_path: Path, order: str) -> None:
    path = tmp_path / "x.pcap"
    record = pcap_record(b"abc", 1, 2, order, extra=struct.pack(order + "iHBx", 3, 0x0800, 4))
    path.write_bytes(pcap_header(order, 0xA1B2CD34) + record * 2)
    frames, capture = frames_of(path)
    assert [(frame.time_ns, frame.data) for frame in frames] == [(1_000_002_000, b"abc")] * 2
    assert capture.format == "pcap (Kuznetzov)"


def test_upper_bits_of_the_linktype_are_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap_header(linktype=0x2400_0001) + pcap_record(b"abc"))
    assert [frame.linktype for frame in frames_of(path)[0]] == [1]


def test_a_file_header_alone_is_a_capture_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap_header())
    frames, capture = frames_of(path)
    assert frames == []
    assert capture.damage is None


@pytest.mark.parametrize("version", [(1, 0), (2, 5), (3, 0), (0, 0)])
def test_unknown_versions_are_refused(tmp_path: Path, version: tuple[int, int]) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap_header(version=version))
    with pytest.raises(CaptureError, match=r"x\.pcap: pcap version \d\.\d is not supported, only 2\.0 to 2\.4 are$"):
        open_capture(path)


@pytest.mark.parametrize(
    ("snaplen", "cap_len", "limit"),
    [(96, 1 << 18, None), (96, (1 << 18) + 1, 1 << 18), (1 << 20, 1 << 20, None), (0xFFFFFFFF, 0xFFFFFFF0, 1 << 24)],
)
def test_absurd_lengths_are_damage(tmp_path: Path, snaplen: int, cap_len: int, limit: int | None) -> None:
    path = tmp_path / "x.pcap"
    good = pcap_header(snaplen=snaplen) + pcap_record(b"abc")
    path.write_bytes(good + struct.pack("<IIII", 0, 0, cap_len, cap_len) + bytes(min(cap_len, 1 << 20)))
    frames, capture = frames_of(path)
    if limit is None:
        assert [len(frame.data) for frame in frames] == [3, cap_len]
        assert capture.damage is None
    else:
        assert [len(frame.data) for frame in frames] == [3]
        reason = f"a packet of {cap_len} bytes is longer than the limit of {limit}"
        assert capture.damage == Damage(len(good), 2, reason)


def test_cut_at_any_byte(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    records = [pcap_record(b"abcde", 1), pcap_record(b"", 2), pcap_record(b"xyz", 3)]
    whole = pcap_header() + b"".join(records)
    ends = [24, 24 + 21, 24 + 21 + 16, len(whole)]
    for size in range(1, len(whole) + 1):
        path.write_bytes(whole[:size])
        if size < 24:
            with pytest.raises(CaptureError, match="cut off inside the file header" if size >= 4 else "neither|text"):
                open_capture(path)
            continue
        frames, capture = frames_of(path)
        complete = sum(end <= size for end in ends) - 1
        assert [frame.number for frame in frames] == list(range(1, complete + 1)), size
        assert capture.frames == complete
        if size in ends:
            assert capture.damage is None, size
        else:
            assert capture.damage is not None
            assert (capture.damage.offset, capture.damage.number) == (ends[complete], complete + 1), size
            assert "cut off inside" in capture.damage.reason
