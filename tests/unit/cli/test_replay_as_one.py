"""Parts of one recording, given in any order, are judged as the recording itself."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handshake import api
from handshake.cli.reading import Reading, read_captures, summarise_captures
from handshake.model.handshake import Exchange, Handshake
from handshake.render.summary import render
from handshake.render.terminal import terminal_of
from handshake.source.capture import open_capture
from handshake.source.writer import PcapngWriter
from tests.support import ROOT
from tests.unit.cli.test_replay import run

BUNDLED = sorted((ROOT / "captures").glob("*.pcap*"))


def in_parts(capture: Path, cuts: list[int], directory: Path) -> list[str]:
    """The capture cut before these frames; the parts in reverse order."""
    with open_capture(capture) as frames:
        every = list(frames)
    ends = sorted({0, len(every), *(cut % (len(every) + 1) for cut in cuts)})
    parts = []
    for number, (begin, end) in enumerate(pairwise(ends)):
        parts.append(str(directory / f"part{number}.pcapng"))
        with PcapngWriter(Path(parts[-1])) as writer:
            for frame in every[begin:end]:
                writer.write(frame)
    return parts[::-1]


def judged(reading: Reading) -> tuple[list[Handshake], list[Exchange], int]:
    """What was said, wherever it was read."""
    report = reading.report
    handshakes = [replace(each, source="") for each in report.handshakes]
    return handshakes, [replace(each, source="") for each in report.exchanges], report.tally.frames


@pytest.mark.parametrize("capture", BUNDLED, ids=lambda path: path.name)
def test_cut_in_the_middle(capture: Path, tmp_path: Path) -> None:
    whole = read_captures(in_parts(capture, [], tmp_path), quiet=True)
    middle = whole.report.tally.frames // 2
    parts = read_captures(in_parts(capture, [middle], tmp_path), quiet=True, as_one=True)
    assert len(parts.report.sources) == 2
    assert judged(parts) == judged(whole)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 200), min_size=1, max_size=8))
def test_cut_anywhere(cuts: list[int], tmp_path: Path) -> None:
    capture = ROOT / "captures" / "http-1.0.pcapng"
    whole = read_captures(in_parts(capture, [], tmp_path), quiet=True)
    assert judged(read_captures(in_parts(capture, cuts, tmp_path), quiet=True, as_one=True)) == judged(whole)


@pytest.mark.parametrize("bulk_bytes", [0, 1 << 20])
def test_counts(
    bulk_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In bulk or not, the same; of a part that cannot be read it is said."""
    monkeypatch.setattr(api, "BULK_BYTES", bulk_bytes)
    parts = in_parts(ROOT / "captures" / "http-1.0.pcapng", [10, 30, 50], tmp_path)
    parts.insert(1, str(tmp_path / "missing.pcap"))
    reading = summarise_captures(parts, quiet=True, as_one=True)
    expected = read_captures(parts, quiet=True, as_one=True)
    assert capsys.readouterr().err == f"handshake: {parts[1]}: no such file or directory\n" * 2
    assert (reading.failure, reading.exit_status) == (expected.failure, expected.exit_status) == (2, 2)
    assert summary(reading) == summary(expected)


def summary(reading: Reading) -> str:
    out = io.StringIO()
    render(reading.report, out, terminal_of(out, verbosity=1))
    return out.getvalue()


def test_on_the_command_line(tmp_path: Path) -> None:
    parts = in_parts(ROOT / "captures" / "three-way.pcap", [3, 6], tmp_path)
    shown = run("replay", "--as-one", "--summary", *parts)
    assert "opened    1 handshake: 1 established\n" in shown.stdout
    refused = run("replay", "--as-one", "-", *parts)
    assert refused.returncode == 2
    assert "files that we read ourselves" in refused.stderr
