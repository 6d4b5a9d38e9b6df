"""What holds for any sequence of segments whatsoever."""

from __future__ import annotations

import re
from itertools import pairwise, product

from hypothesis import given, settings
from hypothesis import strategies as st

from handshake.findings import examine
from handshake.flow.state import TRANSITIONS, Event, Role, transition
from handshake.flow.table import FlowTable
from handshake.model.handshake import EndState, Handshake, Mark, Observed, Side, State, Step
from tests.property.segments import Draft, dialogues, judge, packets_of, segments_in

few = settings(max_examples=150, deadline=None)


def test_every_event_is_defined_in_every_state() -> None:
    states: list[EndState] = [*State, *Observed]
    for role, state, event in product(Role, states, Event):
        found = transition(role, state, event)
        assert found.note
        assert found.state in states
        assert found.expected is ((role, state, event) in TRANSITIONS)
        assert found.expected or found.state is state


@few
@given(dialogues)
def test_every_segment_is_accounted_for_once(dialogue: list[Draft]) -> None:
    found = judge(packets_of(dialogue))
    assert [handshake.number for handshake in found] == list(range(1, len(found) + 1))
    assert sum(map(segments_in, found)) == sum(draft.flags is not None for draft in dialogue)
    for handshake in found:
        assert handshake.client.segments + handshake.server.segments == segments_in(handshake)


@few
@given(dialogues, st.integers(0, 2**32 - 1), st.integers(0, 2**62))
def test_only_differences_of_numbers_and_times_matter(dialogue: list[Draft], base: int, start_ns: int) -> None:
    here = judge(packets_of(dialogue))
    there = judge(packets_of(dialogue, base, start_ns))
    assert list(map(_essence, there)) == list(map(_essence, here))


def _essence(handshake: Handshake) -> tuple[object, ...]:
    """A handshake without absolute numbers and times."""
    rows = [
        (row.packet.number, row.sender, row.client, row.server, row.note, row.marks, row.rel_seq, row.rel_ack)
        if isinstance(row, Step)
        else (row.client_segments, row.client_bytes, row.server_segments, row.server_bytes)
        for row in handshake.timeline
    ]
    findings = [(finding.code, finding.frames) for finding in examine(handshake).findings]
    findings = [found for found in findings if found[0] != "HS120"]  # a closed port sends 0, whatever the numbers
    return handshake.outcome, rows, handshake.timing, handshake.teardown, handshake.negotiation, findings


_MOVES = {(before, after) for (_, before, _), (after, _) in TRANSITIONS.items()}
_LEAPS = _MOVES | {(a, d) for (a, b), (c, d) in product(_MOVES, _MOVES) if b is c}
_LEAPS |= {(a, d) for (a, b), (c, d) in product(_LEAPS, _MOVES) if b is c}
"""States that the at most three events of one segment (ACK, text or ACK of the FIN, FIN) lead to."""


@few
@given(dialogues)
def test_states_move_along_the_table_and_without_gaps(dialogue: list[Draft]) -> None:
    for handshake in judge(packets_of(dialogue)):
        for side in Side:
            changes = [(step, step.client if side is Side.CLIENT else step.server) for step in handshake.steps]
            for step, change in changes:
                known = (change.before, change.after) in _LEAPS
                assert known or not change.moved, f"{change} at {step.packet.number}"
            for (_, before), (step, after) in pairwise(changes):
                again = Mark.SYN_RETRANSMITTED in step.marks  # a new try after a refusal
                assert before.after is after.before or again, f"{before} then {after} at {step.packet.number}"


@few
@given(dialogues, st.integers(1, 2))
def test_a_small_table_counts_what_it_drops(dialogue: list[Draft], limit: int) -> None:
    table = FlowTable(limit)
    found = judge(packets_of(dialogue), table)
    assert [handshake.number for handshake in found] == list(range(1, len(found) + 1))
    assert sum(map(segments_in, found)) == sum(draft.flags is not None for draft in dialogue)
    assert table.evicted == sum(handshake.evicted for handshake in found)


@few
@given(dialogues)
def test_opened_means_that_both_ends_said_so(dialogue: list[Draft]) -> None:
    for handshake in judge(packets_of(dialogue)):
        complete = [step for step in handshake.steps if Mark.HANDSHAKE_COMPLETE in step.marks]
        if handshake.outcome.opened:
            assert complete, "opened without a segment that completes the handshake"
            assert None not in (handshake.client.iss, handshake.server.iss)


@few
@given(dialogues)
def test_no_latency_is_negative(dialogue: list[Draft]) -> None:
    for handshake in map(examine, judge(packets_of(dialogue))):
        timing = handshake.timing
        measured = (timing.irtt_ns, timing.syn_to_synack_ns, timing.synack_to_ack_ns, timing.setup_ns)
        assert all(value is None or value >= 0 for value in measured)
        assert not any(
            "-" in word for finding in handshake.findings for word in re.findall("(-?[0-9.]+) m?s", finding.detail)
        )
