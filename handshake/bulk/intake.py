"""What comes in with a window: every packet counted, TCP in columns, and what is odd decoded one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from handshake.bulk.datagrams import Exchanges
from handshake.bulk.names import Names
from handshake.bulk.share import Share
from handshake.bulk.sift import DISORDER_NS, NotPlainError
from handshake.flow.table import LINGER_NS, FlowTable
from handshake.model.packet import Datagram, Frame, IcmpError, Packet, Segment
from handshake.model.record import dataclass
from handshake.model.report import Tally
from handshake.source.columns import Window
from handshake.source.windows import Windows
from handshake.wire.columns.arrays import Ints, Words
from handshake.wire.columns.decode import Plain, decode
from handshake.wire.columns.segments import Segments, joined, named
from handshake.wire.decode import Decoder
from handshake.wire.decode import decode as decode_alone

_TCP, _UDP = 6, 17


@dataclass(frozen=True, slots=True)
class Taken:
    """A window whose packets have been looked at."""

    window: Window
    links: list[tuple[int, str]]
    """Link type and name of each interface so far."""
    tcp: Ints
    """Places in the window of all TCP segments and ICMP errors about TCP."""
    segments: Segments
    """Those of the share, in the order of the capture."""
    odd: dict[int, Packet]
    """Those that were decoded one by one, by their place in the window."""
    errors: dict[int, Packet]
    """Other ICMP errors, in the same way."""

    def packet(self, row: int) -> Packet:
        """The packet at a place in the window."""
        return self.odd.get(row) or decode_alone(self.frame(row))

    def frame(self, row: int) -> Frame:
        """The frame at that place."""
        window = self.window
        start, captured = int(window.starts[row]), int(window.captured[row])
        linktype, interface = self.links[window.link[row]]
        return Frame(window.first + row, int(window.time_ns[row]), linktype,
                     window.data[start : start + captured].tobytes(), int(window.original[row]), interface)  # fmt: skip


class Intake:
    """Takes window after window. What is no connection goes to the flow table and is counted, if it is the share's."""

    def __init__(  # noqa: PLR0917 - what it is put together from
        self, windows: Windows, names: Names, table: FlowTable, limit: int, share: Share, tally: Tally
    ) -> None:
        self._windows = windows
        self._names = names
        self._table = table
        self._share = share
        self._tally = tally
        self._decoder = Decoder()
        self._latest_ns = 0
        self.exchanges = Exchanges(limit, names.endpoints)

    def take(self, window: Window) -> Taken:
        """Take the packets of the next window. Raises NotPlainError when times run back too far."""
        self._note_times(window)
        links = list(self._windows.links)
        plain = decode(window.data, window.starts, window.captured, window.original, window.link,
                       [linktype for linktype, _ in links], self._names.endpoints,
                       None if self._share.is_all else self._mine)  # fmt: skip
        self._tally.tcp += len(plain.tcp)
        self._tally.udp += len(plain.datagrams.row)
        taken = Taken(window, links, plain.tcp, plain.segments, {}, {})
        self._decode_odd(taken, plain)
        if not taken.odd:
            return taken
        odd = self._named(taken.odd)
        mine = odd.take(self._mine(odd.src, odd.dst))
        return replace(taken, tcp=np.sort(np.append(plain.tcp, odd.row)), segments=joined(plain.segments, mine))

    def _mine(self, src: Words, dst: Words) -> Ints:
        """Where those between such ends are that the share has."""
        return self._share.of(self._names.endpoints.pair(src, dst))

    def _note_times(self, window: Window) -> None:
        tally, time_ns = self._tally, window.time_ns
        tally.frames += len(time_ns)
        low, high = int(time_ns.min()), int(time_ns.max())
        tally.first_ns = low if tally.first_ns is None else min(tally.first_ns, low)
        tally.last_ns = high if tally.last_ns is None else max(tally.last_ns, high)
        latest = np.maximum.accumulate(np.append(self._latest_ns, time_ns))
        back = latest[:-1] - time_ns
        tally.backward += int((back > 0).sum())
        tally.most_backward_ns = max(tally.most_backward_ns, int(back.max()))
        self._latest_ns = int(latest[-1])
        if tally.most_backward_ns > DISORDER_NS and tally.last_ns - tally.first_ns > LINGER_NS:
            raise NotPlainError("times run back too far to tell what a flow table has forgotten")

    def _decode_odd(self, taken: Taken, plain: Plain) -> None:
        """Decode the odd packets one by one, and count all datagrams."""
        datagrams: list[tuple[int, Datagram]] = []
        tally, first = self._tally, self._share.is_first
        for row in plain.odd.tolist():
            packet = self._decoder.decode(taken.frame(row))
            transport = packet.transport
            if packet.stop is not None:
                reasons = tally.faults if packet.stop.fault else tally.undecoded
                reasons[packet.stop.reason] = reasons.get(packet.stop.reason, 0) + 1
            if isinstance(transport, Segment):
                tally.tcp += 1
                taken.odd[row] = packet
            elif isinstance(transport, Datagram):
                tally.udp += 1
                if transport.tags and first:
                    self.exchanges.tagged(transport)
                    self._table.feed(packet)
                elif first:
                    datagrams.append((row, transport))
            elif isinstance(transport, IcmpError):
                tally.icmp_errors += 1
                if transport.protocol == _TCP:
                    taken.odd[row] = packet
                else:
                    taken.errors[row] = packet
        if first:
            self.exchanges.take(plain.datagrams, taken.window.first, datagrams)

    def blame(self, errors: Iterable[Packet]) -> None:
        """Take ICMP errors about something else than TCP."""
        for packet in errors:
            error = packet.transport
            assert isinstance(error, IcmpError)
            if error.protocol != _UDP or not self.exchanges.blamed(error):
                self._table.feed(packet)

    def _named(self, odd: dict[int, Packet]) -> Segments:
        ends = []
        for packet in odd.values():
            transport = packet.transport
            assert isinstance(transport, Segment | IcmpError)
            for end in (transport.src, transport.dst):
                self._names.note(end)
            ends.append((transport.src, transport.dst))
        src, dst = (np.array([self._names.endpoints.of(*pair[side])[1] for pair in ends], np.uint64) for side in (0, 1))
        ports = np.array([one.port << 16 | other.port for one, other in ends], np.int64)
        return named(np.array(list(odd), np.int64), src, dst, ports)
