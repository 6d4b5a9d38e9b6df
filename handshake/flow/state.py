"""The connection state machine as a table.

Rules (RFC 9293 §3.3.2 figure 5, §3.5, §3.6, §3.10.7), as an observer applies them:

- Every captured segment is sent by one end and is taken as received by the other; both ends move.
- A segment is split into events in the order in which §3.10.7 checks a segment: RST, SYN, ACK, text, FIN.
  Only acceptable segments become events; copies and wrong numbers are marked and move nothing.
- An end of which nothing is known is UNSEEN; one that is known to be in the middle of a connection is PARTIAL.
- A server shows LISTEN or CLOSED from the first SYN on once its answer has told which; before that UNSEEN.
- What is not in the table is not an error but something to show: the state stays, and the step is marked.

`TRANSITIONS[role, state, event] = (next state, what it means)`; docs/state-machine.md is generated from it.
"""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import NamedTuple

from handshake.model.handshake import EndState, Observed, State


class Role(Enum):
    """Which end of one segment."""

    SENDS = "sends"
    RECEIVES = "receives"

    __hash__ = object.__hash__


class Event(Enum):
    """What an acceptable segment does."""

    SYN = "SYN"
    SYN_LATE = "SYN captured behind its answer"
    SYN_CROSSED = "SYN crossing the other's SYN"
    SYN_ACK = "SYN,ACK"
    SYN_ACK_LATE = "SYN,ACK captured behind its confirmation"
    ACK = "ACK of the SYN"
    DATA = "data"
    ACK_OF_FIN = "ACK of the FIN"
    FIN = "FIN"
    FIN_CROSSED = "FIN crossing the other's FIN"
    RST = "RST"
    RST_EMBRYO = "RST in a passive open"

    __hash__ = object.__hash__


class Transition(NamedTuple):
    """Where a (role, state, event) leads."""

    state: EndState
    note: str
    expected: bool
    """False when the table has no such row: the state stays."""


S, R = Role.SENDS, Role.RECEIVES
UNSEEN, PARTIAL = Observed.UNSEEN, Observed.PARTIAL
CLOSED, LISTEN, SYN_SENT, SYN_RECEIVED = State.CLOSED, State.LISTEN, State.SYN_SENT, State.SYN_RECEIVED
ESTABLISHED, CLOSE_WAIT, LAST_ACK = State.ESTABLISHED, State.CLOSE_WAIT, State.LAST_ACK
FIN_WAIT_1, FIN_WAIT_2, CLOSING, TIME_WAIT = State.FIN_WAIT_1, State.FIN_WAIT_2, State.CLOSING, State.TIME_WAIT

SYNCHRONISED = frozenset({ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT, PARTIAL})
"""States in which both SYNs are through (RFC 9293 §3.3.2), as far as an observer can tell."""

