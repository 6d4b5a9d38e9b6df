"""Frame by frame against tshark: how many, when, how long. Over captures that nobody here made.

Dissection is switched off as far as tshark allows it, which keeps a run at a fifth of a second; of the
malformed captures only the number of frames is compared, with the one that `broken.csv` records.
"""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

import pytest

from handshake.errors import CaptureError
from handshake.source.capture import Capture, open_capture
from handshake.source.pcapng import MAX_TIME_NS
from tests.support import SHARED, shared_captures, tshark

FIELDS = ("frame.time_epoch", "frame.cap_len", "frame.len")
NO_CAPTURES = "the captures of other projects are not on this machine (../shared/captures)"
CUSTOM_BLOCKS = {"test017": 4, "test018": 4, "test102": 3}
"""Custom blocks that tshark shows as frames, without a timestamp; we skip them."""

Row = tuple[int | None, int, int]
"""Time in ns (None where tshark has none), captured length, original length."""


def names(kind: str, pattern: str = "*") -> list[str]:
    return [path.name for path in shared_captures(kind) if path.match(pattern)] or ["none"]


def capture_path(kind: str, name: str) -> Path:
    if name == "none":
        pytest.skip(NO_CAPTURES)
    return SHARED / "captures" / kind / name


def tsharks(path: Path) -> list[Row]:
    command = [
        tshark(),
        "-n",
        "--disable-protocol",
        "ip",
        "--disable-protocol",
        "ipv6",
        "-r",
        str(path),
        "-T",
        "fields",
    ]
    fields = [word for field in FIELDS for word in ("-e", field)]
    done = subprocess.run([*command, *fields], capture_output=True, text=True, check=False)
    return [row(line) for line in done.stdout.splitlines()]


def row(line: str) -> Row:
    time, cap_len, orig_len = line.split("\t")
    seconds, _, fraction = time.partition(".")
    time_ns = min(int(seconds + fraction.ljust(9, "0")), MAX_TIME_NS) if time else None
    return time_ns, int(cap_len), int(orig_len)


def ours(path: Path) -> tuple[list[Row], Capture]:
    with open_capture(path) as capture:
        return [(frame.time_ns, len(frame.data), frame.orig_len) for frame in capture], capture


@pytest.mark.parametrize("name", names("real"))
def test_real_captures_read_as_tshark_reads_them(name: str) -> None:
    path = capture_path("real", name)
    rows, capture = ours(path)
    assert rows == tsharks(path)
    assert capture.damage is None
    assert capture.frames == len(rows) > 0


@pytest.mark.parametrize("name", names("broken", "gopacket__le-*.pcapng"))
def test_pcapng_varieties_read_as_tshark_reads_them(name: str) -> None:
    """Simple packet blocks, several sections and interfaces, unusual time stamps, custom blocks."""
    path = capture_path("broken", name)
    rows, _ = ours(path)
    theirs = [their for their in tsharks(path) if their[0] is not None or their[1] > 60]
    assert [mine[1:] for mine in rows] == [their[1:] for their in theirs]
    for mine, their, before in zip(rows, theirs, [(0, 0, 0), *rows], strict=False):
        assert mine[0] == (before[0] if their[0] is None else their[0])


@pytest.mark.parametrize("name", names("broken", "gopacket__be-*.pcapng"))
def test_both_byte_orders_say_the_same(name: str) -> None:
    path = capture_path("broken", name)
    with open_capture(path) as big, open_capture(path.with_name(name.replace("be-", "le-"))) as little:
        assert list(big) == list(little)
        assert big.damage == little.damage


@pytest.mark.parametrize("name", names("broken"))
def test_broken_captures_are_read_up_to_the_damage_or_refused_in_one_line(name: str) -> None:
    path = capture_path("broken", name)
    with (SHARED / "captures" / "broken.csv").open(newline="") as table:
        record = next(record for record in csv.DictReader(table) if record["name"] == name)
    try:
        rows, capture = ours(path)
    except CaptureError as error:
        refusal = str(error)
    else:
        refusal = ""
    counted = int(record["tshark_packets"])
    if refusal:
        assert refusal.startswith(f"{path}: ")
        assert "\n" not in refusal
        assert counted == 0 or "editcap" in refusal or "version 2.5 is not supported" in refusal
    elif record["tshark_rc"] == "2" and counted == 0:
        assert capture.damage is None, "tshark does not know the link type"
    else:
        assert len(rows) == counted - CUSTOM_BLOCKS.get(name.removesuffix(".pcapng")[-7:], 0)
        assert (capture.damage is not None) == (record["tshark_rc"] == "2")
