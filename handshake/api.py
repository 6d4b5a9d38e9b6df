"""Frames in, judged handshakes out: the one pipeline behind replay, probe, and the library.

>>> import handshake
>>> for h in handshake.read("captures/three-way.pcap"):
...     print(h.outcome.value, h.client.endpoint, "->", h.server.endpoint)
established 10.0.0.1:40001 -> 10.0.0.2:7
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

from handshake.findings import crowds_of, examine
from handshake.flow.copies import Copies
from handshake.flow.listeners import listeners
from handshake.flow.stories import told
from handshake.flow.table import DEFAULT_LIMIT, FlowTable
from handshake.flow.verdict import conclude
from handshake.model.handshake import Handshake
from handshake.model.packet import Datagram, Frame, Packet, Segment
from handshake.model.report import Approach, Report, SourceInfo, Tally
from handshake.model.totals import Totals
from handshake.source.capture import Capture, open_capture
from handshake.source.recording import Recording
from handshake.wire.decode import Decoder

if TYPE_CHECKING:
    from handshake.model.comparison import Comparison
    from handshake.model.event import Event
    from handshake.model.vantage import Place
    from handshake.probe.behaviour import Behaviour
    from handshake.probe.kernel import KernelWatch
    from handshake.probe.run import Probe

BULK_BYTES = 1 << 20
"""Size of a capture from which on it pays to read it in bulk."""
SHARED_BYTES = 1 << 25
"""And from which on it pays to share it among processes."""

WATCH_LIMIT = 20_000
"""Connections that a watch keeps at once, closed ones among them."""


class Inspection:
    """Decodes frames, follows flows, examines what is finished. Live, probe and replay all feed this.

    Sans I/O: it neither reads nor prints. `limit` bounds the flows kept at once. Several captures that
    have nothing to do with each other: `finish` after each, and `begin` the next. `secrets` keeps passwords.
    """

    def __init__(self, source: str = "", limit: int = DEFAULT_LIMIT, *, secrets: bool = False) -> None:
        self._tally = Tally()
        self._table = FlowTable(limit, secrets=secrets)
        self.begin(source)

    def begin(self, source: str) -> None:
        """What is fed from now on comes from this capture or interface."""
        self._table.source = source
        self._decoder = Decoder()
        self._latest_ns = 0
        self._copies = Copies()

    def feed(self, frame: Frame) -> list[Handshake]:
        """Take one frame; return the handshakes that it finished, findings attached."""
        return self.take(self._decoder.decode(frame), frame.interface)

    def decode(self, frame: Frame) -> Packet:
        """The packet of the next frame, which `take` takes."""
        return self._decoder.decode(frame)

    def take(self, packet: Packet, interface: str = "") -> list[Handshake]:
        """Take one packet, whoever decoded it; return the handshakes that it finished, findings attached."""
        tally = self._tally
        self._note_time(packet.time_ns)
        transport = packet.transport
        if isinstance(transport, Segment):
            tally.tcp += 1
        elif isinstance(transport, Datagram):
            tally.udp += 1
        elif transport is not None:
            tally.icmp_errors += 1
        if packet.stop is not None:
            reasons = tally.faults if packet.stop.fault else tally.undecoded
            reasons[packet.stop.reason] = reasons.get(packet.stop.reason, 0) + 1
        if transport is not None and not isinstance(transport, Datagram):
            seen_at = self._copies.seen_at(transport, interface)
            if seen_at is not None:
                tally.copies += 1
                if seen_at == interface:
                    self._table.copied(transport)
                return []
        finished = self._table.feed(packet)
        return [examine(handshake) for handshake in finished] if finished else []

    def _note_time(self, time_ns: int) -> None:
        tally = self._tally
        tally.frames += 1
        if tally.first_ns is None or time_ns < tally.first_ns:
            tally.first_ns = time_ns
        if tally.last_ns is None or time_ns > tally.last_ns:
            tally.last_ns = time_ns
        if time_ns < self._latest_ns:
            tally.backward += 1
            tally.most_backward_ns = max(tally.most_backward_ns, self._latest_ns - time_ns)
        else:
            self._latest_ns = time_ns

    def finish(self) -> list[Handshake]:
        """Return the handshakes that are still open, in order of appearance; what comes later is unrelated to them."""
        return [examine(handshake) for handshake in self._table.finish()]

    @property
    def tally(self) -> Tally:
        """Counts so far."""
        self._tally.evicted = self._table.evicted
        self._tally.evicted_exchanges = self._table.evicted_exchanges
        self._tally.unmatched_icmp = self._table.unmatched_icmp
        return self._tally

    def report(
        self, handshakes: Iterable[Handshake], sources: Iterable[SourceInfo], approach: Approach | None = None
    ) -> Report:
        """The view-model of what was fed, with handshakes in order of appearance."""
        exchanges = self._table.exchanges()
        ordered = told(sorted(handshakes, key=lambda handshake: handshake.number), exchanges)
        return Report(tuple(sources), self.tally, ordered, exchanges, approach, crowds=crowds_of(ordered))


class Watch(Inspection):
    """An inspection for somebody who watches: says what opens, fails and closes while it goes on.

    It also finds the runs of segments that a capture may leave to the kernel (`source.mute`).
    """

    def __init__(self, source: str = "", limit: int = WATCH_LIMIT) -> None:
        from handshake.flow.progress import Progress
        from handshake.source.mute import Muting

        super().__init__(source, limit)
        self._progress = Progress()
        self._table.observer = self._progress
        self._muting = Muting()
        self.muted: tuple[int, ...] = ()
        """Keys of the runs to mute (`wire.sieve`)."""

    def take(self, packet: Packet, interface: str = "") -> list[Handshake]:
        """As an inspection does; then `events` tells what happened."""
        self._progress.tick(packet.time_ns)
        if isinstance(packet.transport, Segment) and self._muting.note(packet.transport):
            self.muted = self._muting.keys
        return super().take(packet, interface)

    def events(self, now_ns: int | None = None) -> list[Event]:
        """What happened since the last call; call it after each frame. `now_ns` tells the time when no packet does."""
        from handshake.model.event import Event

        if now_ns is not None:
            self._progress.tick(now_ns)
        return [
            Event(kind, time_ns, examine(conclude(flow, self._table.source)))
            for kind, time_ns, flow in self._progress.take()
        ]


class Comparing(Inspection):
    """An inspection that also weighs each packet: what TCP and UDP cost, flow by flow."""

    def __init__(self, source: str = "", limit: int = DEFAULT_LIMIT) -> None:
        from handshake.flow.meter import Meter

        super().__init__(source, limit)
        self._meter = self._table.meter = Meter()

    def feed(self, frame: Frame) -> list[Handshake]:
        """As an inspection does."""
        self._meter.wire = max(frame.orig_len, len(frame.data))
        return super().feed(frame)

    def comparison(self, report: Report) -> Comparison:
        """TCP against UDP in what was fed, of which this is the report."""
        from handshake.compare.transports import compare

        meter = self._meter
        rest = meter.rest(tcp=True), meter.rest(tcp=False)
        return compare(report, meter.tcp(), meter.udp(), rest, meter.unmetered)


class Witnessing(Inspection):
    """An inspection that also keeps the segments of each connection, to hold them against those of another place."""

    def __init__(self, source: str = "", limit: int = DEFAULT_LIMIT) -> None:
        from handshake.flow.witness import Witness

        super().__init__(source, limit)
        self._witness = self._table.meter = Witness()

    def place(self, report: Report) -> Place:
        """What was fed, of which this is the report, as one of two places."""
        from handshake.model.vantage import Place

        traces = self._witness.traces(report.handshakes)
        return Place(report.sources[0], traces, self._tally.first_ns, self._tally.last_ns)


def read(path: str | os.PathLike[str]) -> Iterator[Handshake]:
    """Yield every handshake of a pcap or pcapng file (`-`: standard input), each as it is finished.

    Raises CaptureError if the file cannot be read at all; a file damaged later on gives everything
    up to the damage. `inspect` gives the counts and the damage as well.
    """
    with open_capture(path) as capture:
        inspection = Inspection(capture.name)
        for frame in capture:
            yield from inspection.feed(frame)
    yield from inspection.finish()


def inspect(paths: Iterable[str | os.PathLike[str]], limit: int = DEFAULT_LIMIT) -> Report:
    """Read capture files into one report. Each is judged on its own.

    Raises CaptureError for the first file that cannot be read at all.
    """
    return _inspected(map(open_capture, paths), limit)


def _inspected(captures: Iterable[Capture], limit: int) -> Report:
    inspection = Inspection(limit=limit)
    handshakes: list[Handshake] = []
    sources: list[SourceInfo] = []
    for opened in captures:
        with opened as capture:
            inspection.begin(capture.name)
            for frame in capture:
                handshakes.extend(inspection.feed(frame))
            handshakes.extend(inspection.finish())
            sources.append(capture.info())
    return inspection.report(handshakes, sources)


def counted(report: Report) -> Report:
    """The report with counts in place of the handshakes; those that page loads are made of stay."""
    talks = tuple(each for each in report.handshakes if each.application and each.application.http)
    exchanges = len(report.exchanges), sum(not exchange.replies for exchange in report.exchanges)
    return replace(
        report, handshakes=talks, exchanges=(), totals=Totals.of(report.handshakes),
        listeners=listeners(report.handshakes), exchange_counts=exchanges,
    )  # fmt: skip


def count(path: str | os.PathLike[str], limit: int = DEFAULT_LIMIT) -> Report:
    """The counts of a capture, as `counted` gives them: in bulk where that pays. Raises CaptureError."""
    with open_capture(path, again=True) as capture:
        return count_in_bulk(Recording([capture]), limit) or counted(_inspected([capture], limit))


def count_in_bulk(
    recording: Recording,
    limit: int = DEFAULT_LIMIT,
    go_on: Callable[[Recording], bool] = lambda _: True,
    jobs: int = 1,
) -> Report | None:
    """The counts of a large recording, as `counted` gives them, many packets at once. Open its parts to be read again.

    None where that does not pay (below 1 MB), or cannot be exact; then the recording begins anew. `go_on` is asked
    after each window, and while a pipe is slow; when it says no, the report is on what was read until then. `jobs`
    processes share the work where it is one plain file (forked: a process with threads asks for one).
    """
    return _in_bulk(recording, limit, go_on, jobs)


def list_in_bulk(
    recording: Recording,
    alike: Callable[[Handshake], tuple[str, ...]],
    limit: int = DEFAULT_LIMIT,
    go_on: Callable[[Recording], bool] = lambda _: True,
    jobs: int = 1,
) -> Report | None:
    """As `count_in_bulk`, with a line for each handshake in place of the counts.

    `alike` says of a handshake what it shares with all that went like it: whatever follows from flags, options and
    findings, and not from addresses, ports, times, or how much was said.
    """
    return _in_bulk(recording, limit, go_on, jobs, alike)


def _in_bulk(
    recording: Recording,
    limit: int,
    go_on: Callable[[Recording], bool],
    jobs: int,
    alike: Callable[[Handshake], tuple[str, ...]] | None = None,
) -> Report | None:
    if not _is_large(recording, go_on):
        recording.rewind()
        return None
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy would start threads that nobody needs here
    from handshake.bulk.sift import NotPlainError, NotSharedError
    from handshake.bulk.summary import Enough, listed, swept

    part = recording.parts[0]
    if len(recording.parts) > 1 or not part.plain or part.reached < SHARED_BYTES:
        jobs = 1
    if alike:
        sweep = listed(recording, examine, limit, alike, jobs=jobs)
    else:
        sweep = swept(recording, examine, limit, jobs=jobs)
    try:
        for report in sweep:
            last = report if go_on(recording) or _is_whole(report) else sweep.throw(Enough)
            if _is_whole(last):
                return last
    except NotSharedError:
        recording.rewind()
        return _in_bulk(recording, limit, go_on, 1, alike)
    except NotPlainError:
        recording.rewind()
    return None


def _is_whole(report: Report) -> bool:
    return report.totals is not None or report.listing is not None


def _is_large(recording: Recording, go_on: Callable[[Recording], bool]) -> bool:
    """Whether it pays to read it in bulk, or nobody wants to wait until that is known."""
    reached = 0
    for part in recording.parts:
        there = False
        while not there and reached < BULK_BYTES:
            there = part.reach(BULK_BYTES - reached)
            if not go_on(recording):
                return True
        reached += part.reached
    return reached >= BULK_BYTES


def merged(parts: Sequence[Report]) -> Report:
    """One report of the counts of several captures, as `counted` gives them, in this order."""
    tally, totals = Tally(), Totals()
    for part in parts:
        tally.merge(part.tally)
        totals.merge(part.totals or Totals())
    counts = [part.exchange_counts or (0, 0) for part in parts]
    return Report(
        tuple(source for part in parts for source in part.sources),
        tally,
        tuple(
            replace(each, number=each.number + (at << 40)) for at, part in enumerate(parts) for each in part.handshakes
        ),
        totals=totals,
        crowds=tuple(sorted((crowd for part in parts for crowd in part.crowds), key=attrgetter("code"))),
        listeners=tuple(each for part in parts for each in part.listeners or ()),
        exchange_counts=(sum(made for made, _ in counts), sum(silent for _, silent in counts)),
    )


def probe_frames(
    approach: Approach,
    *,
    source_port: int = 0,
    retries: int = 2,
    timeout_s: float = 5.0,
    behaviour: Behaviour | None = None,
    watch: KernelWatch | None = None,
) -> Iterator[Frame]:
    """Open and close one connection with crafted packets; yield every captured frame of it as it comes.

    The SYN is repeated up to `retries` times within `timeout_s`. Leaving the iteration early resets what
    is open. `behaviour` is the client's, by default that of Linux; `watch` asks the server's kernel after each
    segment sent. Raises PrivilegeError without CAP_NET_RAW, ProbeError when the network does not let it run.
    """
    from handshake.probe.behaviour import Behaviour
    from handshake.probe.run import Probe

    with Probe(
        approach,
        source_port=source_port,
        retries=retries,
        timeout_s=timeout_s,
        behaviour=behaviour or Behaviour(),
    ) as running:
        yield from frames_of(running, watch)


def frames_of(running: Probe, watch: KernelWatch | None = None) -> Iterator[Frame]:
    """Carry out a probe on a capture of its interface: its frames, as `probe_frames` yields them."""
    from handshake.source.live import Sniffer

    with Sniffer(running.attempt.approach.route.interface, program=running.program) as sniffer:
        if watch is None:
            yield from running.run(sniffer)
            return
        watch.follow(running.endpoint)
        running.attempt.on_sent = watch.ask
        for frame in running.run(sniffer):
            watch.see(frame)
            yield frame


def probe(target: str, *, family: int | None = None, allow_public: bool = False, timeout_s: float = 5.0) -> Report:
    """Probe `HOST:PORT` with crafted packets and report the handshake, as `handshake probe` does. Needs CAP_NET_RAW.

    Raises TargetError for a target that makes no sense or may not be probed, PrivilegeError, ProbeError.
    """
    from handshake.probe.approach import prepare

    approach = prepare(target, family=family, allow_public=allow_public)
    inspection = Inspection(approach.route.interface)
    handshakes: list[Handshake] = []
    for frame in probe_frames(approach, timeout_s=timeout_s):
        handshakes.extend(inspection.feed(frame))
    handshakes.extend(inspection.finish())
    return inspection.report(handshakes, [live_source(approach, inspection)], approach)


def live_source(approach: Approach, inspection: Inspection) -> SourceInfo:
    """The interface of a probe, as the source of what an inspection was fed."""
    return SourceInfo(approach.route.interface, "live", inspection.tally.frames)
