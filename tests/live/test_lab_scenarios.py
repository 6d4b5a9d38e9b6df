"""Each scenario plays on this machine's kernel and records the story that it tells."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from handshake.errors import ToolError
from handshake.lab.scenarios import SCENARIOS, Scenario
from tests.live.lab_stories import tells_its_story
from tests.support import require


@pytest.mark.usefixtures("private_networks")
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_plays_and_records(scenario: Scenario, tmp_path: Path) -> None:
    recording = tmp_path / scenario.file
    try:
        scenario.run(recording)
    except ToolError as lacking:
        require(False, f"{lacking} on Linux {platform.release()}")
    tells_its_story(scenario.name, recording, exactly=False)
