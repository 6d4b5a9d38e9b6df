"""Ctrl-C for work that has to stop between two steps, never in the middle of one."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

Item = TypeVar("Item")


class Interruption:
    """Within the block, SIGINT and SIGTERM are noted in `came`, and break only what waits in `through`."""

    def __init__(self) -> None:
        self.came = False
        self._waiting = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        if self._waiting:
            raise KeyboardInterrupt

    def through(self, items: Iterable[Item]) -> Iterator[Item]:
        """The same items, until a signal comes; then KeyboardInterrupt is raised here instead of the next one."""
        iterator = iter(items)
        try:
            while True:
                self._waiting = True
                if self.came:
                    raise KeyboardInterrupt
                try:
                    item = next(iterator)
                except StopIteration:
                    return
                self._waiting = False
                yield item
        finally:
            self._waiting = False
