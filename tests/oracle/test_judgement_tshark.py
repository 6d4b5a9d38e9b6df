"""Stream by stream, our judgement is the one that tshark's recorded words amount to, but for listed differences.

The documents in `../shared/captures/oracle` were made by a script of their own. Against them stand our judgement,
without any tshark on this machine, and what the product's adapter makes of tshark, if it is the recorded version. A
difference that is not in recorded_differences.toml fails, and so does a listed one that no longer occurs.
"""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path

import pytest

from handshake.oracle import find_tshark
from tests.oracle.judgement import Difference, Document, Opinion, differences, ours, theirs
from tests.oracle.live import Facts, streams_told
from tests.support import SHARED, require, shared_captures, tshark

NO_CAPTURES = "the captures of other projects are not on this machine (../shared/captures)"
LIST = Path(__file__).with_name("recorded_differences.toml")

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


@pytest.mark.timeout(600)
def test_the_adapter_tells_what_was_recorded() -> None:
    """Stream by stream: who, how many frames, SYNs, options, completeness, initial round trip."""
    require(REAL != ["none"], NO_CAPTURES)
    tshark()
    version = find_tshark().version
    require(version.startswith("4.0."), f"the documents were recorded by tshark 4.0, this one is {version}")
    for name, told in streams_told(tuple(shared_captures("real"))).items():
        assert told == {_facts(stream) for stream in recorded(name)["tcp"]}, name


def _facts(stream: Document) -> Facts:
    """What a recorded stream says, in the shape of `live.Facts`."""
    rtt = stream["initial_rtt"]
    return Facts(
        stream["stream"],
        stream["first_frame"],
        frozenset((stream["initiator"], stream["responder"])),
        stream["frames"],
        stream["syn_count"],
        stream["synack_count"],
        stream["completeness"],
        None if rtt is None else int(rtt.replace(".", "")),
        _kinds(stream.get("syn")),
        _kinds(stream.get("synack")),
        stream["derived"]["three_way"],
    )


def _kinds(segment: Document | None) -> tuple[int, ...] | None:
    return None if segment is None else tuple(kind for kind in segment["opts"]["kinds"] if kind)


def recorded(name: str) -> Document:
    document: Document = json.loads((SHARED / "captures" / "oracle" / f"{name}.json").read_text())
    return document


@cache
def opinions(name: str) -> tuple[dict[int, Opinion], dict[int, Opinion]]:
    return ours(SHARED / "captures" / "real" / name), theirs(recorded(name))
