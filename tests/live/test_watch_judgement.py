"""A watch judges live traffic as its recording is judged, and as a capture of everything is."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handshake.api import Watch, inspect
from handshake.errors import ToolError
from handshake.lab.netns import run_in_private_network
from handshake.lab.scenarios import SCENARIOS, Scenario
from handshake.lab.scenarios.stage import INTERFACE, set_stage
from handshake.model.handshake import Handshake, Mark
from handshake.source.live import Sniffer
from handshake.source.wide import sniffer_on
from handshake.source.writer import PcapngWriter
from handshake.wire.bpf import PASS_ALL
from handshake.wire.sieve import handshakes
from tests.support import require

NEED_DATA = {"HS303", "HS505"}
"""Findings about data segments, which a watch does not see."""

DATA_COMPLETES = {"fast-open"}
"""Scenarios where a segment with data completes a handshake: a watch knows it only from what comes after it."""


def captured(sniffer: Sniffer, path: Path) -> Iterator[Handshake]:
    """The handshakes of what is in a sniffer's queue, judged live and recorded."""
    watch = Watch("live")
    with PcapngWriter(path) as writer:
        while frame := sniffer.read(0.1):
            writer.write(frame)
            yield from watch.feed(frame)
            watch.events()
    assert sniffer.drops == 0
    yield from watch.finish()


def played(name: str, directory: Path) -> tuple[list[Handshake], list[Handshake]]:
    """A scenario as a watch of all interfaces and as a capture of everything saw it."""
    scenario = SCENARIOS[name]
    with set_stage(scenario.setting) as stage:
        place = stage.server if scenario.at_server else stage.client
        with place.inside():
            sieved, everything = sniffer_on((), (*handshakes(), *PASS_ALL)), Sniffer(INTERFACE)
        with sieved, everything:
            scenario.play(stage)
            stage.pause()
            return list(captured(sieved, directory / "watch.pcapng")), list(
                captured(everything, directory / "all.pcapng")
            )


def facts(handshake: Handshake) -> dict[str, object]:
    """What must not depend on whether the data was captured."""
    return {
        "outcome": handshake.outcome,
        "timing": replace(handshake.timing, reply_ns=None, thought_ns=None),
        "negotiation": handshake.negotiation,
        "teardown": handshake.teardown,
        "states": (handshake.client.state, handshake.server.state),
        "retransmits": (handshake.syn_retransmits, handshake.synack_retransmits),
        "findings": {finding.code for finding in handshake.findings} - NEED_DATA,
    }


def marks(handshake: Handshake) -> set[Mark]:
    return {mark for step in handshake.steps for mark in step.marks}


@pytest.mark.usefixtures("private_networks")
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_recording_replays_to_the_same_and_nothing_is_missed(scenario: Scenario, tmp_path: Path) -> None:
    try:
        watched, full = run_in_private_network(played, scenario.name, tmp_path)
    except ToolError as lacking:
        require(False, f"{lacking} on Linux {platform.release()}")
    replayed = inspect([tmp_path / "watch.pcapng"]).handshakes
    assert [replace(each, source="") for each in watched] == [replace(each, source="") for each in replayed]
    assert tuple(each.outcome for each in watched) == scenario.outcomes
    for seen, whole in zip(watched, full, strict=True):
        ours = facts(seen)
        if scenario.name in DATA_COMPLETES and Mark.DATA_IN_THIRD_SEGMENT in marks(whole):
            assert seen.timing.excluded == "the third segment was not captured"
            ours["timing"] = facts(whole)["timing"]
        assert ours == facts(whole)
