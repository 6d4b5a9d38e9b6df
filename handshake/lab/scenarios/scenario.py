"""A scenario: who plays, on what stage, and what has to be seen in the recording. It is read from a TOML file.

title = "The first SYN is lost"
story = "The client repeats its SYN after a second; the second copy is answered."
play = "converse"                # a function of handshake.lab.scenarios, see PLAYS
format = "pcap"                  # of the recording; pcapng without
at = "server"                    # where it is recorded; at the client without

[with]                           # the play's parameters
[setting]                        # what lies between client and server: fields of `Setting`
delay_ms = 12
wire = ["drop SYN 1"]            # handshake.lab.rules

[seen]
outcomes = ["established"]       # of each handshake, in order; "3 refused" stands for three
findings = ["HS101"]             # codes over all handshakes
crowds = []                      # codes of what the handshakes amount to together
exchanges = 0                    # of UDP
"""

from __future__ import annotations

import errno
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, fields
from itertools import repeat
from pathlib import Path
from typing import Any

from handshake.errors import HandshakeError, ToolError
from handshake.lab.netns import run_in_private_network
from handshake.lab.recorder import capture, save
from handshake.lab.rules import Rules
from handshake.lab.scenarios.plays import PLAYS, misfit
from handshake.lab.scenarios.stage import INTERFACE, Setting, Stage, set_stage
from handshake.model.handshake import Outcome
from handshake.model.packet import Frame
from handshake.model.record import dataclass

_FORMATS = ("pcap", "pcapng")
_PLACES = ("client", "server")


class ScenarioFileError(HandshakeError):
    """A scenario file cannot be read, or says what makes no sense."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story told by real kernels, and what has to be seen in its recording."""

    name: str
    title: str
    story: str
    """What happens and what one should see."""
    plays: str
    """Name of the play."""
    outcomes: tuple[Outcome, ...]
    """Of each TCP handshake, in order of appearance."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Of the play."""
    findings: tuple[str, ...] = ()
    """Codes of the findings over all handshakes, each once, sorted."""
    crowds: tuple[str, ...] = ()
    """Codes of what the handshakes amount to together."""
    exchanges: int = 0
    """How many UDP exchanges there are."""
    setting: Setting = field(default_factory=Setting)
    format: str = "pcapng"
    at_server: bool = False
    """Recorded at the server instead of the client."""

    @property
    def file(self) -> str:
        """Name of the recording."""
        return f"{self.name}.{self.format}"

    def play(self, stage: Stage) -> None:
        """Play it on a stage that is set."""
        PLAYS[self.plays](stage, **self.parameters)

    def run(self, path: str | os.PathLike[str]) -> None:
        """Play it in a private network and record it to `path`. Raises as `frames` does."""
        save(self.frames(), path)

    def frames(self) -> tuple[Frame, ...]:
        """Play it in a private network; what passed.

        Raises PrivilegeError as `enter_private_network` does, ToolError when this kernel lacks what the
        scenario is about, ScenarioError or OSError when it does not go as it should.
        """
        return run_in_private_network(self._frames)

    def _frames(self) -> tuple[Frame, ...]:
        try:
            with set_stage(self.setting) as stage:
                place = stage.server if self.at_server else stage.client
                with capture(place, INTERFACE, quiet_s=0.1 + 2 * stage.delay_s) as frames:
                    self.play(stage)
                return tuple(frames)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EROFS, errno.EINVAL, errno.EPROTONOSUPPORT):
                raise
            raise ToolError(f"{self.name}: this kernel does not offer it ({error})") from error


def read_scenario(path: str | os.PathLike[str]) -> Scenario:
    """Read a scenario file; a number before its name is for the order only. Raises ScenarioFileError, RuleError."""
    file = Path(path)
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ScenarioFileError(f"{file}: cannot be read as a scenario: {reason}") from None
    try:
        return _scenario(file.stem.lstrip("0123456789").lstrip("-") or file.stem, entries)
    except (TypeError, ValueError) as error:
        raise ScenarioFileError(f"{file}: {error}") from None


def _scenario(name: str, entries: dict[str, Any]) -> Scenario:
    title, story = (_pop(entries, key, str) for key in ("title", "story"))
    plays, parameters = _pop(entries, "play", str), _pop(entries, "with", dict, {})
    if reason := misfit(plays, parameters):
        raise ValueError(reason)
    form, place = _one_of(entries, "format", _FORMATS, "pcapng"), _one_of(entries, "at", _PLACES, "client")
    setting, seen = _pop(entries, "setting", dict, {}), _pop(entries, "seen", dict, {})
    _nothing_else(entries, "title, story, play, format, at, with, setting, seen")
    outcomes = tuple(_outcomes(_pop(seen, "outcomes", list, [])))
    findings, crowds = (tuple(_pop(seen, key, list, [])) for key in ("findings", "crowds"))
    exchanges = _pop(seen, "exchanges", int, 0)
    _nothing_else(seen, "outcomes, findings, crowds, exchanges", "seen: ")
    return Scenario(
        name,
        title,
        story,
        plays,
        outcomes,
        parameters,
        findings,
        crowds,
        exchanges,
        _setting(setting),
        form,
        place == "server",
    )


_MISSING: Any = object()


def _pop(entries: dict[str, Any], key: str, kind: type, default: Any = _MISSING) -> Any:
    value = entries.pop(key, default)
    if value is _MISSING:
        raise ValueError(f"{key} is missing")
    if type(value) is not kind:
        raise ValueError(f"{key} is to be {_KINDS[kind]}, not {value!r}")
    return value


_KINDS = {str: "a text", dict: "a table", list: "a list", int: "a whole number", bool: "true or false"}


def _one_of(entries: dict[str, Any], key: str, known: tuple[str, ...], default: str) -> str:
    value = _pop(entries, key, str, default)
    if value not in known:
        raise ValueError(f"{key} is {value!r}; it is one of {', '.join(known)}")
    return str(value)


def _nothing_else(entries: dict[str, Any], known: str, where: str = "") -> None:
    if entries:
        raise ValueError(f"{where}unknown {', '.join(entries)}; there are {known}")


def _outcomes(texts: Iterable[str]) -> Iterator[Outcome]:
    """`established` is one, `3 refused` are three."""
    for text in texts:
        number, _, name = str(text).rpartition(" ")
        try:
            yield from repeat(Outcome(name), int(number or 1))
        except ValueError:
            known = ", ".join(outcome.value for outcome in Outcome)
            raise ValueError(f"seen: unknown outcome {text!r}; there are {known}") from None


def _setting(entries: dict[str, Any]) -> Setting:
    plain = Setting()
    values: dict[str, Any] = {}
    for each in fields(Setting):
        default = getattr(plain, each.name)
        kind = list if isinstance(default, tuple) else type(default)
        value = _pop(entries, each.name, kind, kind(default))
        values[each.name] = tuple(value) if kind is list else value
    _nothing_else(entries, ", ".join(each.name for each in fields(Setting)), "setting: ")
    Rules(values["wire"])
    return Setting(**values)
