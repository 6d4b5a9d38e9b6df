"""One report, many formats: each format is one file with `render(report, out, terminal)`."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, TextIO, TypeVar, cast

if TYPE_CHECKING:
    from handshake.model.comparison import Comparison
    from handshake.model.crosscheck import Checked
    from handshake.model.report import Report
    from handshake.model.survey import Survey
    from handshake.model.vantage import Vantage
    from handshake.render.terminal import Terminal

Shown_contra = TypeVar("Shown_contra", contravariant=True)


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


class Renderer(Protocol[Shown_contra]):
    """Draws a report, a comparison, a survey … on a text stream."""

    def __call__(self, shown: Shown_contra, out: TextIO, terminal: Terminal, /) -> None:
        """Write all of it to `out`, as far as `terminal` can show it."""


def renderer(form: Format) -> Renderer[Report]:
    """The renderer of a format."""
    return cast("Renderer[Report]", import_module(f"handshake.render.{form.value}").render)


def check_renderer(form: CheckFormat) -> Renderer[Sequence[Checked]]:
    """The renderer of a crosscheck in a format."""
    return cast("Renderer[Sequence[Checked]]", _of("crosscheck", form))


def compare_renderer(form: CompareFormat) -> Renderer[Comparison]:
    """The renderer of a comparison in a format."""
    return cast("Renderer[Comparison]", _of("compare", form))


def vantage_renderer(form: CompareFormat) -> Renderer[Vantage]:
    """The renderer of two vantage points in a format."""
    return cast("Renderer[Vantage]", _of("vantage", form))


def survey_renderer(form: SurveyFormat) -> Renderer[Survey]:
    """The renderer of a survey in a format."""
    return cast("Renderer[Survey]", _of("survey", form))


def _of(module: str, form: StrEnum) -> object:
    return getattr(import_module(f"handshake.render.{module}"), f"render_{form.value}")
