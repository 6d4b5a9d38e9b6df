"""`handshake compare --live`: plays the exchanges in a private network, and reads the recording like any capture."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from handshake.api import Comparing
from handshake.cli.output import say, waiting
from handshake.cli.reading import Reading, read_captures
from handshake.errors import HandshakeError
from handshake.model.comparison import Comparison

if TYPE_CHECKING:
    from handshake.lab.contest import Contest

INTERRUPTED = 130
_FIRST = ("1st", "first")
_MOST_LOSS = 50.0


def played(contest: Contest, keep: Path | None, *, quiet: bool) -> tuple[Comparison, Reading]:
    """What came of it, and its recording as it was read. Raises HandshakeError; Ctrl-C exits with 130."""
    from handshake.probe.run import sigterm_interrupts

    with _recording(keep) as path:
        try:
            words = f"{contest.count} × each exchange over TCP and UDP"
            with sigterm_interrupts(), waiting(words, quiet=quiet):
                trial = contest.play(path)
        except KeyboardInterrupt:
            say("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        inspection = Comparing()
        reading = read_captures([str(path)], True, inspection=inspection)
        comparison = inspection.comparison(reading.report)
    name = str(keep) if keep else "a private network"
    sources = tuple(replace(source, name=name) for source in comparison.sources)
    return replace(comparison, sources=sources, trial=trial), reading


def read_loss(text: str) -> tuple[float, bool]:
    """Percent, and whether it is the first packet of each exchange that is lost. Raises BadParameter."""
    if text.lower() in _FIRST:
        return 0.0, True
    try:
        percent = float(text.rstrip("% "))
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= _MOST_LOSS:
        raise typer.BadParameter(f"--loss {text}: give percent from 0 to {_MOST_LOSS:g}, or 1st")
    return percent, False


@contextmanager
def _recording(keep: Path | None) -> Iterator[Path]:
    """Where the recording goes: to be kept, or for as long as the block lasts."""
    if keep is not None:
        if keep.suffix not in (".pcap", ".pcapng"):
            raise typer.BadParameter(f"--record {keep}: its name has to end in .pcap or .pcapng")
        if not keep.absolute().parent.is_dir():
            raise HandshakeError(f"{keep}: cannot write: there is no such directory")
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="handshake-") as directory:
        yield Path(directory, "live.pcapng")
