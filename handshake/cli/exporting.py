"""Reads captures into tables as their handshakes finish: progress, Ctrl-C, one bad file among many."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import field

from handshake.api import Inspection
from handshake.cli.interruption import Interruption
from handshake.cli.output import say
from handshake.cli.reading import shown
from handshake.errors import CaptureError
from handshake.export import TableFile
from handshake.model.handshake import Exchange, Handshake
from handshake.model.record import dataclass
from handshake.model.report import SourceInfo
from handshake.render.words import damage_words
from handshake.source.capture import open_capture


@dataclass(slots=True)
class Exporting:
    """The tables to fill, and what came of it."""

    handshakes: TableFile[Handshake]
    exchanges: TableFile[Exchange] | None
    sources: list[SourceInfo] = field(default_factory=list)
    failure: int = 0
    """Exit status of the worst that was said about a file; 0 when all could be read."""
    interrupted: bool = False

    @property
    def exit_status(self) -> int:
        """130 interrupted, 2 a file could not be read, 1 a capture is damaged, 0 all was read."""
        if self.interrupted:
            return 130
        return self.failure or int(any(source.damage for source in self.sources))

    def export(self, paths: Iterable[str], quiet: bool) -> None:
        """Read captures one after the other, each judged on its own; then give the tables their names.

        Ctrl-C ends the reading; what was read until then is kept. No table appears when nothing could be read.
        Raises HandshakeError when they cannot be written.
        """
        silent = quiet or not sys.stderr.isatty()
        with Interruption() as interruption:
            for path in paths:
                try:
                    self._read(path, interruption, silent)
                except CaptureError as error:
                    say(str(error))
                    self.failure = error.exit_status
                except KeyboardInterrupt:
                    self.interrupted = True
                    say(
                        f"interrupted after {sum(each.frames for each in self.sources):,} frames; what was read is kept"
                    )
                    break
            if self.sources:
                self.handshakes.commit()
                if self.exchanges is not None:
                    self.exchanges.commit()

    def _read(self, path: str, interruption: Interruption, silent: bool) -> None:
        """One capture, as far as it goes or until Ctrl-C."""
        inspection = Inspection()
        with open_capture(path) as capture:
            inspection.begin(capture.name)
            try:
                for frame in interruption.through(shown(capture, silent)):
                    self.handshakes.extend(inspection.feed(frame))
            finally:
                self.handshakes.extend(inspection.finish())
                if self.exchanges is not None:
                    self.exchanges.extend(inspection.report((), ()).exchanges)
                self.sources.append(capture.info())
        if capture.damage:
            say(f"{capture.name}: damaged {damage_words(capture.damage)}; everything before that is written")
