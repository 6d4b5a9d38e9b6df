"""The list of scenarios: a function that plays one, and what its recording has to show."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import getdoc

from handshake.errors import ToolError
from handshake.lab.netns import run_in_private_network
from handshake.lab.recorder import record
from handshake.lab.scenarios.stage import INTERFACE, Setting, Stage, set_stage
from handshake.model.handshake import Outcome

Play = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story told by real kernels, and what has to be seen in its recording."""

    file: str
    """Name of the recording; the suffix `.pcap` or `.pcapng` is its format."""
    title: str
    play: Play
    outcomes: tuple[Outcome, ...]
    """Of each TCP handshake, in order of appearance."""
    findings: tuple[str, ...] = ()
    """Codes of the findings over all handshakes, each once, sorted."""
    crowds: tuple[str, ...] = ()
    """Codes of what the handshakes amount to together."""
    exchanges: int = 0
    """How many UDP exchanges there are."""
    setting: Setting = field(default_factory=Setting)
    at_server: bool = False
    """Recorded at the server instead of the client."""

    @property
    def name(self) -> str:
        """The file's name without suffix."""
        return self.file.rpartition(".")[0]

    @property
    def story(self) -> str:
        """What happens and what one should see."""
        return " ".join((getdoc(self.play) or "").split())

    def run(self, path: str | os.PathLike[str]) -> None:
        """Play it in a private network and record it to `path`.

        Raises PrivilegeError as `enter_private_network` does, ToolError when this kernel lacks what the
        scenario is about, ScenarioError or OSError when it does not go as it should.
        """
        run_in_private_network(self._run, path)

    def _run(self, path: str | os.PathLike[str]) -> None:
        try:
            with set_stage(self.setting) as stage:
                place = stage.server if self.at_server else stage.client
                with record(place, INTERFACE, path, quiet_s=0.1 + 2 * stage.delay_s):
                    self.play(stage)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EROFS, errno.EPROTONOSUPPORT):
                raise
            raise ToolError(f"{self.name}: this kernel does not offer it ({error})") from error


SCENARIOS: dict[str, Scenario] = {}
"""By name, in the order of the story that they tell together."""


def scenario(
    file: str,
    title: str,
    *outcomes: Outcome,
    findings: str = "",
    crowds: str = "",
    exchanges: int = 0,
    at_server: bool = False,
    setting: Setting | None = None,
) -> Callable[[Play], Play]:
    """Enter a function into the list of scenarios; its docstring is the story.

    `findings` and `crowds` are codes with spaces between; the rest is as in `Scenario`.
    """

    def enter(play: Play) -> Play:
        entry = Scenario(
            file,
            title,
            play,
            outcomes,
            tuple(findings.split()),
            tuple(crowds.split()),
            exchanges,
            setting or Setting(),
            at_server,
        )
        SCENARIOS[entry.name] = entry
        return play

    return enter
