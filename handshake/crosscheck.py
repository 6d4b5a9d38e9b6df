"""One capture, judged twice: our reading and tshark's side by side, frame by frame (`compare` says where they differ).

>>> from handshake.crosscheck import crosscheck
>>> crosscheck("captures/three-way.pcap").unexplained  # doctest: +SKIP
0
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace

from handshake.api import Inspection
from handshake.compare.crosscheck import Crosscheck
from handshake.errors import CaptureError, ToolError
from handshake.model.crosscheck import Checked
from handshake.model.handshake import Handshake
from handshake.model.packet import Frame, Segment
from handshake.oracle import Dissection, find_tshark
from handshake.source.capture import Capture, open_capture

Shown = Callable[[Iterable[Frame]], Iterable[Frame]]
"""Passes frames on; what it does on the way is up to the caller."""


def crosscheck(path: str | os.PathLike[str], shown: Shown = iter) -> Checked:
    """Hold our judgement of a capture file against tshark's.

    What either cannot read is said in the result. Raises ToolError when tshark is missing or too old.
    """
    name = os.fspath(path)
    checked = Checked(name, None, find_tshark().version)
    if name == "-" or (os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)):
        twice = "it is read twice, so it has to be a file"
        shown_name = "standard input" if name == "-" else name
        return replace(checked, name=shown_name, our_failure=twice, their_failure=twice)
    try:
        with open_capture(name) as capture:
            return _both(replace(checked, format=capture.format), capture, shown)
    except CaptureError as error:
        return _theirs_alone(replace(checked, our_failure=_reason(error, name)))


def _both(checked: Checked, capture: Capture, shown: Shown) -> Checked:
    inspection, check = Inspection(checked.name), Crosscheck()
    handshakes: list[Handshake] = []
    theirs = 0
    try:
        with Dissection(checked.name) as dissection:
            for frame in shown(capture):
                claim = next(dissection, None)
                if claim is None:
                    break
                packet, copies = inspection.decode(frame), inspection.tally.copies
                handshakes += inspection.take(packet, frame.interface)
                check.frame(frame, packet, claim, folded=inspection.tally.copies > copies)
            theirs = check.frames + sum(1 for _ in dissection)
    except CaptureError as error:
        return replace(checked, their_failure=_reason(error, checked.name))
    except ToolError as error:
        return replace(checked, their_failure=_reason(error, checked.name), tool_failed=True)
    ours = capture.frames + sum(1 for _ in capture)
    if ours != theirs:
        check.ended(ours, theirs)
    handshakes += inspection.finish()
    return check.finish(replace(checked, our_damage=capture.damage, their_damage=dissection.damage), handshakes)


def _theirs_alone(checked: Checked) -> Checked:
    """What tshark makes of a capture that we cannot read."""
    if not os.path.isfile(checked.name):
        return replace(checked, their_failure=checked.our_failure)
    try:
        with Dissection(checked.name) as dissection:
            segments = sum(isinstance(claim.packet.transport, Segment) for claim in dissection)
            return replace(checked, frames=dissection.frames, segments=segments, their_damage=dissection.damage)
    except CaptureError as error:
        return replace(checked, their_failure=_reason(error, checked.name))
    except ToolError as error:
        return replace(checked, their_failure=_reason(error, checked.name), tool_failed=True)


def _reason(error: Exception, name: str) -> str:
    """The message without the name of the capture in front."""
    return str(error).removeprefix(f"{name}: ")
