from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handshake.errors import CaptureError
from handshake.model.packet import Frame
from handshake.source.writer import PcapngWriter, PcapWriter
from tests.support import require
from tests.unit.source.capture_bytes import frames_of

FRAMES = [
    Frame(1, 1_700_000_000_123_456_789, 1, bytes(range(61)), 61, "eth0"),
    Frame(2, 1_700_000_001_000_000_001, 1, b"\x45" * 96, 1500, "wärme 0"),
    Frame(3, 1_700_000_002_999_999_999, 101, b"", 40, "eth0"),
    Frame(4, 1_700_000_003_000_000_000, 1, b"abcd", 4, "eth0"),
]

frame_lists = st.lists(
    st.builds(
        Frame,
        number=st.just(0),
        time_ns=st.integers(0, 2**64 - 1),
        linktype=st.sampled_from([1, 101, 276]),
        data=st.binary(max_size=40),
        orig_len=st.integers(0, 2**32 - 1),
        interface=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
    ),
    max_size=8,
)


@given(frames=frame_lists)
def test_pcapng_gives_back_what_was_written(frames: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "round.pcapng"
    with PcapngWriter(path) as writer:
        for frame in frames:
            writer.write(frame)
    read, capture = frames_of(path)
    assert capture.damage is None
    assert [(f.time_ns, f.linktype, f.data, f.orig_len, f.interface) for f in read] == [
        (f.time_ns, f.linktype, f.data, f.orig_len, f.interface) for f in frames
    ]


@pytest.mark.parametrize(("nanoseconds", "name", "unit"), [(True, "pcap (ns)", 1), (False, "pcap", 1000)])
def test_pcap_gives_back_what_was_written(tmp_path: Path, nanoseconds: bool, name: str, unit: int) -> None:
    path = tmp_path / "x.pcap"
    frames = [FRAMES[0], FRAMES[1], FRAMES[3]]
    with PcapWriter(path, linktype=1, nanoseconds=nanoseconds) as writer:
        for frame in frames:
            writer.write(frame)
    read, capture = frames_of(path)
    assert (capture.format, capture.damage) == (name, None)
    assert [(f.time_ns, f.data, f.orig_len) for f in read] == [
        (f.time_ns // unit * unit, f.data, f.orig_len) for f in frames
    ]


def test_pcap_holds_one_link_type(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    with PcapWriter(path, linktype=1) as writer:
        writer.write(FRAMES[0])
        with pytest.raises(CaptureError, match=r"frame 3 has link type 101, but .* write pcapng"):
            writer.write(FRAMES[2])
    assert len(frames_of(path)[0]) == 1


def test_every_frame_is_on_disk_when_write_returns(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    with PcapngWriter(path, comment="made by a test") as writer:
        assert frames_of(path)[0] == []
        for count, frame in enumerate(FRAMES, 1):
            writer.write(frame)
            read, capture = frames_of(path)
            assert read == FRAMES[:count]
            assert capture.damage is None


@pytest.mark.parametrize("kind", [PcapngWriter, PcapWriter])
def test_a_binary_file_is_left_open(kind: type[PcapngWriter | PcapWriter]) -> None:
    target = io.BytesIO()
    with kind(target) as writer:
        writer.write(FRAMES[0])
    assert not target.closed
    assert FRAMES[0].data in target.getvalue()


@pytest.mark.parametrize("kind", [PcapngWriter, PcapWriter])
def test_places_that_cannot_be_written(tmp_path: Path, kind: type[PcapngWriter | PcapWriter]) -> None:
    missing = tmp_path / "none" / "x.pcap"
    with pytest.raises(CaptureError) as caught:
        kind(missing)
    assert str(caught.value) == f"{missing}: cannot be written: no such file or directory"
    with pytest.raises(CaptureError, match=r"cannot be written: is a directory$"):
        kind(tmp_path)
    require(Path("/dev/full").exists(), "no /dev/full to stand for a full disk")
    with pytest.raises(CaptureError, match=r"cannot be written: no space left on device$"):
        kind("/dev/full")


def test_wireshark_reads_our_pcapng_without_complaint(tmp_path: Path) -> None:
    tools = [shutil.which("capinfos"), shutil.which("tshark")]
    require(None not in tools, "tshark and capinfos are missing (Debian: sudo apt-get install tshark)")
    path = tmp_path / "x.pcapng"
    with PcapngWriter(path, comment="wärme") as writer:
        for frame in FRAMES:
            writer.write(frame)
    fields = ["frame.time_epoch", "frame.cap_len", "frame.len", "frame.interface_name"]
    arguments = [argument for field in fields for argument in ("-e", field)]
    told = subprocess.run(
        [str(tools[1]), "-r", path, "-T", "fields", *arguments], capture_output=True, text=True, check=True
    )
    assert [line.split("\t") for line in told.stdout.splitlines()] == [
        [f"{f.time_ns // 10**9}.{f.time_ns % 10**9:09}", str(len(f.data)), str(f.orig_len), f.interface] for f in FRAMES
    ]
    assert "damaged" not in told.stderr
    infos = subprocess.run([str(tools[0]), path], capture_output=True, text=True, check=True).stdout
    assert "Capture comment:     wärme" in infos
    assert "Number of interfaces in file: 3" in infos
    assert infos.count("Time resolution = 0x09") == 3
