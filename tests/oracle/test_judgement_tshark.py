"""Stream by stream, our judgement is tshark's, but for the differences that are listed with their reasons.

The recorded opinions in `../shared/captures/oracle` cover captures that nobody here made; tshark itself, run by the
same adapter, covers some of the project's own. A difference that is not in judgement_differences.toml fails, and so
does a listed one that no longer occurs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from tests.oracle.judgement import Difference, Document, Opinion, differences, ours, theirs
from tests.support import ROOT, SHARED, require, shared_captures, tshark

NO_CAPTURES = "the captures of other projects are not on this machine (../shared/captures)"
ORACLE = SHARED / "captures" / "oracle.py"
LIST = Path(__file__).with_name("judgement_differences.toml")

ENOUGH = 0.995
"""Share of streams that have to agree in every point."""


def listed() -> dict[str, set[Difference]]:
    """The listed differences by capture."""
    rows: dict[str, set[Difference]] = {}
    for entry in tomllib.loads(LIST.read_text())["difference"]:
        assert entry["why"].startswith(("trap: ", "design: ")), entry
        for frame in entry["frames"]:
            difference = Difference(entry["capture"], frame, entry["point"], entry["ours"], entry["theirs"])
            rows.setdefault(entry["capture"], set()).add(difference)
    return rows


OWN = (
    "three-way.pcap", "three-way-ipv6.pcapng", "syn-lost.pcap", "syn-ack-lost.pcapng", "accept-queue-full.pcapng",
    "simultaneous-open.pcapng", "fast-open.pcapng", "refused.pcap", "unanswered.pcapng", "no-route-ipv6.pcapng",
    "half-open-scan.pcap", "half-open.pcapng", "given-up.pcapng", "port-reuse.pcapng",
)  # fmt: skip
"""Captures of the project, one for each kind of ending."""

LISTED = listed()
REAL = [path.name for path in shared_captures("real")] or ["none"]


@pytest.mark.parametrize("name", REAL)
def test_real_capture_is_judged_as_tshark_judges_it(name: str) -> None:
    require(name != "none", NO_CAPTURES)
    mine, their = opinions(name)
    found = set(differences(name, mine, their))
    expected = LISTED.get(name, set())
    assert found - expected == set(), "differences that nobody has explained"
    assert expected - found == set(), f"listed in {LIST.name}, but gone"


def test_agreement() -> None:
    require(REAL != ["none"], NO_CAPTURES)
    streams = sum(len(opinions(name)[1]) for name in REAL)
    differing = {(difference.capture, difference.frame) for rows in LISTED.values() for difference in rows}
    assert streams > 4000
    assert 1 - len(differing) / streams >= ENOUGH


def test_round_trips_are_nearly_always_measured() -> None:
    require(REAL != ["none"], NO_CAPTURES)
    pairs = [(mine.get(frame), opinion) for mine, their in map(opinions, REAL) for frame, opinion in their.items()]
    measured = [mine is not None and mine.irtt_ns is not None for mine, their in pairs if their.irtt_ns is not None]
    assert len(measured) > 800
    assert sum(measured) / len(measured) >= 0.99, "Karn's rule excludes a few"


@pytest.mark.parametrize("name", OWN)
def test_own_capture_is_judged_as_tshark_judges_it_here_and_now(name: str) -> None:
    tshark()
    require(ORACLE.exists(), NO_CAPTURES)
    path = ROOT / "captures" / name
    done = subprocess.run([sys.executable, str(ORACLE), str(path)], capture_output=True, text=True, check=True)
    assert list(differences(name, ours(path), theirs(json.loads(done.stdout)))) == []


def recorded(name: str) -> Document:
    document: Document = json.loads((SHARED / "captures" / "oracle" / f"{name}.json").read_text())
    return document


@cache
def opinions(name: str) -> tuple[dict[int, Opinion], dict[int, Opinion]]:
    return ours(SHARED / "captures" / "real" / name), theirs(recorded(name))
