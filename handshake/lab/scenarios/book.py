"""The scenarios of the package, in the order of the story that they tell together."""

from __future__ import annotations

from pathlib import Path

from handshake.lab.scenarios import application, closing, crafted, dialogue, opening, refusal  # noqa: F401 - plays
from handshake.lab.scenarios.scenario import Scenario, ScenarioFileError, read_scenario

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario for scenario in map(read_scenario, sorted(Path(__file__).parent.glob("*.toml")))
}
"""By name."""


def scenario_of(text: str) -> Scenario:
    """The scenario of the package with this name, or that of a file. Raises ScenarioFileError, RuleError."""
    if text.endswith(".toml"):
        return read_scenario(text)
    if text not in SCENARIOS:
        raise ScenarioFileError(f"there is no scenario {text!r} (handshake lab run --list shows them all)")
    return SCENARIOS[text]