TRANSITIONS: dict[tuple[Role, EndState, Event], tuple[EndState, str]] = {
    # opening, §3.5 figure 6
    (S, CLOSED, Event.SYN): (SYN_SENT, "asks to open a connection"),
    (R, UNSEEN, Event.SYN): (UNSEEN, "is asked; its answer will tell whether anyone listens"),
    (R, LISTEN, Event.SYN): (SYN_RECEIVED, "takes the request: passive open"),
    (R, CLOSED, Event.SYN): (CLOSED, "nobody listens here"),
    (S, UNSEEN, Event.SYN_ACK): (SYN_RECEIVED, "accepts, and asks to open the other direction"),
    (S, SYN_RECEIVED, Event.SYN_ACK): (SYN_RECEIVED, "accepts, and asks to open the other direction"),
    (R, SYN_SENT, Event.SYN_ACK): (ESTABLISHED, "is accepted; its direction is open"),
    (R, UNSEEN, Event.SYN_ACK): (UNSEEN, "is accepted, though its SYN was not captured"),
    (S, ESTABLISHED, Event.ACK): (ESTABLISHED, "confirms: the connection is open both ways"),
    (R, SYN_RECEIVED, Event.ACK): (ESTABLISHED, "is confirmed; ready for accept()"),
    # simultaneous open and split handshake, §3.5 figure 7
    (S, UNSEEN, Event.SYN_CROSSED): (SYN_RECEIVED, "asks from its own side too"),
    (R, SYN_SENT, Event.SYN_CROSSED): (SYN_RECEIVED, "is asked while it is asking"),
    (R, SYN_RECEIVED, Event.SYN_ACK): (ESTABLISHED, "is confirmed"),
    (S, ESTABLISHED, Event.SYN_ACK): (ESTABLISHED, "confirms in turn"),
    (S, SYN_RECEIVED, Event.ACK): (SYN_RECEIVED, "confirms the other's SYN"),
    # openings that the capture shows in part
    (S, SYN_SENT, Event.ACK): (ESTABLISHED, "goes on as if accepted: the SYN-ACK was not captured"),
    (S, UNSEEN, Event.ACK): (ESTABLISHED, "confirms: the connection is open both ways"),
    (R, UNSEEN, Event.ACK): (PARTIAL, "must have accepted, though its SYN-ACK was not captured"),
    (R, SYN_SENT, Event.DATA): (ESTABLISHED, "must have been accepted, though the SYN-ACK was not captured"),
    (R, SYN_SENT, Event.FIN): (CLOSE_WAIT, "must have been accepted, though the SYN-ACK was not captured"),
    (S, UNSEEN, Event.DATA): (PARTIAL, "sends data; its opening was not captured"),
    (R, UNSEEN, Event.DATA): (PARTIAL, "receives data; its opening was not captured"),
    (S, PARTIAL, Event.DATA): (PARTIAL, "sends data"),
    (R, PARTIAL, Event.DATA): (PARTIAL, "receives data"),
    (S, UNSEEN, Event.SYN_LATE): (ESTABLISHED, "asks to open (captured after the answer)"),
    (R, SYN_RECEIVED, Event.SYN_LATE): (SYN_RECEIVED, "had already answered"),
    (S, PARTIAL, Event.SYN_ACK_LATE): (ESTABLISHED, "accepts (captured after the confirmation)"),
    (R, ESTABLISHED, Event.SYN_ACK_LATE): (ESTABLISHED, "had already confirmed"),
    # data
    (S, ESTABLISHED, Event.DATA): (ESTABLISHED, "sends data"),
    (R, ESTABLISHED, Event.DATA): (ESTABLISHED, "receives data"),
    (S, SYN_RECEIVED, Event.DATA): (SYN_RECEIVED, "sends data before it is confirmed"),
    (S, CLOSE_WAIT, Event.DATA): (CLOSE_WAIT, "sends data into the half-closed connection"),
    (R, FIN_WAIT_1, Event.DATA): (FIN_WAIT_1, "receives data after it closed its own direction"),
    (R, FIN_WAIT_2, Event.DATA): (FIN_WAIT_2, "receives data after it closed its own direction"),
    # closing, §3.6 figures 12 and 13
    (S, ESTABLISHED, Event.FIN): (FIN_WAIT_1, "closes its direction"),
    (S, SYN_RECEIVED, Event.FIN): (FIN_WAIT_1, "closes its direction"),
    (S, PARTIAL, Event.FIN): (FIN_WAIT_1, "closes its direction"),
    (S, UNSEEN, Event.FIN): (FIN_WAIT_1, "closes its direction; its opening was not captured"),
    (S, CLOSE_WAIT, Event.FIN): (LAST_ACK, "closes its direction too"),
    (S, CLOSE_WAIT, Event.FIN_CROSSED): (CLOSING, "closes its direction at the same time"),
    (R, ESTABLISHED, Event.FIN): (CLOSE_WAIT, "learns that the other side is done"),
    (R, PARTIAL, Event.FIN): (CLOSE_WAIT, "learns that the other side is done"),
    (R, UNSEEN, Event.FIN): (CLOSE_WAIT, "learns that the other side is done"),
    (R, FIN_WAIT_1, Event.FIN_CROSSED): (CLOSING, "both directions are closing"),
    (R, FIN_WAIT_2, Event.FIN): (TIME_WAIT, "both directions are closed; waits 2 MSL"),
    (S, CLOSE_WAIT, Event.ACK_OF_FIN): (CLOSE_WAIT, "acknowledges the FIN"),
    (S, CLOSING, Event.ACK_OF_FIN): (CLOSING, "acknowledges the FIN"),
    (S, TIME_WAIT, Event.ACK_OF_FIN): (TIME_WAIT, "acknowledges the last FIN"),
    (R, FIN_WAIT_1, Event.ACK_OF_FIN): (FIN_WAIT_2, "its direction is closed"),
    (R, CLOSING, Event.ACK_OF_FIN): (TIME_WAIT, "its direction is closed; waits 2 MSL"),
    (R, LAST_ACK, Event.ACK_OF_FIN): (CLOSED, "its direction is closed: the connection is gone"),
    # resetting, §3.10.7
    **{(S, state, Event.RST): (CLOSED, "resets the connection") for state in (*State, *Observed)},
    **{(R, state, Event.RST): (CLOSED, "is told that there is no connection") for state in (*State, *Observed)},
    (S, CLOSED, Event.RST): (CLOSED, "says that there is no connection here"),
    (S, UNSEEN, Event.RST): (CLOSED, "refuses"),
    (R, UNSEEN, Event.RST): (UNSEEN, "is told that there is no connection"),
    (R, SYN_RECEIVED, Event.RST_EMBRYO): (LISTEN, "drops the embryonic connection and goes on listening"),
}


@cache
def transition(role: Role, state: EndState, event: Event) -> Transition:
    """Where an event leads; defined for every role, state and event."""
    row = TRANSITIONS.get((role, state, event))
    if row is None:
        return Transition(state, f"unexpected in {state.value}", expected=False)
    return Transition(*row, expected=True)
