"""UDP exchanges as far as counts go: which there were, and which had a reply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from handshake.bulk.sift import NotPlainError
from handshake.model.handshake import Exchange
from handshake.model.packet import Datagram, IcmpError
from handshake.wire.columns.endpoints import Endpoints
from handshake.wire.columns.segments import Datagrams


class Exchanges:
    """Counts as `FlowTable` does, bounded as it is: the oldest one leaves a full table and is not counted."""

    def __init__(self, limit: int, endpoints: Endpoints) -> None:
        self._limit = limit
        self._endpoints = endpoints
        self._open: dict[int, list[int]] = {}
        """Pair of endpoints to (client, whether a reply came, frame that began it)."""
        self._elsewhere: set[int] = set()
        """Pairs whose datagrams come in VLANs or tunnels."""
        self.evicted = 0

    def take(self, plain: Datagrams, first: int, others: Sequence[tuple[int, Datagram]]) -> None:
        """Take the datagrams of a window whose first frame has this number, and those decoded one by one, by row."""
        if not len(plain.row) and not others:
            return
        row = np.concatenate((np.array([row for row, _ in others], np.int64), plain.row))
        ends = [(self._endpoints.of(*each.src)[1], self._endpoints.of(*each.dst)[1]) for _, each in others]
        src, dst = (
            np.concatenate((np.array([end[side] for end in ends], np.uint64), chosen))
            for side, chosen in enumerate((plain.src, plain.dst))
        )
        order = np.argsort(row, kind="stable")
        row, src, pair = row[order], src[order], self._endpoints.pair(src, dst)[order]
        pairs, begins, group = np.unique(pair, return_index=True, return_inverse=True)
        other = np.zeros(len(pairs), np.bool_)
        other[group[src != src[begins][group]]] = True
        last = np.zeros(len(pairs), np.int64)
        np.maximum.at(last, group, row)
        latest = dict(zip(pairs.tolist(), (first + last).tolist(), strict=True))
        for index in np.argsort(begins).tolist():
            key, client, number = int(pairs[index]), int(src[begins[index]]), first + int(row[begins[index]])
            known = self._open.get(key)
            if known is None:
                self._begin(key, client, number, latest)
                known = self._open[key]
            known[1] |= bool(other[index]) or client != known[0]
        if self._elsewhere and not self._elsewhere.isdisjoint(latest):
            raise NotPlainError

    def _begin(self, key: int, client: int, number: int, latest: dict[int, int]) -> None:
        if len(self._open) >= self._limit:
            oldest = next(iter(self._open))
            if latest.get(oldest, -1) >= number:
                raise NotPlainError
            del self._open[oldest]
            self.evicted += 1
        self._open[key] = [client, False, number]

    def tagged(self, datagram: Datagram) -> None:
        """A datagram in a VLAN or tunnel is counted by the flow table; never both ways between the same ends."""
        key = self._key(datagram)
        if key in self._open:
            raise NotPlainError
        self._elsewhere.add(key)

    def blamed(self, error: IcmpError) -> bool:
        """Whether an ICMP error is about an exchange that had begun before it."""
        known = self._open.get(self._key(error))
        return known is not None and known[2] < error.number

    def _key(self, packet: Datagram | IcmpError) -> int:
        return self._endpoints.pair_of(packet.src, packet.dst)

    def counted(self, others: Iterable[Exchange]) -> tuple[int, int]:
        """Exchanges in all, with those that the flow table has, and how many had no reply."""
        replied = [known[1] for known in self._open.values()] + [exchange.replies > 0 for exchange in others]
        return len(replied), len(replied) - sum(replied)
