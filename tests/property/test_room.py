"""Who has to leave a full table: `bulk.room` against the rule, told one frame after the other."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from handshake.bulk.room import NEVER, Room

Connection = tuple[int, int, int]
"""The frames that began, opened and closed it."""


def connections(chance: random.Random, count: int) -> list[Connection]:
    """Connections by the order of begin; no frame does two things."""
    frames = chance.sample(range(0, 100 * count, 100), count)
    found = []
    for index, begun in enumerate(frames):
        opened = begun + 100 * chance.randint(1, 20) + index + 1 if chance.random() < 0.6 else NEVER
        since = opened if opened < NEVER and chance.random() < 0.8 else begun
        closed = (since // 100 + chance.randint(1, 30)) * 100 + 50 + index if chance.random() < 0.6 else NEVER
        found.append((begun, opened, closed))
    return found


def leaving(every: list[Connection], created: list[int], limit: int) -> list[tuple[int, int]]:
    """The rule of `flow.table`: closed ones first, then those that never opened, then open ones; the oldest of each."""
    inside = [number for number, (begun, _, _) in enumerate(every) if begun not in created]
    found = []
    for frame in created:
        if len(inside) == limit:

            def rank(number: int, frame: int = frame) -> tuple[int, int]:
                begun, opened, closed = every[number]
                if closed < frame:
                    return 0, closed
                return (2, opened) if opened < frame else (1, begun)

            gone = min(inside, key=rank)
            inside.remove(gone)
            found.append((gone, frame))
        inside += [number for number, (begun, _, _) in enumerate(every) if begun == frame]
    return found


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(2, 40), data=st.data())
def test_they_leave_in_the_order_of_the_rule(seed: int, count: int, data: st.DataObject) -> None:
    every = connections(random.Random(seed), count)
    begun, opened, closed = (np.array(column, np.int64) for column in zip(*every, strict=True))
    limit = data.draw(st.integers(1, count - 1))
    created = sorted(begun.tolist())[data.draw(st.integers(0, limit)) :]
    which, frames = Room(begun, opened, closed).leaving(np.array(created, np.int64), limit)
    assert list(zip(which.tolist(), frames.tolist(), strict=True)) == leaving(every, created, limit)
