"""`handshake explain` as a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from handshake.findings.glossary import look_up, words
from handshake.model.handshake import Observed, Outcome, State
from handshake.model.packet import FLAG_NAMES
from tests.support import ROOT


def explain(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "handshake", "explain", *words], cwd=ROOT, capture_output=True, check=False, timeout=60,
        text=True, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip


@pytest.mark.parametrize(
    "word",
    [
        *FLAG_NAMES,
        *(state.value for state in State),
        *(state.value for state in Observed),
        *(outcome.value for outcome in Outcome),
    ],
)
def test_every_word_of_a_timeline_is_explained(word: str) -> None:
    assert look_up(word)


@pytest.mark.parametrize("spelled", ["time-wait", "TIME_WAIT", " Time Wait "])
def test_spelling_does_not_matter(spelled: str) -> None:
    assert [item.name for item in look_up(spelled)] == ["TIME-WAIT"]


def test_a_name_that_is_an_outcome_and_a_finding_gives_both() -> None:
    assert len(look_up("refused")) == 2


def test_every_known_word_finds_something() -> None:
    assert all(look_up(word) for word in words())


def test_a_rule_with_its_source() -> None:
    done = explain("HS103")
    assert done.returncode == 0
    assert "HS103 synack-after-ack" in done.stdout
    assert "RFC 9293" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_without_a_word_it_lists_them() -> None:
    done = explain()
    assert done.returncode == 0
    assert "HS101 syn-retransmitted" in done.stdout
    assert "TIME-WAIT" in done.stdout


def test_an_unknown_word_gets_a_suggestion() -> None:
    done = explain("fin-wiat-1")
    assert done.returncode == 2
    said = "handshake: nothing here is called 'fin-wiat-1'; did you mean FIN-WAIT-1 or FIN-WAIT-2?\n"
    assert done.stderr == said
    assert not done.stdout
