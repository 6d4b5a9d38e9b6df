"""The bundled captures show, to tshark's eyes, the stories that their scenarios tell."""

from __future__ import annotations

import pytest

from handshake.lab.record import MANIFEST, manifest
from handshake.lab.scenarios import SCENARIOS, Scenario
from tests.live.lab_stories import tells_its_story
from tests.support import ROOT

CAPTURES = ROOT / "captures"


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_tells_its_story(scenario: Scenario) -> None:
    tells_its_story(scenario.name, CAPTURES / scenario.file, exactly=True)


def test_both_formats_are_there() -> None:
    assert {scenario.file.rpartition(".")[2] for scenario in SCENARIOS.values()} == {"pcap", "pcapng"}


def test_manifest_is_what_the_scenarios_expect() -> None:
    def without_origin(text: str) -> list[str]:
        return [line for line in text.splitlines() if not line.startswith("origin = ")]

    assert without_origin((CAPTURES / MANIFEST).read_text()) == without_origin(manifest()), "run make captures"
