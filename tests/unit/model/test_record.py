"""Our data classes beside those of the standard library: they behave alike, where anybody looks."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import field
from typing import Any

import pytest

from handshake.model.record import dataclass


@dataclass(frozen=True, slots=True)
class Ours:
    """Two fields that need a value, two that do not."""

    number: int
    text: str
    more: tuple[int, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def twice(self) -> int:
        return 2 * self.number


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    """As `Ours`."""

    number: int
    text: str
    more: tuple[int, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def twice(self) -> int:
        return 2 * self.number


@dataclass(frozen=True, slots=True)
class Key:
    one: int
    other: bytes = b""


@dataclass(slots=True)
class Counter:
    frames: int = 0


@pytest.mark.parametrize("arguments", [(1, "a"), (1, "a", (2,)), (1, "a", (), {"b": 3})])
def test_made_and_shown_as_in_the_standard_library(arguments: tuple[Any, ...]) -> None:
    ours, theirs = Ours(*arguments), Theirs(*arguments)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert repr(ours).removeprefix("Ours") == repr(theirs).removeprefix("Theirs")
    assert ours.twice == theirs.twice
    assert Ours.__match_args__ == Theirs.__match_args__
    assert dataclasses.replace(ours, number=7) == Ours(7, *arguments[1:])


@pytest.mark.parametrize("arguments", [(), (1,), (1, "a", (), {}, 5)])
def test_too_few_or_too_many_values(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="__init__"):
        Ours(*arguments)


def test_a_default_that_is_made_is_made_for_each() -> None:
    one, other = Ours(1, "a"), Ours(1, "a")
    one.counts["x"] = 1
    assert other.counts == {}


def test_equal_by_class_and_values() -> None:
    assert Key(1, b"a") == Key(1, b"a")
    assert Key(1, b"a") != Key(1, b"b")
    assert Key(1).__eq__((1, b"")) is NotImplemented
    assert len({Key(1), Key(1), Key(2)}) == 2
    assert Counter(1) == Counter(1)


def test_what_can_change_has_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Counter())


def test_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Counter().typo = 1  # type: ignore[attr-defined]


def test_fields_are_known_before_the_first_object() -> None:
    @dataclass(frozen=True, slots=True)
    class Fresh:
        one: int
        other: str = "x"

    assert dataclasses.is_dataclass(Fresh)
    assert [each.name for each in dataclasses.fields(Fresh)] == ["one", "other"]
    assert Fresh(1) == Fresh(one=1, other="x")


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_copies(again: Any) -> None:
    assert again(Ours(1, "a", (2,))) == Ours(1, "a", (2,))
