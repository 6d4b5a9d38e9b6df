"""A capture held against itself: nothing is lost, changed or made in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from handshake.api import Witnessing
from handshake.cli.reading import read_captures
from handshake.compare.vantage import vantage
from handshake.lab.ends import FILES
from handshake.model.packet import ACK, PSH, SYN
from handshake.model.vantage import Fate, Likeness
from tests.support import ROOT, shared_captures

MOST_BYTES = 500_000
CAPTURES = [*sorted((ROOT / "captures").glob("*.pcap*")), *shared_captures("real"), *shared_captures("broken")]


@pytest.mark.parametrize(
    "capture", [path for path in CAPTURES if path.stat().st_size < MOST_BYTES], ids=lambda path: path.name
)
def test_nothing_happens_between_a_place_and_itself(capture: Path) -> None:
    places = []
    for _ in range(2):
        inspection = Witnessing()
        reading = read_captures([str(capture)], True, inspection=inspection)
        if not reading.report.sources:
            return
        places.append(inspection.place(reading.report))
    found = vantage(*places)
    assert not found.unpaired
    assert not found.placed_by
    for pair in found.pairs:
        assert (pair.likeness, pair.alterations) == (Likeness.WHOLE, ())
        assert {each.fate for each in pair.passages} <= {Fate.ARRIVED}


def test_the_bundled_pair_shows_what_its_wire_lost() -> None:
    places = []
    for name in FILES:
        inspection = Witnessing()
        reading = read_captures([str(ROOT / "captures" / "vantage" / name)], True, inspection=inspection)
        places.append(inspection.place(reading.report))
    found = vantage(*places)
    lost = [
        (pair.client.handshake.number, each.segment.flags) for pair in found.pairs for each in pair.fates(Fate.LOST)
    ]
    assert lost == [(1, SYN), (1, PSH | ACK), (2, SYN | ACK)]
