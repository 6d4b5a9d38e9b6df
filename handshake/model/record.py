"""Data classes that are quick to define and quick to make: start-up counts the first, a capture's packets the second.

`@dataclass(frozen=True, slots=True)` means what it does in the standard library, and to the type checker it is that.
At run time two things differ. The standard library compiles the methods of each class from source of its own; here all
classes share them, and it makes `__init__` and the list of fields of a class only when somebody needs them. And
nothing stops an assignment to a frozen object: that is for the type checker to find, not for each packet to pay.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass", "replace"]

if TYPE_CHECKING:
    from dataclasses import dataclass, replace
else:

    def dataclass(*, frozen: bool = False, slots: bool) -> Any:
        """Make the decorated class a data class with slots, with the given fields and no others."""
        assert slots

        def make(cls: type) -> type:
            fields = _Fields(cls)
            inherited = {name: value for name, value in vars(cls).items() if name not in fields.not_kept}
            made = type(cls)(cls.__name__, cls.__bases__, _methods(fields.names, frozen) | inherited)
            made.__qualname__ = cls.__qualname__
            made.__dataclass_fields__ = fields
            fields.owner = made
            return made

        return make

    def replace(record: Any, /, **changes: Any) -> Any:
        """As `dataclasses.replace`, for the data classes of this module."""
        kind = type(record)
        values = kind.__dataclass_fields__
        return kind(**{name: changes[name] if name in changes else getattr(record, name) for name in values})


class _Fields:
    """Where `dataclasses.fields`, `replace` and `asdict` look; once somebody does, what they look for is made."""

    def __init__(self, template: type) -> None:
        self.template = template
        self.names = tuple(template.__annotations__)
        self.not_kept = {*self.names, "__dict__", "__weakref__"}
        self.owner: Any = None

    def __get__(self, _: object, owner: type) -> Any:
        import dataclasses

        kept = ("__annotations__", "__module__", "__doc__", *self.names)
        namespace = {name: vars(self.template)[name] for name in kept if name in vars(self.template)}
        bare: Any = type(self.owner.__name__, (), namespace)
        whole = dataclasses.dataclass(repr=False, eq=False, match_args=False)(bare)
        self.owner.__init__ = whole.__init__
        self.owner.__dataclass_fields__ = whole.__dataclass_fields__
        return self.owner.__dataclass_fields__


def _methods(names: tuple[str, ...], frozen: bool) -> dict[str, Any]:
    """Everything that a data class has by itself."""
    values = attrgetter(*names)

    def equal(self: Any, other: Any) -> bool:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: Any) -> int:
        return hash(values(self))

    return {
        "__slots__": names,
        "__match_args__": names,
        "__init__": _first_init,
        "__repr__": _repr,
        "__eq__": equal,
        "__hash__": hashed if frozen else None,
    }


def _first_init(self: Any, *args: Any, **named: Any) -> None:
    """Of the first object of a class: has the true one made."""
    _ = self.__dataclass_fields__
    self.__init__(*args, **named)


def _repr(self: Any) -> str:
    values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
    return f"{type(self).__qualname__}({values})"
