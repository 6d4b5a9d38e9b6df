"""Which view of the target the probe takes: crafted TCP, a UDP datagram, the kernel's connect(), or two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum

import typer

from handshake.probe.behaviour import PROFILES, Behaviour


class View(Enum):
    """What to probe with; the value is the option that asks for it."""

    CRAFTED = ""
    UDP = "--udp"
    CONNECT = "--connect"
    BOTH = "--both"


def view_of(*, udp: bool, connect: bool, both: bool) -> View:
    """The view that was asked for. Raises typer.BadParameter when it was more than one."""
    asked = [view for view, given in ((View.UDP, udp), (View.CONNECT, connect), (View.BOTH, both)) if given]
    if len(asked) > 1:
        raise typer.BadParameter(f"{asked[0].value} and {asked[1].value} exclude each other")
    return asked[0] if asked else View.CRAFTED


def check_view(view: View, behaviour: Behaviour, *, ask: bool, many: bool, others: Mapping[str, bool]) -> None:
    """Refuse what does not go with a view; `others` are options given. Raises typer.BadParameter."""
    if ask and view is not View.UDP:
        raise typer.BadParameter(
            "--ask is a question in a UDP datagram: say --udp too, as in --udp --ask NAME SERVER:53"
        )
    if ask and behaviour.data:
        raise typer.BadParameter("--ask and --send exclude each other: either is the whole datagram")
    if view is View.CRAFTED:
        return
    if many:
        raise typer.BadParameter(f"{view.value} is for one probe of one target, not for many")
    for option, given in others.items():
        if given:
            raise typer.BadParameter(f"{option} does not go with {view.value}")
    shaped = replace(behaviour, data=b"") if view is View.UDP else behaviour
    if view is not View.BOTH and shaped != PROFILES["linux"]:
        raise typer.BadParameter(f"{view.value} sends no crafted TCP segments: options that shape them mean nothing")
