"""Reading in bulk tells the same as reading packet by packet: of each handshake, and in the summary."""

from __future__ import annotations

import contextlib
import gzip
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice, pairwise
from multiprocessing import active_children
from pathlib import Path
from random import Random
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from handshake import api
from handshake.api import Inspection, inspect
from handshake.bulk import census, summary
from handshake.bulk.census import OUTCOMES, Census
from handshake.bulk.reading import BulkReader
from handshake.bulk.sift import NotPlainError
from handshake.cli.reading import read_captures
from handshake.errors import CaptureError
from handshake.findings import examine
from handshake.findings.sketch import sketch
from handshake.flow.table import DEFAULT_LIMIT
from handshake.model.packet import Frame
from handshake.model.report import Report
from handshake.render import csv
from handshake.render.summary import render
from handshake.render.terminal import terminal_of
from handshake.source.capture import open_capture
from handshake.source.recording import Recording
from handshake.source.writer import PcapngWriter, PcapWriter
from tests.bench import traffic
from tests.property.rewriting import COOKED, at_interfaces, by_flow, cooked, frames_of, in_vlans, spread
from tests.property.wandering import capture
from tests.support import ROOT, shared_captures
from tests.unit.source.capture_bytes import enhanced, interface, option, pcap_record, section
from tests.unit.source.test_spool import piped

BUNDLED = sorted((ROOT / "captures").glob("*.pcap*"))
Lines = dict[int, tuple[Any, ...]]


def text(report: Report) -> str:
    out = io.StringIO()
    render(report, out, terminal_of(out, verbosity=1))
    return f"{report.sources}\n{out.getvalue()}"


def in_bulk(
    paths: Sequence[Path], window: int, limit: int = DEFAULT_LIMIT, jobs: int = 1
) -> tuple[Lines, str, BulkReader]:
    """The handshakes of a recording by the number of their first frame, and the summary, read in bulk."""
    readers: list[BulkReader] = []

    class Kept(BulkReader):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            readers.append(self)

    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setattr(summary, "BulkReader", Kept)
        recording = Recording([stack.enter_context(open_capture(path, again=True)) for path in paths])
        *_, report = summary.swept(recording, examine, limit, window, jobs)
    assert isinstance(readers[0].lines, Census)
    return lines_of(readers[0].lines), text(report), readers[0]


def lines_of(kept: Census) -> Lines:
    codes = kept.codes()
    found: Lines = {}
    for line in kept.lines():
        ports = int(line["ports"])
        isns = tuple(None if line[side] < 0 else int(line[side]) for side in ("client_iss", "server_iss"))
        found[int(line["number"])] = (
            OUTCOMES[line["outcome"]], kept.names.endpoint(int(line["client_host"]), ports >> 16),
            kept.names.endpoint(int(line["server_host"]), ports & 0xFFFF), int(line["start"]), int(line["end"]),
            int(line["setup"]), int(line["irtt"]), codes[line["found"]], bool(line["probing"]), bool(line["unasked"]),
            isns,
        )  # fmt: skip
    return found


def one_by_one(paths: Sequence[Path], limit: int = DEFAULT_LIMIT) -> Report:
    """The same, read packet by packet."""
    return _one_by_one(tuple(paths), tuple(path.read_bytes() for path in paths), limit)


@lru_cache(maxsize=2)
def _one_by_one(paths: Sequence[Path], _: Sequence[bytes], limit: int) -> Report:
    """Once for the same content, whatever the windows are."""
    inspection = Inspection(limit=limit)
    return read_captures(map(str, paths), quiet=True, as_one=len(paths) > 1, inspection=inspection).report


def told(report: Report) -> tuple[Lines, str]:
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


def rows_in_bulk(paths: Sequence[Path], window: int, limit: int = DEFAULT_LIMIT, jobs: int = 1) -> str:
    """The handshakes of a recording as CSV, read in bulk."""
    with contextlib.ExitStack() as stack:
        recording = Recording([stack.enter_context(open_capture(path, again=True)) for path in paths])
        *_, report = summary.listed(recording, examine, limit, csv.alike, window, jobs)
    return rows(report)


def rows(report: Report) -> str:
    out = io.StringIO()
    csv.render(report, out, terminal_of(out))
    return out.getvalue()


def same(path: Path | Sequence[Path], window: int, limit: int = DEFAULT_LIMIT, jobs: int = 1) -> BulkReader:
    """Compare both ways; raises NotPlainError for a recording that is not to be read in bulk."""
    paths = [path] if isinstance(path, Path) else path
    lines, summed, reader = in_bulk(paths, window, limit, jobs)
    report = one_by_one(paths, limit)
    assert (lines, summed) == told(report)
    assert rows_in_bulk(paths, window, limit, jobs) == rows(report)
    return reader


