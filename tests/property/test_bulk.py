"""Reading in bulk tells the same as reading packet by packet: of each handshake, and in the summary."""

from __future__ import annotations

import io
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshake.api import Inspection, inspect
from handshake.bulk import summary
from handshake.bulk.census import OUTCOMES, Census
from handshake.bulk.reading import BulkReader
from handshake.bulk.sift import NotPlainError
from handshake.errors import CaptureError
from handshake.findings import examine
from handshake.findings.sketch import sketch
from handshake.flow.table import DEFAULT_LIMIT
from handshake.model.report import Report
from handshake.render import csv
from handshake.render.summary import render
from handshake.render.terminal import terminal_of
from handshake.source.capture import open_capture
from tests.property.wandering import capture
from tests.support import ROOT, shared_captures

BUNDLED = sorted((ROOT / "captures").glob("*.pcap*"))
Lines = dict[int, tuple[Any, ...]]


def text(report: Report) -> str:
    out = io.StringIO()
    render(report, out, terminal_of(out, verbosity=1))
    return out.getvalue()


def in_bulk(path: Path, window: int, limit: int = DEFAULT_LIMIT) -> tuple[Lines, str, BulkReader]:
    """The handshakes of a capture by the number of their first frame, and the summary, read in bulk."""
    readers: list[BulkReader] = []

    class Kept(BulkReader):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            readers.append(self)

    with pytest.MonkeyPatch.context() as patch, open_capture(path) as source:
        patch.setattr(summary, "BulkReader", Kept)
        *_, report = summary.swept(source, examine, limit, window)
    assert isinstance(readers[0].lines, Census)
    return lines_of(readers[0].lines), text(report), readers[0]


def lines_of(census: Census) -> Lines:
    codes = census.codes()
    found: Lines = {}
    for line in census.lines():
        ports = int(line["ports"])
        isns = tuple(None if line[side] < 0 else int(line[side]) for side in ("client_iss", "server_iss"))
        found[int(line["number"])] = (
            OUTCOMES[line["outcome"]], census.names.endpoint(int(line["client_host"]), ports >> 16),
            census.names.endpoint(int(line["server_host"]), ports & 0xFFFF), int(line["start"]), int(line["end"]),
            int(line["setup"]), int(line["irtt"]), codes[line["found"]], bool(line["probing"]), bool(line["unasked"]),
            isns,
        )  # fmt: skip
    return found


def one_by_one(report: Report) -> tuple[Lines, str]:
    """The same, read packet by packet."""
    found: Lines = {}
    for handshake in report.handshakes:
        sketched, timing = sketch(handshake), handshake.timing
        irtt_ns = timing.irtt_ns if handshake.outcome.opened else None
        found[handshake.steps[0].packet.number] = (
            handshake.outcome, sketched.client, sketched.server, handshake.start_ns, handshake.end_ns,
            -1 if timing.setup_ns is None else timing.setup_ns, -1 if irtt_ns is None else irtt_ns,
            tuple(sorted({finding.code for finding in handshake.findings})), sketched.probing,
            sketched.answered is not None, sketched.isns,
        )  # fmt: skip
    return found, text(report)


def rows_in_bulk(path: Path, window: int, limit: int = DEFAULT_LIMIT) -> str:
    """The handshakes of a capture as CSV, read in bulk."""
    with open_capture(path) as source:
        *_, report = summary.listed(source, examine, limit, csv.alike, window)
    return rows(report)


def rows(report: Report) -> str:
    out = io.StringIO()
    csv.render(report, out, terminal_of(out))
    return out.getvalue()


def same(path: Path, window: int, limit: int = DEFAULT_LIMIT) -> BulkReader:
    """Compare both ways; raises NotPlainError for a capture that is not to be read in bulk."""
    lines, summed, reader = in_bulk(path, window, limit)
    report = inspect([path], limit)
    assert (lines, summed) == one_by_one(report)
    assert rows_in_bulk(path, window, limit) == rows(report)
    return reader


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32), window=st.sampled_from((150, 700, 3000, 1 << 20)), bends=st.sampled_from((0, 0.2, 0.6))
)
def test_random_captures_in_windows_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, seed: int, window: int, bends: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.pcap"
    path.write_bytes(capture(seed, 40, bends))
    try:
        same(path, window)
    except NotPlainError:
        assert bends > 0.2, "ordinary connections, a little bent, are always read in bulk"


def test_rows_of_what_was_read_until_there_was_enough(tmp_path: Path) -> None:
    path = tmp_path / "broken-off.pcap"
    path.write_bytes(capture(5, 60, 0.2))
    with open_capture(path) as source:
        sweep = summary.listed(source, examine, DEFAULT_LIMIT, csv.alike, 20_000)
        next(sweep)
        report = sweep.throw(summary.Enough)
    inspection = Inspection(str(path))
    with open_capture(path) as source:
        read = list(islice(source, report.tally.frames))
        assert 0 < len(read) < source.frames + sum(1 for _ in source)
    handshakes = [*(each for frame in read for each in inspection.feed(frame)), *inspection.finish()]
    assert rows(report) == rows(inspection.report(handshakes, report.sources))


def test_connections_that_go_alike_are_judged_once(tmp_path: Path) -> None:
    path = tmp_path / "alike.pcap"
    path.write_bytes(capture(3, 600, 0))
    reader = same(path, 1 << 16)
    assert len(reader._verdicts) < 300


@pytest.mark.parametrize("limit", [1, 7, 20])
def test_a_full_table_loses_the_same_connections(tmp_path: Path, limit: int) -> None:
    """Connections one after the other, so that none goes on after it had to leave."""
    path = tmp_path / "full.pcap"
    kept = 0
    for seed in range(12):
        path.write_bytes(capture(seed, 30, 0))
        try:
            same(path, 2000, limit)
        except NotPlainError:
            continue
        kept += 1
    assert kept or limit < 20


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.name)
@pytest.mark.parametrize("window", [200, 1 << 20])
def test_bundled_captures(path: Path, window: int) -> None:
    same(path, window)


@pytest.mark.parametrize("kind", ["real", "broken"])
def test_shared_captures(kind: str) -> None:
    paths = shared_captures(kind)
    if not paths:
        pytest.skip("no shared captures beside this checkout")
    read = 0
    for path in paths:
        if path.stat().st_size > 1 << 21:
            continue
        try:
            same(path, 1 << 14)
        except (NotPlainError, CaptureError):
            continue
        read += 1
    assert read > 10
