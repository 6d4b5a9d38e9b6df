"""What can be read but once is read again: from a copy, however slowly it comes and wherever the room ends."""

from __future__ import annotations

import gzip
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from random import Random

import pytest
import zstandard

from handshake.model.packet import Frame
from handshake.source import spool, stream
from handshake.source.capture import Capture, open_capture
from handshake.source.windows import columns_of
from tests.unit.source.capture_bytes import enhanced, frames_of, interface, pcap_header, pcap_record, section

_BYTES = Random(1).randbytes(1 << 16)
CONTENT = pcap_header() + b"".join(pcap_record(_BYTES[n : n + n % 200], n) for n in range(12_000))
BLOCKS = section() + interface() + b"".join(enhanced(bytes(n % 200), n) for n in range(12_000))


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(content)


@contextmanager
def piped(content: bytes, piece: int = 1 << 16, pause_s: float = 0) -> Iterator[str]:
    """The path of a pipe into which these bytes are written."""
    reads, writes = os.pipe()

    def write() -> None:
        with open(writes, "wb", buffering=0) as pipe:
            for at in range(0, len(content), piece):
                pipe.write(content[at : at + piece])
                time.sleep(pause_s)

    writer = threading.Thread(target=write)
    writer.start()
    yield f"/dev/fd/{reads}"
    os.close(reads)
    writer.join()


def plain(path: Path, content: bytes) -> tuple[list[Frame], Capture]:
    path.write_bytes(content)
    return frames_of(path)


def through_windows(capture: Capture) -> Iterator[Frame]:
    columns = columns_of(capture, 1 << 18)
    assert columns is not None
    for window in filter(None, columns.windows()):
        for row, at in enumerate(window.starts.tolist()):
            yield columns.frame(window.at + at, window.first + row)
    columns.hand_over()
    yield from capture


@pytest.mark.parametrize(
    "content", [CONTENT, BLOCKS, CONTENT[:-9], BLOCKS[:-9]], ids=["pcap", "pcapng", "cut", "cut ng"]
)
@pytest.mark.parametrize("packed", [gzip.compress, zstd])
def test_compressed(tmp_path: Path, content: bytes, packed: object) -> None:
    frames, expected = plain(tmp_path / "plain", content)
    assert callable(packed)
    path = tmp_path / "packed"
    path.write_bytes(packed(content))
    with open_capture(path, again=True) as capture:
        assert list(through_windows(capture)) == frames
        assert capture.damage == expected.damage
        assert capture.share == 1
        capture.rewind()
        assert list(capture) == frames


@pytest.mark.parametrize("at", [0.3, 0.99])
@pytest.mark.parametrize("how", ["cut", "damaged"])
@pytest.mark.parametrize("packed", [gzip.compress, zstd])
def test_damaged_compression(tmp_path: Path, at: float, how: str, packed: object) -> None:
    assert callable(packed)
    data = bytearray(packed(CONTENT))
    place = int(at * len(data))
    if how == "cut":
        del data[place:]
    else:
        data[place : place + 40] = bytes(40)
    frames, expected = plain(tmp_path / "packed", bytes(data))
    assert expected.damage is not None
    with open_capture(tmp_path / "packed", again=True) as capture:
        assert list(through_windows(capture)) == frames
        assert capture.damage == expected.damage


def test_a_slow_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing comes its reader gets a turn, and what is there is read."""
    monkeypatch.setattr(stream, "_PATIENCE_MS", 1)
    frames, _ = plain(tmp_path / "plain", CONTENT)
    with piped(CONTENT, len(CONTENT) // 10, pause_s=0.05) as path, open_capture(path, again=True) as capture:
        assert capture.share is None
        columns = columns_of(capture)
        assert columns is not None
        windows = list(columns.windows())
        assert windows.count(None) > 5
        assert len([window for window in windows if window]) > 5
        assert capture.frames == len(frames)
        capture.rewind()
        assert list(capture) == frames


@pytest.mark.parametrize("content", [CONTENT, BLOCKS], ids=["pcap", "pcapng"])
def test_no_room_for_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    frames, _ = plain(tmp_path / "plain", content)
    monkeypatch.setattr(spool, "SPARE", 1 << 60)
    with piped(content) as path, open_capture(path, again=True) as capture:
        columns = columns_of(capture)
        assert columns is not None
        assert sum(len(window.starts) for window in columns.windows() if window) < len(frames)
        assert capture.full
        capture.rewind()
        assert list(capture) == frames


@pytest.mark.parametrize("written", [0, 100, 1 << 20])
def test_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int) -> None:
    frames, _ = plain(tmp_path / "plain", CONTENT)

    class Small(FileIO):
        def write(self, data: bytes, /) -> int:  # type: ignore[override]
            room = written - os.fstat(self.fileno()).st_size
            if room <= 0:
                raise OSError(28, "No space left on device")
            return super().write(data[:room])

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Small(tmp_path / "copy", "w+"))
    with piped(CONTENT) as path, open_capture(path, again=True) as capture:
        capture.reach(1 << 19)
        columns = columns_of(capture)
        assert columns is not None
        assert sum(len(window.starts) for window in columns.windows() if window) < len(frames)
        assert capture.full
        capture.rewind()
        assert list(capture) == frames


def test_no_place_for_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames, _ = plain(tmp_path / "plain", CONTENT)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    with piped(CONTENT) as path, open_capture(path, again=True) as capture:
        capture.reach(1 << 19)
        assert columns_of(capture) is None
        capture.rewind()
        assert list(capture) == frames


def test_what_is_small_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: pytest.fail("a file"))
    with piped(CONTENT[:1000]) as path, open_capture(path, again=True) as capture:
        assert capture.reach(1 << 20)
        assert capture.reached == 1000
        capture.rewind()
        assert capture.reached == 1000
        assert list(capture)
