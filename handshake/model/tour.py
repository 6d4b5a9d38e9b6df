"""One screen of the tour: what is told, and what just happened to show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.kernel import KernelView
    from handshake.model.report import Report


@dataclass(frozen=True, slots=True)
class Moment:
    """How the server's kernel stood after something was done."""

    after: str
    """What was done, e.g. `listen(5)`."""
    view: KernelView | None
    """None where the kernel does not tell."""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A target as typed, and what is made of it."""

    typed: str
    answer: str
    good: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What is told in one step."""

    name: str
    title: str
    text: str
    """A few sentences; `{setup}` and the like stand for what was measured (`render.tour`)."""
    notice: tuple[str, ...]
    """What to look at."""
    commands: tuple[str, ...]
    """What to type next."""
    draw: str
    """Which handshakes are drawn: `all`, `first`, `data` (those announced over FTP), `none`."""
    explain: bool = False
    """Say beside each segment what it means."""
    table: bool = False
    """One row for each handshake as well."""
    typed: tuple[str, ...] = ()
    """Targets to be read, rightly or wrongly."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A step as it was played."""

    number: int
    """From 1."""
    of: int
    step: Step
    report: Report | None
    """None where it could not be played, and `trouble` says why."""
    moments: tuple[Moment, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    trouble: str = ""
