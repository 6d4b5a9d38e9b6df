"""Opening captures: compression, standard input, and everything that cannot be opened."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from handshake.errors import CaptureError
from handshake.model.packet import Frame
from handshake.source.capture import open_capture
from handshake.source.compression import DecompressionError, Source, gunzip, unzstd
from tests.support import ROOT
from tests.unit.source.capture_bytes import block, enhanced, frames_of, interface, pcap_header, pcap_record, section

PCAP = pcap_header() + b"".join(pcap_record(bytes([n]) * 60, n) for n in range(200))
PCAPNG = section() + interface() + enhanced(b"abc", 1) + section(">") + interface(">") + enhanced(b"x", 2, order=">")


def gzip_members(data: bytes) -> bytes:
    return gzip.compress(data[:30]) + gzip.compress(b"") + gzip.compress(data[30:])


def zstd_frames(data: bytes) -> bytes:
    skippable = b"\x5e\x2a\x4d\x18\x03\0\0\0any"
    return skippable + zstandard.compress(data[:30]) + skippable + zstandard.compress(data[30:])


COMPRESSIONS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip members": ("gzip", gzip_members),
    "gzip padded": ("gzip", lambda data: gzip.compress(data) + bytes(700)),
    "zstd": ("zstd", zstandard.compress),
    "zstd frames": ("zstd", zstd_frames),
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize(("content", "name", "count"), [(PCAP, "pcap", 200), (PCAPNG, "pcapng", 2)])
def test_compressed_captures(tmp_path: Path, compression: str, content: bytes, name: str, count: int) -> None:
    kind, compress = COMPRESSIONS[compression]
    path = tmp_path / "whatever.it.is.called"
    path.write_bytes(compress(content))
    plain = tmp_path / "plain"
    plain.write_bytes(content)
    frames, capture = frames_of(path)
    assert frames == frames_of(plain)[0]
    assert (capture.format, len(frames), capture.damage) == (f"{name}, {kind}", count, None)


@pytest.mark.parametrize("compression", ["gzip", "gzip members", "zstd", "zstd frames"])
def test_cut_compression_is_damage(tmp_path: Path, compression: str) -> None:
    kind, compress = COMPRESSIONS[compression]
    noise = b"".join(pcap_record(os.urandom(300), n) for n in range(2000))
    data = compress(pcap_header() + noise)
    path = tmp_path / "x"
    for size in (len(data) - 1, len(data) - 4, len(data) - 9, len(data) * 9 // 10, len(data) // 2):
        path.write_bytes(data[:size])
        frames, capture = frames_of(path)
        assert capture.damage is not None
        assert capture.damage.reason == f"the {kind} data is cut off"
        assert capture.damage.number == len(frames) + 1
        assert capture.damage.offset == 24 + 316 * len(frames)
        lost = len(noise) * (len(data) - size) // len(data)
        block_size = 1 << 17
        assert len(frames) * 316 >= len(noise) - lost - block_size


def test_cut_gzip_gives_every_byte_that_is_there() -> None:
    content = os.urandom(1000) * 50
    data = gzip.compress(content)
    for size in range(20, len(data) - 8, 97):
        expected = zlib.decompressobj(wbits=31).decompress(data[:size])
        assert salvaged(data[:size]) == (expected, "the gzip data is cut off")


def test_damaged_gzip_gives_every_byte_before_the_damage() -> None:
    content = os.urandom(50_000)
    data = bytearray(gzip.compress(content))
    data[-6] ^= 1
    out, reason = salvaged(bytes(data))
    assert out == content
    assert reason.startswith("the gzip data is damaged (")
    assert "incorrect data check" in reason


def salvaged(data: bytes) -> tuple[bytes, str]:
    """What gunzip yields, and what it says when it has to stop."""
    pieces: list[bytes] = []
    with pytest.raises(DecompressionError) as caught:
        pieces.extend(gunzip(io.BytesIO(data)))
    return b"".join(pieces), str(caught.value)


def test_bytes_after_compressed_data_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(PCAP) + b"surprise")
    frames, capture = frames_of(path)
    assert len(frames) == 200
    assert capture.damage is not None
    assert "gzip data is damaged" in capture.damage.reason


@pytest.mark.parametrize(
    ("compress", "unpack", "limit"),
    [(gzip.compress, gunzip, 1 << 17), (zstandard.compress, unzstd, 1 << 25)],
    ids=["gzip", "zstd"],
)
def test_a_bomb_comes_in_bounded_pieces(
    compress: Callable[[bytes], bytes], unpack: Callable[[Source], Iterator[bytes]], limit: int
) -> None:
    sizes = [len(piece) for piece in unpack(io.BytesIO(compress(bytes(1 << 27))))]
    assert sum(sizes) == 1 << 27
    assert max(sizes) <= limit


def test_zstandard_is_imported_only_for_zstd(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap.gz"
    path.write_bytes(gzip.compress(PCAP))
    script = (
        "import sys; from handshake.source.capture import open_capture; "
        f"print(len(list(open_capture({str(path)!r}))), 'zstandard' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "200 False\n"


STDIN_SCRIPT = """
from handshake.errors import CaptureError
from handshake.source.capture import open_capture
try:
    with open_capture("-") as capture:
        print(sum(len(frame.data) for frame in capture), capture.info(), flush=True)
