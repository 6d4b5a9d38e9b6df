"""Several processes read one capture: each looks at all of it, and follows the connections of its share.

What reading costs is spent in each, what judging costs is divided. The one thing that all connections have in common is
the room in the flow table; after each window the first process asks the others how many they have, and says who leaves.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np

from handshake.bulk.reading import BulkReader, Result
from handshake.bulk.room import Candidates, Room
from handshake.bulk.sift import NotPlainError
from handshake.source.columns import Window
from handshake.source.windows import Windows
from handshake.wire.columns import Ints


class Member(Protocol):
    """One who reads, here or elsewhere."""

    connections: int
    """How many it follows."""

    def candidates(self) -> Candidates:
        """These connections, as far as it matters to who has to leave."""

    def leave(self, which: Ints, frames: Ints) -> None:
        """Some of the candidates had to leave when these frames came."""


def make_room(members: Sequence[Member], limit: int, slack: int = 0) -> None:
    """When there are more connections than a full table holds, take out those that it would have lost."""
    if sum(member.connections for member in members) <= limit + slack:
        return
    parts = [member.candidates() for member in members]
    begun, opened, closed, created = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    gone, frames = Room(begun, opened, closed).leaving(np.sort(created), limit)
    first = 0
    for member, part in zip(members, parts, strict=True):
        mine = np.flatnonzero((gone >= first) & (gone < first + len(part.begun)))
        member.leave(gone[mine] - first, frames[mine])
        first += len(part.begun)


class Remote:
    """A reader in a process of its own, which does what it is told."""

    connections = 0

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, command: str, *arguments: Any) -> None:
        """Tell it to do something."""
        with suppress(BrokenPipeError):  # then it says why when asked for the answer, or nothing at all
            self._connection.send((command, *arguments))

    def answer(self) -> Any:
        """What came of it. Raises what it raised; NotPlainError when it is no longer there."""
        try:
            answer = self._connection.recv()
        except (EOFError, ConnectionResetError):
            raise NotPlainError("a process of the crew has ended") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def candidates(self) -> Candidates:
        """As `Member` says."""
        self.begin("candidates")
        return self.answer()  # type: ignore[no-any-return]

    def leave(self, which: Ints, frames: Ints) -> None:
        """As `Member` says."""
        self.begin("leave", which, frames)
        self.connections = self.answer()


class Crew:
    """The reader of this process, and those of the others."""

    def __init__(self, reader: BulkReader, remotes: Sequence[Remote], limit: int) -> None:
        self._reader = reader
        self._remotes = remotes
        self._limit = limit

    def take(self, window: Window) -> None:
        """Everyone takes the next window."""
        for remote in self._remotes:
            remote.begin("take")
        self._reader.take(window)
        for remote in self._remotes:
            remote.connections = remote.answer()
        self._make_room(self._limit // 2)

    def finish(self) -> Result:
        """The capture has ended: what came of all shares."""
        self._make_room()
        for remote in self._remotes:
            remote.begin("finish")
        result = self._reader.finish()
        for remote in self._remotes:
            result.merge(remote.answer())
        return result

    def _make_room(self, slack: int = 0) -> None:
        make_room([self._reader, *self._remotes], self._limit, slack)


@contextmanager
def crew_of(windows: Windows, readers: Sequence[BulkReader], limit: int) -> Iterator[Crew]:
    """Readers of all shares, the first in this process; the others end with the block, or when this process ends."""
    context = get_context("fork")
    pipes, processes = [], []
    try:
        for reader in readers[1:]:
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, (here, *pipes), windows, reader), daemon=True)
            process.start()
            there.close()
            pipes.append(here)
            processes.append(process)
        yield Crew(readers[0], [Remote(pipe) for pipe in pipes], limit)
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.terminate()
            process.join()


def _serve(connection: Connection, others: Sequence[Connection], windows: Windows, reader: BulkReader) -> None:
    """Do what the first process says, until it says no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for pipe in others:  # or this process would keep them open
        pipe.close()
    pieces = filter(None, windows)
    commands = {
        "take": lambda: (reader.take(next(pieces)), reader.connections)[1],
        "candidates": reader.candidates,
        "leave": lambda *leaving: (reader.leave(*leaving), reader.connections)[1],
        "finish": reader.finish,
    }
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            command, *arguments = connection.recv()
            try:
                answer: Any = commands[command](*arguments)
            except Exception as error:  # noqa: BLE001 - told to the first process, which raises it
                answer = error
            connection.send(answer)