@settings(max_examples=40, deadline=None)
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


PACKERS = (gzip.compress, zstandard.ZstdCompressor(write_checksum=True).compress)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32), window=st.sampled_from((700, 1 << 20)), pack=st.sampled_from(PACKERS),
    cut=st.sampled_from((0, 0, 1, 30, 500)),
)  # fmt: skip
def test_random_captures_compressed(
    tmp_path_factory: pytest.TempPathFactory, seed: int, window: int, pack: Callable[[bytes], bytes], cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.packed"
    packed = pack(capture(seed, 30, 0.2))
    path.write_bytes(packed[: len(packed) - cut])
    with contextlib.suppress(NotPlainError, CaptureError):
        same(path, window)


@pytest.mark.parametrize("path", BUNDLED[1::4], ids=lambda path: path.name)
def test_bundled_captures_compressed(path: Path, tmp_path: Path) -> None:
    packed = tmp_path / path.name
    packed.write_bytes(gzip.compress(path.read_bytes()))
    same(packed, 1 << 20)


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("bulk_bytes", [10_000, 1 << 30])
def test_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: bool, bulk_bytes: int) -> None:
    """In bulk where it is large and plain; else, maybe half-way, packet by packet, from its beginning."""
    monkeypatch.setattr(api, "BULK_BYTES", bulk_bytes)
    content = capture(1, 100, 0)
    if not plain:
        content += pcap_record(b"", 3) + content[24:]
    path = tmp_path / "plain.pcap"
    path.write_bytes(content)
    with piped(content, 1000) as pipe, open_capture(pipe, again=True) as source:
        report = api.count_in_bulk(Recording([source]))
        assert (report is not None) is (plain and bulk_bytes < len(content))
    with piped(content, 1000) as pipe:
        report = api.count(pipe)
        sources = tuple(replace(each, name=str(path)) for each in report.sources)
    assert text(replace(report, sources=sources)) == text(api.counted(inspect([path])))


