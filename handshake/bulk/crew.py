"""Several processes read one recording: the first finds the packets, and each follows the connections of its share.

The bytes of a window lie in memory that all of them see. While the others are at one window, the first reads the next.
The one thing that all connections have in common is the room in the flow table: after each window the first process
asks the others how many they have, and says who leaves.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from handshake.bulk.reading import BulkReader
from handshake.bulk.room import Candidates, Room
from handshake.bulk.share import Result, Share
from handshake.bulk.sift import NotSharedError
from handshake.source.columns import Window
from handshake.source.windows import Windows
from handshake.wire.columns.arrays import Ints

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_FINDING, _FINDING_BYTE = 0.15, 0.0003
"""What finding a packet costs, and each of its bytes, measured in what following its connection does."""


def shares_for(jobs: int, packet_bytes: float) -> list[Share]:
    """One share for each process; the first process has less to follow, as it finds the packets too."""
    finding = _FINDING + _FINDING_BYTE * packet_bytes
    first = max(0.02, (1 - (jobs - 1) * finding) / jobs)
    ends = [first + (1 - first) * index / max(jobs - 1, 1) for index in range(jobs)]
    bounds = [0, *(round(end * (1 << 16)) for end in ends[:-1]), 1 << 16]
    return [Share(*bound) for bound in pairwise(bounds)]


class Remote:
    """A reader in a process of its own, which does what it is told."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.connections = 0
        """How many it followed when it was last at rest."""

    def begin(self, command: str, *arguments: Any) -> None:
        """Tell it to do something."""
        with suppress(BrokenPipeError):  # then it says why when asked for the answer, or nothing at all
            self._connection.send((command, *arguments))

    def answer(self) -> Any:
        """What came of it. Raises what it raised; NotSharedError when it is no longer there."""
        try:
            answer = self._connection.recv()
        except (EOFError, ConnectionResetError):
            raise NotSharedError("a process of the crew has ended") from None
        if isinstance(answer, Exception):
            raise answer
        return answer


class Crew:
    """The reader of this process, and those of the others."""

    def __init__(self, windows: Windows, reader: BulkReader, remotes: Sequence[Remote], limit: int) -> None:
        self._windows = windows
        self._breaks = windows.breaks
        self._reader = reader
        self._remotes = remotes
        self._limit = limit
        self._busy = False

    def take(self, window: Window) -> None:
        """Everyone takes the next window; the others may be at it until the next call."""
        self._settle(self._limit // (2 if self._remotes else 8))  # asking the others costs more than the memory
        if self._remotes:
            buffer = next((at for at, data in enumerate(self._windows.buffers) if data is window.data), None)
            if buffer is None or self._windows.breaks != self._breaks:
                raise NotSharedError("a packet that needs more memory, or something that was described later on")
            for remote in self._remotes:
                remote.begin("take", buffer, replace(window, data=_NOTHING))
            self._busy = True
        self._reader.take(window)

    def finish(self) -> Result:
        """The capture has ended: what came of all shares."""
        self._settle()
        for remote in self._remotes:
            remote.begin("finish")
        result = self._reader.finish()
        for remote in self._remotes:
            result.merge(remote.answer())
        return result

    def _settle(self, slack: int = 0) -> None:
        if self._busy:
            for remote in self._remotes:
                remote.connections = remote.answer()
            self._busy = False
        if self._reader.connections + sum(remote.connections for remote in self._remotes) > self._limit + slack:
            self._make_room()

    def _make_room(self) -> None:
        """There are more connections than a full table holds: take out those that it would have lost."""
        own, *others = self._leaving()
        for remote, which in zip(self._remotes, others, strict=True):
            remote.begin("leave", *which)
        self._reader.leave(*own)
        for remote in self._remotes:
            remote.connections = remote.answer()

    def _leaving(self) -> list[tuple[Ints, Ints]]:
        """Who has to leave, by number among each one's candidates, and at which frames."""
        for remote in self._remotes:
            remote.begin("candidates")
        parts: list[Candidates] = [self._reader.candidates(), *(remote.answer() for remote in self._remotes)]
        begun, opened, closed, created = (
            np.concatenate(columns) if self._remotes else columns[0] for columns in zip(*parts, strict=True)
        )
        gone, frames = Room(begun, opened, closed).leaving(np.sort(created), self._limit)
        ends = np.cumsum([0, *(len(part.begun) for part in parts)])
        rows = [np.flatnonzero((gone >= first) & (gone < end)) for first, end in pairwise(ends.tolist())]
        return [(gone[mine] - first, frames[mine]) for mine, first in zip(rows, ends.tolist(), strict=False)]


_NOTHING = np.zeros(0, np.uint8)


@contextmanager
def crew_of(windows: Windows, readers: Sequence[BulkReader], limit: int) -> Iterator[Crew]:
    """Readers of all shares, the first in this process; the others end with the block, or when this process ends.

    To be made when the first window has been read.
    """
    pipes: list[Connection] = []
    processes = []
    try:
        for reader in readers[1:]:
            from multiprocessing import get_context  # 20 ms, which one process alone need not pay

            context = get_context("fork")
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, (here, *pipes), windows, reader), daemon=True)
            process.start()
            there.close()
            pipes.append(here)
            processes.append(process)
        yield Crew(windows, readers[0], [Remote(pipe) for pipe in pipes], limit)
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.join(1)
            process.terminate()
            process.join()


def _serve(connection: Connection, others: Sequence[Connection], windows: Windows, reader: BulkReader) -> None:
    """Do what the first process says, until it says no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for pipe in others:  # or this process would keep them open
        pipe.close()

    def take(buffer: int, window: Window) -> int:
        reader.take(replace(window, data=windows.buffers[buffer]))
        return reader.connections

    def leave(which: Ints, frames: Ints) -> int:
        reader.leave(which, frames)
        return reader.connections

    commands = {"take": take, "candidates": reader.candidates, "leave": leave, "finish": reader.finish}
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            command, *arguments = connection.recv()
            try:
                answer: Any = commands[command](*arguments)  # type: ignore[operator]
            except Exception as error:
                answer = error  # for the first process, which raises it
            connection.send(answer)
