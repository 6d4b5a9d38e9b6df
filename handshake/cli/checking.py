"""Crosschecks of many captures, for a person who waits: progress, Ctrl-C, one bad file among many."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from handshake.cli.output import say
from handshake.cli.reading import shown
from handshake.crosscheck import crosscheck
from handshake.errors import CaptureError, ToolError
from handshake.model.crosscheck import Checked
from handshake.model.record import dataclass
from handshake.oracle import find_tshark
from handshake.render.terminal import terminal_of


@dataclass(frozen=True, slots=True)
class Checking:
    """What came of it."""

    checked: tuple[Checked, ...]
    interrupted: bool

    @property
    def exit_status(self) -> int:
        """130 interrupted, 69 tshark failed, 2 a file could not be read, 1 unexplained differences, 0 none."""
        if self.interrupted:
            return 130
        if any(each.tool_failed for each in self.checked):
            return ToolError.exit_status
        if not all(each.compared for each in self.checked):
            return CaptureError.exit_status
        return int(any(each.unexplained for each in self.checked))


def check_captures(paths: Sequence[str], quiet: bool) -> Checking:
    """Crosscheck captures one after the other. Ctrl-C ends it, without the one that is under way.

    Raises ToolError when tshark is missing or too old.
    """
    find_tshark()
    silent = quiet or not sys.stderr.isatty()
    done: list[Checked] = []
    for number, path in enumerate(paths, 1):
        before = terminal_of(sys.stderr).say(f"{number} of {len(paths)}: {path}: ")
        try:
            done.append(crosscheck(path, partial(shown, silent=silent, before=before)))
        except KeyboardInterrupt:
            say(f"interrupted in {path}, which is left out; {len(done)} of {len(paths)} checked")
            return Checking(tuple(done), interrupted=True)
    return Checking(tuple(done), interrupted=False)
