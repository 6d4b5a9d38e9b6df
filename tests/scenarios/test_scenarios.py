"""Every scenario comes out as written, whatever the initial sequence numbers and the IP version."""

from __future__ import annotations

from collections import Counter

import pytest

from handshake.findings import RULES
from handshake.flow import conversation
from handshake.flow.state import TRANSITIONS, Event, Role, Transition, transition
from handshake.model.handshake import EndState
from tests.scenarios.script import ISNS, Scenario, Stage, actual, expected, play, scenarios

SCENARIOS = scenarios()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_scenario(scenario: Scenario) -> None:
    for version in scenario.versions:
        for isns in ISNS:
            stage = Stage(version, isns, scenario.setup)
            told = actual(scenario, play(scenario, stage))
            assert told == expected(scenario), f"IPv{version}, ISNs {isns}"


def test_every_row_of_the_state_table_is_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that no dialogue walks is dead, or its dialogue is missing. RST rows stand for every state alike."""
    walked = set()

    def record(role: Role, state: EndState, event: Event) -> Transition:
        walked.add((role, state, event))
        return transition(role, state, event)

    monkeypatch.setattr(conversation, "transition", record)
    for scenario in SCENARIOS:
        play(scenario, Stage(scenario.versions[0], ISNS[0], scenario.setup))
    assert {row for row in TRANSITIONS if row[2] is not Event.RST} <= walked


def test_titles_are_unique() -> None:
    assert [title for title, count in Counter(map(str, SCENARIOS)).items() if count > 1] == []


def test_every_rule_has_a_scenario() -> None:
    """A full flow table (HS901) takes more than one connection: tests/unit/flow; so do crowds: tests/unit/findings."""
    alone = {code for code, rule in RULES.items() if rule.collect is None}
    shown = {code for scenario in SCENARIOS for code in scenario.codes}
    assert alone - shown == {"HS901"}


def test_every_block_says_its_outcome() -> None:
    for scenario in SCENARIOS:
        for block in scenario.blocks:
            assert "outcome" in dict(block.expectations), f"{scenario}: a block without an outcome"
