"""What the list of scenarios and their manifest hold."""

from __future__ import annotations

import tomllib

from handshake.lab.record import manifest
from handshake.lab.scenarios import SCENARIOS


def test_each_scenario_has_its_own_file_title_and_story() -> None:
    scenarios = SCENARIOS.values()
    for texts in ([s.file for s in scenarios], [s.title for s in scenarios], [s.story for s in scenarios]):
        assert all(texts)
        assert len(set(texts)) == len(SCENARIOS)


def test_manifest_reads_back() -> None:
    entries = tomllib.loads(manifest())["capture"]
    assert [entry["file"] for entry in entries] == [scenario.file for scenario in SCENARIOS.values()]
    three_way = entries[0]
    assert three_way["outcomes"] == ["established"]
    assert three_way["exchanges"] == 0
    assert three_way["story"].startswith("SYN, SYN-ACK, ACK")
