"""The tour as it was recorded, for machines that allow no private network; `make captures` records it anew."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from handshake.lab.tour.plays import PLAYS, Played
from handshake.model.kernel import KernelView
from handshake.model.tour import Moment

RECORDED = Path(__file__).with_name("recorded")
_INDEX = "recorded.json"


def recorded(name: str) -> Played:
    """What the step with this name played when it was recorded."""
    entry = json.loads((RECORDED / _INDEX).read_text("utf-8"))[name]
    return [RECORDED / file for file in entry["files"]], tuple(map(_moment, entry["moments"]))


def record_tour(directory: str | os.PathLike[str] = RECORDED) -> None:
    """Play every step and keep all of it in `directory`. Raises HandshakeError, and then leaves it as it was."""
    index: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="handshake-") as temporary:
        for name, play in PLAYS.items():
            files, moments = play(Path(temporary))
            index[name] = {"files": [file.name for file in files], "moments": list(map(asdict, moments))}
        Path(temporary, _INDEX).write_text(json.dumps(index, indent=1) + "\n", "utf-8")
        Path(directory).mkdir(exist_ok=True)
        for path in Path(temporary).iterdir():
            shutil.copy(path, directory)


def _moment(entry: Mapping[str, Any]) -> Moment:
    view = entry["view"]
    return Moment(entry["after"], KernelView(**view) if view else None, entry["remark"])
