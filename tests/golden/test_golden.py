"""The bundled captures have the expected outcomes, and look as they are expected to look.

captures/manifest.toml names the captures with their outcomes and findings; expected/ holds the table and the
ladder of each, 100 columns wide, and the diagrams of some. So that captures recorded anew (`make captures`) still
match, frame n is taken to be captured at n times 10 ms; all else is as recorded. After a wanted change, write the
expected files again, and read what git shows of the difference:

    HANDSHAKE_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden
"""

from __future__ import annotations

import io
import os
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handshake import inspect
from handshake.api import Inspection
from handshake.model.report import Report
from handshake.render import Format, renderer
from handshake.render.crowds import without_crowds
from handshake.render.terminal import Terminal
from handshake.source.capture import open_capture
from tests.support import ROOT

CAPTURES: dict[str, dict[str, Any]] = {
    entry["file"]: entry for entry in tomllib.loads((ROOT / "captures" / "manifest.toml").read_text())["capture"]
}
EXPECTED = Path(__file__).with_name("expected")
FORMATS = (Format.TABLE, Format.LADDER)
DRAWN = ("http-1.1.pcapng", "no-route-ipv6.pcapng", "refused.pcap", "syn-lost.pcap")
"""Captures whose diagrams are kept as well."""
VARYING = ("ssh.pcapng", "quic-and-tls.pcapng")
"""Captures of programs that cut what they encrypt into other packets every time; tests/live says what holds of them."""
OUTPUTS = [
    *((name, form) for name in CAPTURES if name not in VARYING for form in FORMATS),
    *((name, form) for name in DRAWN for form in (Format.MERMAID, Format.SVG)),
]
UPDATE = os.environ.get("HANDSHAKE_UPDATE_GOLDEN") == "1"

EPOCH_NS = 1_700_000_000 * 10**9
TICK_NS = 10_000_000


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output names the capture as `captures/…`, wherever the checkout is."""
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("name", CAPTURES)
def test_outcomes_and_findings(name: str) -> None:
    report = inspect([f"captures/{name}"])
    entry = CAPTURES[name]
    assert [handshake.outcome.value for handshake in report.handshakes] == entry["outcomes"]
    found = {finding.code for handshake in report.handshakes for finding in handshake.findings}
    assert sorted(found) == sorted(entry["findings"])
    assert [crowd.code for crowd in report.crowds] == entry["crowds"]
    assert len(report.exchanges) == entry["exchanges"]
    assert report.sources[0].damage is None
    assert not report.tally.faults


@pytest.mark.parametrize(("name", "form"), OUTPUTS)
def test_output(name: str, form: Format) -> None:
    out = io.StringIO()
    renderer(form)(without_crowds(ticking(f"captures/{name}")), out, Terminal(width=100))
    expected = EXPECTED / f"{name}.{form.value}.txt"
    if UPDATE:
        expected.write_text(out.getvalue(), encoding="utf-8")
    assert out.getvalue() == expected.read_text(encoding="utf-8")


def test_every_expected_file_belongs_to_a_capture() -> None:
    wanted = {f"{name}.{form.value}.txt" for name, form in OUTPUTS}
    if UPDATE:
        for path in EXPECTED.iterdir():
            if path.name not in wanted:
                path.unlink()
    assert {path.name for path in EXPECTED.iterdir()} == wanted


def test_every_bundled_capture_is_in_the_manifest() -> None:
    assert {path.name for path in (ROOT / "captures").glob("*.pcap*")} == set(CAPTURES)


def ticking(path: str) -> Report:
    """The report on a capture whose frames come evenly, so that no duration is left to chance."""
    inspection = Inspection()
    with open_capture(path) as capture:
        frames = (replace(frame, time_ns=EPOCH_NS + frame.number * TICK_NS) for frame in capture)
        handshakes = [handshake for frame in frames for handshake in inspection.feed(frame)]
        handshakes.extend(inspection.finish())
        return inspection.report(handshakes, [capture.info()])