def in_parts(path: Path, cuts: Sequence[int]) -> list[Path]:
    """The capture cut before these frames; each part in another kind of file."""
    frames = frames_of(path)
    ends = sorted({0, len(frames), *(cut % len(frames) for cut in cuts)})
    parts = []
    for number, (begin, end) in enumerate(pairwise(ends)):
        parts.append(path.with_name(f"{path.stem}.{number}"))
        written = io.BytesIO()
        plain = len({(frame.linktype, frame.interface) for frame in frames}) == 1 and not frames[0].interface
        pcap = plain and number % 2 == 0
        with PcapWriter(written, frames[0].linktype) if pcap else PcapngWriter(written) as writer:
            for frame in frames[begin:end]:
                writer.write(frame)
        parts[-1].write_bytes(gzip.compress(written.getvalue()) if number % 3 == 2 else written.getvalue())
    return sorted(parts, key=lambda part: frames_of(part)[0].time_ns)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32), window=st.sampled_from((700, 1 << 20)), bends=st.sampled_from((0, 0.2)),
    cuts=st.lists(st.integers(0, 2**32), min_size=1, max_size=9),
)  # fmt: skip
def test_random_recordings_in_parts(
    tmp_path_factory: pytest.TempPathFactory, seed: int, window: int, bends: float, cuts: list[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "whole.pcap"
    path.write_bytes(capture(seed, 30, bends))
    try:
        same(in_parts(path, cuts), window)
    except NotPlainError:
        assert bends, "ordinary connections are always read in bulk"


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.name)
def test_bundled_captures_in_parts(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    same(in_parts(copy, [5, 11, 12, 40]), 1 << 20)


def test_a_damaged_part_ends_early(tmp_path: Path) -> None:
    path = tmp_path / "whole.pcap"
    path.write_bytes(capture(4, 40, 0))
    parts = in_parts(path, [100, 200, 300])
    for part in parts[1:]:
        part.write_bytes(part.read_bytes()[:-9])
    same(parts, 1 << 20)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32), window=st.sampled_from((700, 3000, 1 << 20)), bends=st.sampled_from((0, 0.2)),
    seen_twice=st.sampled_from((0, 0.1, 1)),
)  # fmt: skip
def test_random_captures_at_several_interfaces(
    tmp_path_factory: pytest.TempPathFactory, seed: int, window: int, bends: float, seen_twice: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.pcap"
    path.write_bytes(capture(seed, 30, bends))
    spread = at_interfaces(frames_of(path), path.with_name("several.pcapng"), Random(seed), seen_twice)
    try:
        same(spread, window)
    except NotPlainError:
        assert bends, "ordinary connections are always read in bulk"


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32), window=st.sampled_from((700, 1 << 20)), linktypes=st.sets(st.sampled_from([*COOKED]))
)
def test_random_captures_of_other_link_types(
    tmp_path_factory: pytest.TempPathFactory, seed: int, window: int, linktypes: set[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.pcap"
    path.write_bytes(capture(seed, 30, 0.2))
    random, links = Random(seed), sorted(linktypes)
    frames = (cooked(frame, random.choice(links)) if links else frame for frame in frames_of(path))
    written = path.with_name("cooked.pcapng")
    with PcapngWriter(written) as writer:
        for frame in frames:
            writer.write(frame)
    with contextlib.suppress(NotPlainError):
        same(written, window)


@pytest.mark.parametrize("linktype", COOKED)
def test_other_link_types_are_read_in_columns(tmp_path: Path, linktype: int) -> None:
    path = tmp_path / "plain.pcap"
    path.write_bytes(capture(6, 60, 0))
    frames = [cooked(frame, linktype) for frame in frames_of(path)]
    with PcapWriter(tmp_path / "cooked.pcap", linktype) as writer:
        for frame in frames:
            writer.write(frame)
    reader = same(tmp_path / "cooked.pcap", 1 << 20)
    assert reader._table.begun == same(path, 1 << 20)._table.begun


VLANS: dict[str, Callable[[Frame, Random], Frame]] = {
    "one": lambda frame, _: in_vlans(frame, 7),
    "priority": lambda frame, _: in_vlans(frame, 0),
    "stacked": lambda frame, _: in_vlans(frame, 7, 9),
    "three": lambda frame, _: in_vlans(frame, 7, 0, 9),
    "by flow": lambda frame, _: in_vlans(frame, *range(5, 5 + by_flow(frame, 3))),
    "some": lambda frame, random: in_vlans(frame, 7) if random.random() < 0.98 else frame,
    "any": lambda frame, random: in_vlans(frame, *random.choice(((), (7,), (8,), (7, 8)))),
}


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32), window=st.sampled_from((700, 1 << 20)), bends=st.sampled_from((0, 0.2)),
    vlans=st.sampled_from([*VLANS]), seen_twice=st.sampled_from((0, 0.1)),
)  # fmt: skip
def test_random_captures_in_vlans(  # noqa: PLR0917 - what is drawn
    tmp_path_factory: pytest.TempPathFactory, seed: int, window: int, bends: float, vlans: str, seen_twice: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.pcap"
    path.write_bytes(capture(seed, 30, bends))
    random = Random(seed)
    frames = [VLANS[vlans](frame, random) for frame in frames_of(path)]
    if seen_twice:
        frames = [*spread(frames, random, seen_twice)]
    written = path.with_name("vlans.pcapng")
    with PcapngWriter(written) as writer:
        for frame in frames:
            writer.write(frame)
    with contextlib.suppress(NotPlainError):
        same(written, window)


@pytest.mark.parametrize("vlans", ["one", "priority", "stacked", "by flow"])
def test_vlans_are_read_in_columns(tmp_path: Path, vlans: str) -> None:
    path = tmp_path / "plain.pcap"
    path.write_bytes(capture(5, 60, 0))
    with PcapWriter(tmp_path / "vlans.pcap") as writer:
        for frame in frames_of(path):
            writer.write(VLANS[vlans](frame, Random(1)))
    reader = same(tmp_path / "vlans.pcap", 1 << 20)
    assert reader._table.begun == same(path, 1 << 20)._table.begun


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.name)
def test_bundled_captures_in_vlans(path: Path, tmp_path: Path) -> None:
    with PcapngWriter(tmp_path / path.name) as writer:
        for frame in frames_of(path):
            writer.write(in_vlans(frame, 12) if frame.linktype == 1 else frame)
    same(tmp_path / path.name, 1 << 20)


@pytest.mark.parametrize("jobs", [1, 2])
def test_sections_of_either_byte_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    """Whoever was forked before the second one does not know how to read its packets again."""
    monkeypatch.setattr(api, "BULK_BYTES", 0)
    monkeypatch.setattr(api, "SHARED_BYTES", 0)
    path = tmp_path / "sections.pcapng"
    path.write_bytes(capture(5, 60, 0))
    frames = frames_of(path)
    half, content = len(frames) // 2, b""
    for part, order in ((frames[:half], "<"), (frames[half:], ">")):
        content += section(order) + interface(order, options=option(9, b"\x09", order))
        content += b"".join(enhanced(frame.data, frame.time_ns, order=order) for frame in part)
    path.write_bytes(content)
    with open_capture(path, again=True) as source:
        report = api.count_in_bulk(Recording([source]), jobs=jobs)
    assert report is not None
    assert text(report) == text(api.counted(inspect([path])))


