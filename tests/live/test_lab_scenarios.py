"""Each scenario plays on this machine's kernel, and its recording shows what it is to show, to tshark and to us."""

from __future__ import annotations

import multiprocessing
import platform
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import pytest

from handshake.api import inspect
from handshake.errors import ToolError
from handshake.lab.scenarios import SCENARIOS, Scenario
from handshake.lab.scenarios.check import differences
from tests.live.lab_stories import tells_its_story
from tests.support import require

AT_ONCE = 4
"""They mostly wait."""


@pytest.fixture(scope="module")
def recordings(private_networks: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Path]]]:
    """All of them, played side by side."""
    directory = tmp_path_factory.mktemp("recordings")
    with ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("fork")) as pool:
        yield {name: pool.submit(_record, name, directory / each.file) for name, each in SCENARIOS.items()}


def _record(name: str, path: Path) -> Path:
    SCENARIOS[name].run(path)
    return path


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_plays_and_records(scenario: Scenario, recordings: dict[str, Future[Path]]) -> None:
    try:
        recording = recordings[scenario.name].result(60)
    except ToolError as lacking:
        require(False, f"{lacking} on Linux {platform.release()}")
    assert differences(scenario, inspect([recording])) == ()
    tells_its_story(scenario.name, recording, exactly=False)
