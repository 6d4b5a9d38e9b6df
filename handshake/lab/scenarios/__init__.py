"""Scenarios: real kernels play out each kind of handshake, and the recorder keeps what passed.

Each is a small TOML file (`scenario`) that names a play, a short function that is the dialogue of two hosts, and says
what its recording has to show.
"""

from handshake.lab.scenarios.book import SCENARIOS, scenario_of
from handshake.lab.scenarios.scenario import Scenario, ScenarioFileError, read_scenario

__all__ = ["SCENARIOS", "Scenario", "ScenarioFileError", "read_scenario", "scenario_of"]
