"""`python -m handshake.lab.record DIR`: record all scenarios to DIR, and write DIR/manifest.toml.

They are played and checked as `handshake lab run` does it. The recordings that `handshake demo` and `handshake tour`
fall back to are made anew as well, and those of both ends of a wire, in DIR/vantage.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from handshake.errors import HandshakeError
from handshake.lab.demo import record_demo
from handshake.lab.ends import record_both_ends
from handshake.lab.recorder import save
from handshake.lab.scenarios import SCENARIOS, Scenario
from handshake.lab.scenarios.check import differences, report_on
from handshake.lab.scenarios.stage import ScenarioError
from handshake.lab.tour.recording import record_tour

MANIFEST = "manifest.toml"


def record_all(directory: str | os.PathLike[str]) -> None:
    """Record every scenario and the manifest. Raises HandshakeError, and then leaves `directory` as it was."""
    target = Path(directory)
    with tempfile.TemporaryDirectory(prefix="handshake-") as temporary:
        for scenario in SCENARIOS.values():
            print(f"{scenario.file}: {scenario.title}", file=sys.stderr)
            _record(scenario, Path(temporary, scenario.file))
        Path(temporary, MANIFEST).write_text(manifest(), encoding="utf-8")
        target.mkdir(parents=True, exist_ok=True)
        for file in Path(temporary).iterdir():
            shutil.copy(file, target)


def _record(scenario: Scenario, path: Path) -> None:
    frames = scenario.frames()
    if wrong := differences(scenario, report_on(scenario, frames)):
        raise ScenarioError(f"{scenario.name} went differently: {'; '.join(wrong)}")
    save(frames, path)


def manifest() -> str:
    """The manifest as TOML: for each capture its origin, its story, and what has to be seen in it."""
    kernel = platform.release().partition("-")[0]
    head = "# Written by `make captures`. What is expected comes from handshake/lab/scenarios: change it there.\n"
    return head + "".join(_entry(scenario, kernel) for scenario in SCENARIOS.values())


def _entry(scenario: Scenario, kernel: str) -> str:
    place = "server" if scenario.at_server else "client"
    values = {
        "file": scenario.file,
        "title": scenario.title,
        "story": scenario.story,
        "origin": f"recorded at the {place} in a private network, Linux {kernel}, scenario {scenario.name}",
        "outcomes": [outcome.value for outcome in scenario.outcomes],
        "findings": list(scenario.findings),
        "crowds": list(scenario.crowds),
        "exchanges": scenario.exchanges,
    }  # JSON strings, lists and numbers are TOML ones too
    return "\n[[capture]]\n" + "".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()
    )


def main() -> int:
    """Record into the directory named on the command line."""
    if len(sys.argv) != 2:
        print("usage: python -m handshake.lab.record DIRECTORY", file=sys.stderr)
        return 2
    try:
        record_all(sys.argv[1])
        record_demo()
        record_tour()
        record_both_ends(Path(sys.argv[1], "vantage"))
    except HandshakeError as error:
        print(f"handshake: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
