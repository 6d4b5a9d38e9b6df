"""Who leaves a full flow table, and when: the order of `flow.table`, told from frame numbers alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from handshake.wire.columns.arrays import Ints

NEVER = 1 << 62


class Candidates(NamedTuple):
    """Connections by the frames that began, opened and closed them (`NEVER` where none did)."""

    begun: Ints
    opened: Ints
    closed: Ints
    created: Ints
    """First frames of those that came since candidates were asked for before, some of which may have gone."""


class Room:
    """Connections by the frames that began, opened and closed them; `NEVER` where none did."""

    def __init__(self, begun: Ints, opened: Ints, closed: Ints) -> None:
        self._begun, self._opened, self._closed = begun, opened, closed
        self._left = np.minimum(opened, closed)

    def leaving(self, created: Ints, limit: int) -> tuple[Ints, Ints]:
        """Who has to leave when connections begin with these frames, the last of those in it: and at which frame."""
        there = len(self._begun) - len(created)
        frames = created[max(limit - there, 0) :]
        for enters, leaves in ((self._closed, None), (self._begun, self._left)):
            order = _earliest(enters, len(frames))
            there_in_time = len(order) == len(frames) and bool((enters[order] < frames).all())
            if there_in_time and (leaves is None or bool((leaves[order] >= frames).all())):
                return order, frames
            if (self._closed < frames[-1]).any():
                break  # some are closed, but not enough
        return self._one_by_one(frames)

    def _one_by_one(self, frames: Ints) -> tuple[Ints, Ints]:
        never = np.full(len(self._begun), NEVER)
        open_from = np.where(self._opened < self._closed, self._opened, NEVER)
        first, last = int(frames[0]), int(frames[-1])
        entering = ((self._closed, never), (self._begun, self._left), (open_from, self._closed))
        queues = [_Queue(enters, leaves, first, last) for enters, leaves in entering]
        gone: list[int] = []
        taken: set[int] = set()
        for frame in frames.tolist():
            who = next(filter(lambda each: each is not None, (queue.first(frame, taken) for queue in queues)))
            assert who is not None
            taken.add(who)
            gone.append(who)
        return np.array(gone, np.int64), frames


def _earliest(enters: Ints, count: int) -> Ints:
    """Who enters first, in that order."""
    rows = np.argpartition(enters, count - 1)[:count] if 0 < count <= len(enters) else np.arange(len(enters))
    return rows[np.argsort(enters[rows], kind="stable")][:count]


class _Queue:
    """Those that enter with some frame and leave with a later one, in the order of entering, between two frames."""

    def __init__(self, enters: Ints, leaves: Ints, first: int, last: int) -> None:
        rows = np.flatnonzero((enters < last) & (leaves >= first))
        rows = rows[np.argsort(enters[rows], kind="stable")]
        self._rows, self._enters, self._leaves = (each.data for each in (rows, enters[rows], leaves[rows]))
        self._at = 0

    def first(self, frame: int, taken: set[int]) -> int | None:
        """The one that has been there longest before a frame."""
        while self._at < len(self._rows) and self._enters[self._at] < frame:
            if self._leaves[self._at] >= frame and self._rows[self._at] not in taken:
                return self._rows[self._at]
            self._at += 1
        return None
