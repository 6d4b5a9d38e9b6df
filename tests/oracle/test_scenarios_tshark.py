"""Every scripted dialogue of tests/scenarios, read by tshark: it differs from us only by known traps."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from handshake.crosscheck import crosscheck
from handshake.model.packet import Frame
from tests.scenarios import script
from tests.support import tshark

START_NS = 1_700_000_000 * 10**9
APART_NS = 1000 * 10**9
"""Between two scenarios, which also have hosts of their own."""
DIFFERING = 30
"""Scenarios that may differ by a trap, at most; a quarter of them would be no agreement."""


def frames(version: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Frame]]:
    """The packets of all scenarios that make sense with this IP version, with the title of each."""
    number = 0
    for place, scenario in enumerate(script.scenarios(), 1):
        if version not in scenario.versions:
            continue
        net = f"10.{place // 250 + 1}.{place % 250}." if version == 4 else f"fd00:{place:x}::"
        monkeypatch.setitem(script._HOSTS, version, (f"{net}1", f"{net}2", f"{net}9"))
        stage = script.Stage(version, (1000, 9000), scenario.setup)
        for line in (line for block in scenario.blocks for line in block.lines):
            number += 1
            made = stage.frame(number, line)
            yield str(scenario), Frame(number, START_NS + place * APART_NS + made.time_ns, 1, made.data, made.orig_len)


def written(path: Path, packets: list[Frame]) -> None:
    """A pcap file with times in ns."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for each in packets:
            seconds, fraction = divmod(each.time_ns, 10**9)
            file.write(struct.pack("<IIII", seconds, fraction, len(each.data), each.orig_len) + each.data)


@pytest.mark.parametrize("version", [4, 6])
def test_scenarios(version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tshark()
    titled = list(frames(version, monkeypatch))
    titles = [title for title, _ in titled]
    path = tmp_path / "scenarios.pcap"
    written(path, [packet for _, packet in titled])
    checked = crosscheck(path)
    assert checked.frames == len(titled)
    assert checked.streams >= len(set(titles)) > 100
    unexplained = [(titles[each.frame - 1], each) for each in checked.differences if each.trap is None]
    assert unexplained == []
    assert checked.streams - checked.agreeing <= DIFFERING
