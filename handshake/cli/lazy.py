"""Commands that are imported when they are asked for: start-up is part of the feel."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperGroup

HELP = {"help_option_names": ["-h", "--help"]}
STYLE: dict[str, Any] = {
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "context_settings": HELP,
}
"""How every command looks."""


class Entry(NamedTuple):
    """Where a command is, as `module:function`, and what the list of commands says of it."""

    place: str
    help: str
    settings: Mapping[str, Any] = {}
    """Of its context."""


class LazyGroup(TyperGroup):
    """A group of commands that are imported one by one, when they are wanted."""

    entries: ClassVar[Mapping[str, Entry]]

    def list_commands(self, _: Any) -> list[str]:
        """Their names, in the order of the help page."""
        return list(self.entries)

    def get_command(self, _: Any, cmd_name: str) -> Any:
        """The command with this name; None where there is none."""
        if cmd_name not in self.entries:
            return None
        entry = self.entries[cmd_name]
        module, _, name = entry.place.partition(":")
        found = getattr(import_module(module), name)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(**STYLE, add_completion=False)
            found.command(context_settings={**HELP, **entry.settings})(function)
        command = typer.main.get_command(found)
        command.name, command.short_help = cmd_name, entry.help
        return command
