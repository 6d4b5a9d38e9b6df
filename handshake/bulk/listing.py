"""One line for each handshake of a capture, in arrays: what a table of them shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from handshake.bulk.names import Names
from handshake.bulk.pages import paged
from handshake.bulk.slots import Slots
from handshake.bulk.verdicts import Verdict, with_own_findings
from handshake.findings.opening import SLOW_NS
from handshake.model.finding import Finding
from handshake.model.handshake import Handshake
from handshake.model.listing import Lines
from handshake.wire.columns.arrays import Bools, Ints

Alike = Callable[[Handshake], tuple[str, ...]]

TIMES = ("setup_ns", "irtt_ns", "syn_to_synack_ns", "synack_to_ack_ns")
_PIECE = 1 << 13

LINE = np.dtype(
    [
        ("number", "i8"), ("client", "u8"), ("server", "u8"), ("ports", "u4"), ("alike", "u4"), ("start_ns", "i8"),
        ("end_ns", "i8"), ("times", "i8", len(TIMES)), ("segments", "u4", 2), ("payload", "i8", 2),
    ],
    align=True,
)  # fmt: skip
"""A handshake: number of its first frame, words of its addresses, what it shares with others, times (-1: none), and
segments and bytes of client and server."""


class Listing:
    """Grows by one line for each handshake.

    `alike` says of a handshake what it shares with all that went like it, which is kept once. It may depend on all but
    addresses, ports, times, and what was said; of the timeline it knows nothing.
    """

    wants_talks = False

    def __init__(self, names: Names, alike: Alike) -> None:
        self._names = names
        self._alike = alike
        self._kinds: dict[tuple[str, ...], int] = {}
        self._parts: list[np.ndarray] = []
        self._single: list[tuple[object, ...]] = []

    @property
    def texts(self) -> Sequence[tuple[str, ...]]:
        """What handshakes share that went alike."""
        return list(self._kinds)

    def __len__(self) -> int:
        return sum(map(len, self._parts)) + len(self._single)

    def add(self, handshake: Handshake) -> None:
        """Add a handshake that was judged alone."""
        client, server = handshake.client, handshake.server
        times = (getattr(handshake.timing, name) for name in TIMES)
        self._single.append(
            (
                handshake.steps[0].packet.number, self._names.note(client.endpoint), self._names.note(server.endpoint),
                client.endpoint.port << 16 | server.endpoint.port, self._kind(handshake),
                handshake.start_ns, handshake.end_ns, tuple(-1 if each is None else each for each in times),
                (client.segments, server.segments), (client.payload_bytes, server.payload_bytes),
            )
        )  # fmt: skip
        if len(self._single) >= 4096:
            self._flush()

    def add_alike(
        self, slots: Slots, chosen: Ints, verdicts: Sequence[Verdict], which: Ints, evicted: Bools | None = None
    ) -> None:
        """Add connections by the verdicts on those that went like them; `which` says on whom each is."""
        states, sides = slots.records(chosen)
        first, second, third = slots.times[:, chosen]
        lines = paged(LINE, len(chosen))
        lines["number"], lines["ports"] = slots.first[chosen], states["ports"]
        lines["client"], lines["server"] = states["client_host"], states["server_host"]
        lines["start_ns"], lines["end_ns"] = first, states["last_ns"]
        times = np.stack((third - first, third - first, second - first, third - second), axis=1)
        times[~np.array([verdict.timed for verdict in verdicts])[which]] = -1
        lines["times"] = times
        lines["segments"], lines["payload"] = (sides[name].reshape(-1, 2) for name in ("segments", "payload"))
        lines["alike"] = with_own_findings(self._kind_of, verdicts, which, times[:, 0] >= SLOW_NS, evicted)
        self._parts.append(lines)

    def merge(self, other: Listing) -> None:
        """Take over the lines of another share of the same recording."""
        other._flush()
        kinds = np.array([self._kinds.setdefault(texts, len(self._kinds)) for texts in other._kinds], np.uint32)
        for lines in other._parts:
            lines["alike"] = kinds[lines["alike"]]
            self._parts.append(lines)
        self._names.merge(other._names)

    def _kind_of(self, verdict: Verdict, findings: tuple[Finding, ...]) -> int:
        return self._kind(replace(verdict.example, findings=findings))

    def _kind(self, handshake: Handshake) -> int:
        return self._kinds.setdefault(self._alike(handshake), len(self._kinds))

    def _flush(self) -> None:
        if self._single:
            self._parts.append(np.array(self._single, LINE))
            self._single.clear()

    def pieces(self) -> Iterator[Lines]:
        """All lines, in order of appearance, some thousands at once."""
        self._flush()
        lines = self._joined()
        order = np.argsort(lines["number"], kind="stable")
        for start in range(0, len(order), _PIECE):
            yield self._piece(lines[order[start : start + _PIECE]])

    def _joined(self) -> np.ndarray:
        """All lines as one part; each of the others is let go as soon as it is copied."""
        lines, at = np.empty(len(self), LINE), 0
        self._parts.reverse()
        while self._parts:
            part = self._parts.pop()
            lines[at : at + len(part)] = part
            at += len(part)
        self._parts.append(lines)
        return lines

    def _piece(self, lines: np.ndarray) -> Lines:
        texts, ports = self._names.texts, lines["ports"]
        setup, irtt, to_syn_ack, to_ack = map(_or_none, lines["times"].T)
        segments, payload = lines["segments"].T.tolist(), lines["payload"].T.tolist()
        return Lines(
            lines["alike"].tolist(), texts(lines["client"].tolist()), (ports >> 16).tolist(),
            texts(lines["server"].tolist()), (ports & 0xFFFF).tolist(),
            lines["start_ns"].tolist(), lines["end_ns"].tolist(), setup, irtt, to_syn_ack, to_ack,
            segments[0], payload[0], segments[1], payload[1],
        )  # fmt: skip


def _or_none(column: Ints) -> list[int | None]:
    values: list[int | None] = column.tolist()
    for index in np.flatnonzero(column < 0).tolist():
        values[index] = None
    return values