except CaptureError as error:
    print(error)
"""


def through_stdin(data: bytes) -> str:
    command = [sys.executable, "-c", STDIN_SCRIPT]
    return subprocess.run(command, cwd=ROOT, input=data, capture_output=True, check=True).stdout.decode().strip()


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstandard.compress])
def test_standard_input(compress: Callable[[bytes], bytes]) -> None:
    told = through_stdin(compress(PCAP))
    assert told.startswith("12000 SourceInfo(name='standard input', format='pcap")
    assert told.endswith("frames=200, damage=None, dropped=None)")


def test_standard_input_that_is_no_capture() -> None:
    assert through_stdin(b"") == "standard input: empty, not even a file header in it"
    assert through_stdin(b"hello\n") == "standard input: plain text, not a capture"


def test_standard_input_that_trickles_in() -> None:
    """A live `tcpdump -w - |`: single bytes at first, and a frame is there as soon as it is written."""
    script = (
        "from handshake.source.capture import open_capture\n"
        "for frame in open_capture('-'): print(frame.number, flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        for byte in pcap_header() + pcap_record(bytes(24), 1):
            reader.stdin.write(bytes([byte]))
            reader.stdin.flush()
        assert reader.stdout.readline() == b"1\n"
        reader.stdin.write(pcap_record(b"x", 2))
        reader.stdin.flush()
        assert reader.stdout.readline() == b"2\n"
        reader.stdin.close()
        assert reader.wait(10) == 0


def refusal(path: Path | str) -> str:
    with pytest.raises(CaptureError) as caught:
        open_capture(path)
    text = str(caught.value)
    assert "\n" not in text
    prefix = f"{path}: "
    assert text.startswith(prefix)
    return text.removeprefix(prefix)


def test_missing_and_unreadable(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.pcap") == "no such file or directory"
    assert refusal(tmp_path).startswith("a directory, not a capture; name the files in it, such as ")
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file" / "x.pcap") == "not a directory"
    assert refusal(tmp_path / "file") == "empty, not even a file header in it"


def test_permission_denied(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(PCAP)
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        assert refusal(path) == "permission denied"
    finally:
        os.seteuid(user)


@pytest.mark.parametrize(
    ("name", "start", "said"),
    [
        ("x", b"btsnoop\0", "a Symbian btsnoop (Bluetooth) capture, not pcap or pcapng; try: editcap"),
        ("x", b"GMBU\0\2", "a Microsoft Network Monitor 2 capture"),
        ("x", b"\xfd7zXZ\0", "xz-compressed, not pcap or pcapng; try: xz -dc "),
        ("x", b"BZh91AY", "bzip2-compressed"),
        ("x", b"PK\3\4", "a zip archive"),
        ("x", b"\x7fELF\2", "an ELF program, not pcap or pcapng"),
        ("x.erf", bytes(range(128, 148)), "an Endace ERF capture"),
        ("x", b' {"a": 1}', "a JSON document, not a capture"),
        ("x", b"\n<!DOCTYPE HTML>\n", "an HTML page, not a capture"),
        ("x", b"<?xml version", "an XML document, not a capture"),
        ("x", b"12:00:01.5 IP 10.0.0.1 > 10.0.0.2", "plain text, not a capture"),
        ("x", b"\xde\xad\xbe\xef\0", "neither pcap nor pcapng (it begins with 0xdeadbeef)"),
        ("x", b"\xd4", "neither pcap nor pcapng (it begins with 0xd4)"),
    ],
)
def test_other_formats_are_named(tmp_path: Path, name: str, start: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(start)
    assert refusal(path).startswith(said)
    compressed = tmp_path / f"{name}.gz"
    compressed.write_bytes(gzip.compress(start))
    assert refusal(compressed).startswith(said)


def test_the_command_for_a_conversion_can_be_pasted(tmp_path: Path) -> None:
    path = tmp_path / "my trace.cap"
    path.write_bytes(b"GMBU\0\2")
    assert refusal(path).endswith(f"try: editcap -F pcapng '{path}' out.pcapng")


def test_compressed_nothing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b""))
    assert refusal(path) == "empty, not even a file header in it"
    path.write_bytes(gzip.compress(PCAP)[:5])
    assert refusal(path) == "the gzip data is cut off"


@given(data=st.data())
def test_flipped_bytes_never_raise_in_the_middle(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = bytearray(
        data.draw(st.sampled_from([PCAP[:400], PCAPNG + block(3, b"\0\0\0\1x", ">"), gzip_members(PCAPNG)]))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "flipped"
    path.write_bytes(whole)
    frames: list[Frame] = []
    with contextlib.suppress(CaptureError), open_capture(path) as capture:
        frames.extend(capture)
    assert [frame.number for frame in frames] == list(range(1, len(frames) + 1))
    assert all(0 <= frame.time_ns < 2**64 for frame in frames)
