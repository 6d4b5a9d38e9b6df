"""docs/field-guide.md names what exists: every word that it says is expected by a scenario beside it."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from handshake.findings import RULES
from handshake.model.handshake import CloseKind, Mark, Outcome
from tests.scenarios.script import Scenario, scenarios
from tests.support import ROOT

_TITLES = {str(scenario): scenario for scenario in scenarios()}
_MARKS = {mark.name.lower().replace("_", "-") for mark in Mark}
_CLOSES, _OUTCOMES = {kind.value for kind in CloseKind}, {outcome.value for outcome in Outcome}


class Row(NamedTuple):
    """One row of the page."""

    seen: str
    words: list[str]
    titles: list[str]


def rows() -> list[Row]:
    lines = (ROOT / "docs" / "field-guide.md").read_text("utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    data = [row for row in cells if row[0] not in ("what is seen", "---")]
    return [Row(seen, re.findall("`([^`]+)`", said), titles.split("; ")) for seen, said, titles in data]


def expects(scenario: Scenario, word: str) -> bool:
    """Whether a scenario expects a finding, an outcome, a way of closing, a row of options or a mark."""
    said = [pair for block in scenario.blocks for pair in block.expectations]
    if word.endswith(":"):
        return any(name == "option" and text.startswith(word) for name, text in said)
    if word in _MARKS:
        return any(word in line.expected.split() for block in scenario.blocks for line in block.lines)
    names = {"findings": word in RULES, "outcome": word in _OUTCOMES, "close": word in _CLOSES}
    return any(names.get(name) and word in re.split(r",? ", text) for name, text in said)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.seen)
def test_each_word_is_expected_by_a_scenario_beside_it(row: Row) -> None:
    assert row.words
    beside = [_TITLES[title] for title in row.titles]
    for word in row.words:
        assert any(expects(scenario, word) for scenario in beside), word
    for scenario in beside:
        assert any(expects(scenario, word) for word in row.words), str(scenario)


def test_words_are_known() -> None:
    said = {word for row in rows() for word in row.words if not word.endswith(":")}
    assert said <= set(RULES) | _MARKS | _CLOSES | _OUTCOMES
