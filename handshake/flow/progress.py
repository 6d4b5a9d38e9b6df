"""Tells when conversations open, fail and close, while they go on.

Sans I/O: time is that of the packets, and what `tick` is told when there are none.
"""

from __future__ import annotations

from handshake.flow.conversation import Conversation
from handshake.model.event import EventKind

PATIENCE_NS = 5 * 10**9
"""How long after its first SYN a connection that is not complete counts as failed; Linux asks at 0, 1 and 3 s."""

Change = tuple[EventKind, int, Conversation]
"""What happened, when (ns since the epoch), and to whom."""


class Progress:
    """Follows the conversations of one flow table: its `observer`."""

    def __init__(self, patience_ns: int = PATIENCE_NS) -> None:
        self._patience_ns = patience_ns
        self._waiting: dict[int, tuple[int, Conversation]] = {}
        """Those that may still fail by waiting: number to (when time is up, conversation), oldest first."""
        self._told: dict[int, EventKind] = {}
        self._changes: list[Change] = []

    def changed(self, flow: Conversation, now_ns: int) -> None:
        """A conversation is new, or was closed, or was opened."""
        opened = flow.completed_by is not None
        asked = bool(flow.client.syns)
        if flow.closed_ns is not None:
            self._tell(EventKind.CLOSED if opened or not asked else EventKind.FAILED, now_ns, flow)
        elif opened:
            self._tell(EventKind.OPENED, now_ns, flow)
        elif asked:
            self._told.pop(flow.number, None)
            self._waiting[flow.number] = (now_ns + self._patience_ns, flow)

    def blamed(self, flow: Conversation, now_ns: int) -> None:
        """An ICMP error quotes a conversation."""
        if flow.undeliverable and flow.number in self._waiting:
            self._tell(EventKind.FAILED, now_ns, flow)

    def left(self, flow: Conversation, now_ns: int) -> None:
        """A conversation has left the table."""
        if flow.closed_ns is None and flow.client.syns:
            self._tell(EventKind.LOST if flow.completed_by is not None else EventKind.FAILED, now_ns, flow)
        self._waiting.pop(flow.number, None)
        self._told.pop(flow.number, None)

    def tick(self, now_ns: int) -> None:
        """It is this late, ns since the epoch: give up those whose time is up."""
        while self._waiting:
            due_ns, flow = next(iter(self._waiting.values()))
            if due_ns > now_ns:
                break
            self._tell(EventKind.FAILED, due_ns, flow)

    def take(self) -> list[Change]:
        """What happened since the last call, in order."""
        if not self._changes:
            return []
        changes, self._changes = self._changes, []
        return changes

    def _tell(self, kind: EventKind, now_ns: int, flow: Conversation) -> None:
        self._waiting.pop(flow.number, None)
        if self._told.get(flow.number) is not kind:
            self._told[flow.number] = kind
            self._changes.append((kind, now_ns, flow))
