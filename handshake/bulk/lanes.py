"""Who came before whom among the packets of a window, which are sorted by connection.

Sides: 0 sent a connection's first packet, 1 is the other. The packets of one side are a lane: connection * 2 + side.
"""

from __future__ import annotations

import numpy as np

from handshake.wire.columns.arrays import Bools, Ints

# Choosing by arithmetic (value * mask) costs a seventh of np.where with a mask that no branch predictor can guess.


def first(found: Bools, key: Ints, keys: int) -> Ints:
    """The first place at which something was found, by key; the number of places where it was not."""
    places = np.full(keys, len(found))
    rows = np.flatnonzero(found)[::-1]
    places[key.take(rows)] = rows  # of several the last one stays
    return places


class Lanes:
    """The order of the packets of a window; columns have one element each, in the order of connection and capture."""

    def __init__(self, fresh: Bools) -> None:
        """`fresh`: at which packets a connection begins."""
        self.starts: Ints = np.flatnonzero(fresh)
        """Where each connection's packets begin."""
        self.stops: Ints = np.append(self.starts[1:], len(fresh)) - 1
        """Where its last one is."""
        self.group: Ints = np.cumsum(fresh.view(np.int8), dtype=np.int64) - 1
        """Which of the connections each packet belongs to."""
        self.index: Ints = np.arange(len(fresh))
        self.start: Ints = self.starts.take(self.group)
        self.count = 2 * len(self.starts)
        """Number of lanes."""

    def part(self, side: Ints) -> None:
        """Tell the lanes apart."""
        self.side = side
        self.own: Ints = self.group * 2 + side
        """Lane of each packet."""
        self.oth: Ints = self.own ^ 1
        """Lane of the other side."""
        size, index = len(side), self.index
        turns = np.empty(size, np.bool_)
        turns[0] = True
        np.not_equal(self.own[1:], self.own[:-1], out=turns[1:])
        run = np.maximum.accumulate(index * turns)  # where each run of packets of one lane begins
        self.other_last: Ints = run - 1
        """The other side's last packet before this one; below `start`: none in this window."""
        before = np.full(size, -1)
        before[1:] = run[:-1] - 1
        self.own_last: Ints = index - 1 + turns * (before - index + 1)
        """The side's own last packet, in the same way."""
        self.begins: Bools = self.own_last < self.start
        """It is the first of its lane."""
        self._own_at = self.own_last + self.begins * (size + self.own - self.own_last)
        self._other_at = self.other_last + (self.other_last < self.start) * (size + self.oth - self.other_last)

    def own_before(self, column: Ints, carried: Ints) -> Ints:
        """The value of the side's last packet before this one; `carried` has one a lane from before the window."""
        return np.concatenate((column, carried)).take(self._own_at)

    def other_before(self, column: Ints, carried: Ints) -> Ints:
        """The value of the other side's last packet before this one, in the same way."""
        return np.concatenate((column, carried)).take(self._other_at)

    def before(self, column: Ints, carried: Ints) -> Ints:
        """The value of the connection's last packet before this one; `carried` has one for each connection."""
        values = np.empty_like(column)
        values[1:] = column[:-1]
        values[self.starts] = carried
        return values

    def counted(self, column: Ints, carried: Ints) -> tuple[Ints, Ints]:
        """The sum over the connection's packets before this one, beginning with `carried`; and over all of them."""
        total = np.cumsum(column)
        earlier = total - column
        since = carried - earlier.take(self.starts)
        return earlier + since.take(self.group), total.take(self.stops) + since

    def highest(self, column: Ints, carried: Ints) -> Ints:
        """The highest value of the side up to this packet, `carried` among them; as fast as it is in order."""
        back = np.flatnonzero(column < self.own_before(column, carried))
        if not len(back):
            return column
        bent = np.zeros(self.count, np.bool_)
        bent[self.own.take(back)] = True
        rows = np.flatnonzero(bent.take(self.own))
        rows = rows[np.argsort(self.own.take(rows), kind="stable")]
        values, lane = column.take(rows), self.own.take(rows)
        begin = np.flatnonzero(self.begins.take(rows))
        values[begin] = np.maximum(values[begin], carried[lane[begin]])
        values += lane * _STRIDE
        highest = column.copy()
        highest[rows] = np.maximum.accumulate(values) - lane * _STRIDE
        return highest

    def last_of_each(self) -> tuple[Ints, Ints]:
        """Lanes that have packets in this window, and where their last ones are."""
        lane = np.concatenate((self.own.take(self.stops), self.oth.take(self.stops)))
        at = np.concatenate((self.stops, self.other_last.take(self.stops)))
        there = np.flatnonzero(at >= self.starts[lane >> 1])
        return lane[there], at[there]


_STRIDE = 1 << 37
"""More than values of one lane lie apart."""
