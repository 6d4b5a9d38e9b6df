"""Runs the commands shown in README.md and docs/ and puts their real output below them.

In a `console` block each line `$ handshake …` is followed by what it prints. Commands that need
privilege or time (`sudo …`, `make …`) are left as they were written. A mermaid block below a comment
`<!-- $ handshake … -->` is what that prints.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
WIDTH = 96
"""Columns of the output; the pages are read in a browser or an editor."""

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DIAGRAM = re.compile(r"^(<!-- \$ (handshake [^\n]*) -->\n)```mermaid\n.*?^```\n", re.MULTILINE | re.DOTALL)
_PROMPT = "$ handshake "


def refreshed(text: str) -> str:
    """A page with the output of its commands made anew."""
    text = _DIAGRAM.sub(lambda block: block[1] + _output(block[2]), text)
    return _BLOCK.sub(lambda block: f"```console\n{_session(block[1])}```", text)


def _session(body: str) -> str:
    """The commands of a block with their output; a block that starts with anything else stays as it is."""
    commands = [line for line in body.splitlines() if line.startswith("$ ")]
    if not commands or not all(command.startswith(_PROMPT) for command in commands):
        return body
    return "\n".join(f"{command}\n{_output(command.removeprefix('$ '))}" for command in commands)


@cache
def _output(command: str) -> str:
    """What a command line prints, as in a pipe of this width."""
    environment = {**os.environ, "COLUMNS": str(WIDTH), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment.pop("LC_ALL", None)
    done = subprocess.run(
        command, shell=True, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False, timeout=60
    )
    return done.stderr + done.stdout
