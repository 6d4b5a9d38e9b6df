"""Surveys captures for a person who waits: progress, Ctrl-C, one bad capture among many."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from handshake.cli.interruption import Interruption
from handshake.cli.output import say
from handshake.errors import CaptureError, ToolError
from handshake.model.record import dataclass
from handshake.model.survey import Place, Survey
from handshake.render.terminal import terminal_of
from handshake.render.units import count
from handshake.survey.capture import unread
from handshake.survey.cluster import cores, local_cluster, remote_cluster, surveys

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Surveying:
    """What came of it."""

    survey: Survey
    """Of all captures: those that were not reached count as not read."""
    ended: int
    """Exit status of what ended it early: 130 interrupted, 69 no scheduler; 0 when nothing did."""

    @property
    def exit_status(self) -> int:
        """130 interrupted, 69 no scheduler, 2 a capture could not be read, 1 a capture is damaged, 0 all was read."""
        if self.ended:
            return self.ended
        if len(self.survey.read) < len(self.survey.captures):
            return CaptureError.exit_status
        return int(any(each.source and each.source.damage for each in self.survey.captures))


def survey_captures(places: Sequence[Place], scheduler: str | None, workers: int | None, quiet: bool) -> Surveying:
    """Let workers read the captures. Ctrl-C, or the loss of the scheduler, ends that; what has come is the result."""
    progress = _Progress(len(places), quiet or not sys.stderr.isatty())
    ended, why = 0, ""

    def came() -> Iterator[Survey]:
        nonlocal ended, why
        try:
            with _cluster(scheduler, min(workers or cores(), len(places))) as client:
                for part in interruption.through(surveys(client, places)):
                    progress.show(part)
                    yield part
        except KeyboardInterrupt:
            ended, why = INTERRUPTED, "interrupted"
        except ToolError as error:
            ended, why = error.exit_status, str(error)

    with Interruption() as interruption, progress:
        survey = Survey.of(came())
    if ended:
        if survey.captures or ended == INTERRUPTED:
            why += f"; {len(survey.captures):,} of {count(len(places), 'capture')} had come"
        say(why)
        had_come = {each.place.number for each in survey.captures}
        missed = (unread(place, "not reached") for place in places if place.number not in had_come)
        survey = survey.merged(Survey.of(missed))
    return Surveying(survey, ended)


def _cluster(scheduler: str | None, workers: int) -> AbstractContextManager[Any]:
    return local_cluster(workers) if scheduler is None else remote_cluster(scheduler)


class _Progress:
    """How far it is, on a terminal's standard error; failures, one line each, everywhere."""

    def __init__(self, total: int, silent: bool) -> None:
        self._total = total
        self._silent = silent
        self._shown = 0
        self._done = self._handshakes = 0

    def __enter__(self) -> None:
        self._write("starting workers …")

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, part: Survey) -> None:
        """Say what has come."""
        for each in part.captures:
            self._done += 1
            self._handshakes += each.handshakes
            if each.failure is not None:
                self.clear()
                say(f"{each.place.name}: {each.failure}")
        self._write(f"{self._done:,} of {count(self._total, 'capture')}, {count(self._handshakes, 'handshake')}")

    def _write(self, text: str) -> None:
        if not self._silent:
            terminal = terminal_of(sys.stderr)
            shown = terminal.say(text)[: terminal.width - 1]
            sys.stderr.write(f"\r{shown.ljust(self._shown)}")
            sys.stderr.flush()
            self._shown = len(shown)

    def clear(self) -> None:
        """Leave the line empty."""
        if self._shown:
            sys.stderr.write("\r" + " " * self._shown + "\r")
            sys.stderr.flush()
            self._shown = 0
