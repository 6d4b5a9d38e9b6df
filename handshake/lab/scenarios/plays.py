"""Plays by name: functions over a stage, which scenario files call with parameters of their own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from handshake.lab.scenarios.stage import Stage

PLAYS: dict[str, Callable[..., None]] = {}
"""By the function's name, with dashes; the first argument is the stage."""
Play = TypeVar("Play", bound=Callable[..., None])


def play(function: Play) -> Play:
    """Enter a function into the list of plays."""
    PLAYS[function.__name__.replace("_", "-")] = function
    return function


def misfit(name: str, parameters: Mapping[str, Any]) -> str | None:
    """Why a play cannot be called so; None when it can."""
    function = PLAYS.get(name)
    if function is None:
        return f"there is no play {name!r}; choose from {', '.join(sorted(PLAYS))}"
    try:
        inspect.signature(function).bind(Stage, **parameters)
    except TypeError as error:
        return f"play {name!r}: {error}"
    return None
