"""A rule that waits for a sign has nothing to say without it: held against the rule itself, over many captures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from handshake.api import inspect
from handshake.findings import RULES
from handshake.findings.registry import Facts
from handshake.model.handshake import Handshake
from tests.property.wandering import capture
from tests.support import ROOT

CAPTURES = sorted(path for path in (ROOT / "captures").iterdir() if path.suffix in (".pcap", ".pcapng"))


def unheard(handshakes: Iterable[Handshake]) -> list[tuple[int, str]]:
    """What rules would have said about handshakes that they were not asked about."""
    return [
        (handshake.number, rule.code)
        for handshake in handshakes
        for facts in [Facts(handshake)]
        for rule in RULES.values()
        if rule.detect and rule.waits(facts.signs()) and list(rule.detect(facts))
    ]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_bundled_captures(path: Path) -> None:
    assert unheard(inspect([path]).handshakes) == []


@pytest.mark.parametrize("seed", range(40))
def test_random_captures(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "random.pcap"
    path.write_bytes(capture(seed))
    assert unheard(inspect([path]).handshakes) == []
