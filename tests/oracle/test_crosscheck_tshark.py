"""`crosscheck` against the tshark of this machine, over captures that nobody here made.

Every difference is listed in crosscheck_differences.toml with its reason: one that is missing there fails, and so does
a listed one that no longer occurs.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from handshake.compare.traps import TRAPS
from handshake.model.crosscheck import Checked, Level
from tests.oracle.live import crosschecked
from tests.oracle.test_judgement_tshark import ENOUGH, NO_CAPTURES
from tests.support import ROOT, require, shared_captures, tshark

LIST = Path(__file__).with_name("crosscheck_differences.toml")
REAL, BROKEN = (tuple(shared_captures(kind)) for kind in ("real", "broken"))
BUNDLED = tuple(sorted((ROOT / "captures").glob("*.pcap*")))
JUDGED = ("outcome", "syn_retransmits", "synack_retransmits", "irtt_ns", "syn_options", "synack_options", "missing",
          "invented", "apart")  # fmt: skip
"""The points by which agreement is measured; the others are about frames, and about how a stream is cut up."""

Row = tuple[str, str, int, str]
"""Level, point, first frame of the stream (of single frames: how many), and the trap or the verdict."""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def _installed() -> None:
    tshark()


def listed() -> dict[str, set[Row]]:
    """The listed differences by capture."""
    rows: dict[str, set[Row]] = {}
    for entry in tomllib.loads(LIST.read_text())["difference"]:
        assert entry["why"], entry
        numbers = entry["frames"] if entry["level"] == "stream" else [entry["count"]]
        found = rows.setdefault(entry["capture"], set())
        found |= {(entry["level"], point, number, entry["verdict"]) for point in entry["points"] for number in numbers}
    return rows


def found(checked: Checked) -> set[Row]:
    """The differences of a capture, in the shape of the list."""
    streams = {
        ("stream", each.point, each.frame, each.trap or each.verdict.value)
        for each in checked.differences
        if each.level is Level.STREAM
    }
    return streams | {
        (each.level.value, each.point, each.number, each.trap or each.verdict.value)
        for each in checked.counts
        if each.level is not Level.STREAM
    }


@pytest.mark.parametrize("name", [path.name for path in REAL] or ["none"])
def test_every_difference_is_known(name: str) -> None:
    require(name != "none", NO_CAPTURES)
    checked = crosschecked(REAL)[name]
    assert checked.compared
    assert sum(count.number for count in checked.counts) == len(checked.differences), "all of them are kept"
    expected = listed().get(name, set())
    assert found(checked) - expected == set(), "differences that nobody has explained"
    assert expected - found(checked) == set(), f"listed in {LIST.name}, but gone"


def test_agreement() -> None:
    """Outcome, retransmissions, options and round trip of nearly all streams are tshark's; nothing is left open.

    Where a packet was captured twice both count the same packets, and differ in what they call the second one.
    """
    require(bool(REAL), NO_CAPTURES)
    results = crosschecked(REAL).values()
    streams = sum(each.streams for each in results)
    differing = {
        (each.name, difference.frame)
        for each in results
        for difference in each.differences
        if difference.level is Level.STREAM and difference.point in JUDGED and difference.trap != "captured-twice"
    }
    assert streams > 4000
    assert 1 - len(differing) / streams >= ENOUGH
    assert sum(each.unexplained for each in results) == 0


def test_agreement_is_counted_as_it_is() -> None:
    require(bool(REAL), NO_CAPTURES)
    for checked in crosschecked(REAL).values():
        differing = {each.frame for each in checked.differences if each.level is Level.STREAM}
        assert checked.agreeing == checked.streams - len(differing)
        assert checked.segments <= checked.frames


def test_listed_traps_exist() -> None:
    known = {trap.name for trap in TRAPS}
    assert {verdict for rows in listed().values() for *_, verdict in rows} <= known


def test_bundled_captures_agree_in_every_point_but_for_a_copy() -> None:
    results = crosschecked(BUNDLED)
    assert len(results) > 25
    assert all(checked.compared for checked in results.values())
    differing = {name: {each.trap for each in checked.differences} for name, checked in results.items()}
    assert {name: traps for name, traps in differing.items() if traps} == {
        "syn-ack-duplicated.pcapng": {"captured-twice"}
    }
    assert sum(checked.streams for checked in results.values()) > 30


def test_broken_captures_are_compared_or_refused_by_name() -> None:
    """183 malformed files: no traceback, no hang; what one of the two cannot read is said."""
    require(bool(BROKEN), NO_CAPTURES)
    results = crosschecked(BROKEN)
    for name, checked in results.items():
        assert not checked.tool_failed, name
        for said in filter(None, (checked.our_failure, checked.their_failure)):
            assert "\n" not in said, name
    compared = [checked for checked in results.values() if checked.compared]
    assert len(compared) > 100
    assert sum(checked.unexplained for checked in compared) == 0
