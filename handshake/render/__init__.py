"""One report, many formats: each format is one file with `render(report, out, terminal)`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from importlib import import_module
from typing import Protocol, TextIO, cast

from handshake.model.comparison import Comparison
from handshake.model.crosscheck import Checked
from handshake.model.report import Report
from handshake.model.survey import Survey
from handshake.render.terminal import Terminal


class Format(StrEnum):
    """The formats; each is the module of that name in this package, imported when asked for."""

    TABLE = "table"
    SUMMARY = "summary"
    LADDER = "ladder"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    MERMAID = "mermaid"
    SVG = "svg"


class Show(StrEnum):
    """How a watch is shown (`render.watching`)."""

    TABLE = "table"
    LINES = "lines"
    JSONL = "jsonl"


class CheckFormat(StrEnum):
    """The formats of a crosscheck (`render.crosscheck`)."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


class CompareFormat(StrEnum):
    """The formats of a comparison (`render.compare`)."""

    TABLE = "table"
    JSON = "json"


class SurveyFormat(StrEnum):
    """The formats of a survey (`render.survey`)."""

    TABLE = "table"
    SUMMARY = "summary"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


class Renderer(Protocol):
    """Draws a report on a text stream."""

    def __call__(self, report: Report, out: TextIO, terminal: Terminal) -> None:
        """Write the whole report to `out`, as far as `terminal` can show it."""


class CheckRenderer(Protocol):
    """Draws a crosscheck on a text stream."""

    def __call__(self, checked: Sequence[Checked], out: TextIO, terminal: Terminal) -> None:
        """Write all of it to `out`, as far as `terminal` can show it."""


class CompareRenderer(Protocol):
    """Draws a comparison on a text stream."""

    def __call__(self, comparison: Comparison, out: TextIO, terminal: Terminal) -> None:
        """Write all of it to `out`, as far as `terminal` can show it."""


class SurveyRenderer(Protocol):
    """Draws a survey on a text stream."""

    def __call__(self, survey: Survey, out: TextIO, terminal: Terminal) -> None:
        """Write all of it to `out`, as far as `terminal` can show it."""


def renderer(form: Format) -> Renderer:
    """The renderer of a format."""
    return cast(Renderer, import_module(f"handshake.render.{form.value}").render)


def check_renderer(form: CheckFormat) -> CheckRenderer:
    """The renderer of a crosscheck in a format."""
    return cast(CheckRenderer, getattr(import_module("handshake.render.crosscheck"), f"render_{form.value}"))


def compare_renderer(form: CompareFormat) -> CompareRenderer:
    """The renderer of a comparison in a format."""
    return cast(CompareRenderer, getattr(import_module("handshake.render.compare"), f"render_{form.value}"))


def survey_renderer(form: SurveyFormat) -> SurveyRenderer:
    """The renderer of a survey in a format."""
    return cast(SurveyRenderer, getattr(import_module("handshake.render.survey"), f"render_{form.value}"))
