"""The tour: from a name to a file, step by step, each played by real programs in a private network.

What is told stands in story.toml, what is played in `plays`.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from handshake.api import inspect
from handshake.errors import TargetError, ToolError
from handshake.lab.tour.plays import PLAYS
from handshake.lab.tour.recording import recorded
from handshake.model.tour import Attempt, Moment, Scene, Step
from handshake.probe.target import parse_target


@cache
def steps() -> tuple[Step, ...]:
    """The steps in their order."""
    story = tomllib.loads(files("handshake.lab.tour").joinpath("story.toml").read_text("utf-8"))
    return tuple(map(_step, story["step"]))


def _step(entry: dict[str, Any]) -> Step:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Step(**values)


def play(number: int) -> Scene:
    """Play the step with this number, from 1, in a private network of its own.

    Raises PrivilegeError where the machine allows none. A program that is not installed, or a kernel that lacks
    something, is said in the scene.
    """
    name = steps()[number - 1].name
    with tempfile.TemporaryDirectory(prefix="handshake-") as directory, _all_temporary_in(directory):
        try:
            return _scene(number, *PLAYS[name](Path(directory)))
        except ToolError as error:
            return replace(_scene(number, (), ()), report=None, trouble=str(error))


@contextmanager
def _all_temporary_in(directory: str) -> Iterator[None]:
    """Files made for a moment within the block go with the directory, also those of a child that is killed."""
    before, tempfile.tempdir = tempfile.tempdir, directory
    try:
        yield
    finally:
        tempfile.tempdir = before


def replay(number: int) -> Scene:
    """The step as it was recorded earlier."""
    return _scene(number, *recorded(steps()[number - 1].name))


def _scene(number: int, recordings: Sequence[Path], moments: tuple[Moment, ...]) -> Scene:
    step = steps()[number - 1]
    return Scene(number, len(steps()), step, inspect(recordings), moments, tuple(map(_attempt, step.typed)))


def _attempt(text: str) -> Attempt:
    try:
        target = parse_target(text)
    except TargetError as error:
        return Attempt(text, str(error).removeprefix(f"{text}: "), good=False)
    named = f" ({target.service})" if target.service else ""
    return Attempt(text, f"address {target.host}, port {target.port}{named}", good=True)