def test_what_a_bridge_sees_again_is_left_out_in_bulk(tmp_path: Path) -> None:
    """Of a copy made elsewhere nobody hears, so its connection need not be followed one by one."""
    path = tmp_path / "once.pcap"
    path.write_bytes(capture(5, 60, 0))
    frames = frames_of(path)
    twice = [replace(frame, interface=name) for frame in frames for name in ("eth0", "br0")]
    with PcapngWriter(tmp_path / "twice.pcapng") as writer:
        for frame in twice:
            writer.write(frame)
    reader = same(tmp_path / "twice.pcapng", 1 << 20)
    assert reader.tally.copies == reader.tally.tcp // 2
    assert reader._table.begun == same(path, 1 << 20)._table.begun


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32), jobs=st.integers(2, 5), bends=st.sampled_from((0, 0.2)))
def test_shared_by_any_number_of_processes(
    tmp_path_factory: pytest.TempPathFactory, seed: int, jobs: int, bends: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "shared.pcap"
    path.write_bytes(capture(seed, 40, bends))
    with contextlib.suppress(NotPlainError):
        same(path, 3000, jobs=jobs)
    assert not active_children()


@pytest.mark.parametrize("path", BUNDLED[::4], ids=lambda path: path.name)
def test_bundled_captures_shared_by_three_processes(path: Path) -> None:
    same(path, 1 << 20, jobs=3)


def test_a_full_table_that_is_shared_loses_the_same_connections(tmp_path: Path) -> None:
    """Most such captures cannot be shared, each time others, for who has which connections is left to chance."""
    path = tmp_path / "full.pcap"
    kept = 0
    for seed in range(60):
        path.write_bytes(capture(seed, 24, 0))
        with contextlib.suppress(NotPlainError):
            same(path, 2000, 18, jobs=2)
            kept += 1
        if kept == 3:
            break
    assert kept == 3


@pytest.mark.parametrize("jobs", [1, 2, 3])
@pytest.mark.parametrize("window", [2000, 1 << 20])
def test_of_a_flood_the_oldest_leave_a_full_table(tmp_path: Path, jobs: int, window: int) -> None:
    path = tmp_path / "flood.pcap"
    traffic.make("flood", 600, path)
    same(path, window, 100, jobs)
    assert one_by_one([path], 100).tally.evicted == 500


def test_a_process_that_is_killed_is_missed(tmp_path: Path) -> None:
    """Nothing is told of a part: the capture is read in another way."""
    path = tmp_path / "killed.pcap"
    path.write_bytes(capture(5, 60, 0))
    with open_capture(path, again=True) as source:
        sweep = summary.swept(Recording([source]), examine, DEFAULT_LIMIT, 500, 2)
        next(sweep)
        (child,) = active_children()
        child.kill()
        child.join()
        with pytest.raises(NotPlainError, match="has ended"):
            list(sweep)


def test_of_very_many_handshakes_the_oldest_are_counted_and_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "many.pcap"
    path.write_bytes(capture(11, 120, 0.2))
    whole = inspect([path])
    numbers = sorted(handshake.steps[0].packet.number for handshake in whole.handshakes)
    monkeypatch.setattr(census, "MOST_LINES", 30)
    reports = []
    for window in (400, 3000, 1 << 20):
        with open_capture(path, again=True) as source:
            *_, report = summary.swept(Recording([source]), examine, DEFAULT_LIMIT, window)
        assert report.totals is not None
        assert report.totals.handshakes == len(numbers)
        assert report.tally.forgotten == len(numbers) - 30
        reports.append(text(report))
    assert len(set(reports)) == 1, "whatever the windows are"
    assert f"{len(numbers) - 30} handshakes, the oldest" in reports[0]


def test_rows_of_what_was_read_until_there_was_enough(tmp_path: Path) -> None:
    path = tmp_path / "broken-off.pcap"
    path.write_bytes(capture(5, 60, 0.2))
    with open_capture(path, again=True) as source:
        sweep = summary.listed(Recording([source]), examine, DEFAULT_LIMIT, csv.alike, 20_000)
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


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.name)
def test_bundled_captures_at_several_interfaces(path: Path, tmp_path: Path) -> None:
    same(at_interfaces(frames_of(path), tmp_path / path.name, Random(1), 0.5), 1 << 20)


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
