"""Runs the commands shown in README.md and docs/ and puts their real output below them.

In a `console` block each line `$ handshake …` is followed by what it prints. Commands that need
privilege or time (`sudo …`, `make …`) are left as they were written. A mermaid block below a comment
`<!-- $ handshake … -->` is what that prints.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
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


def in_scratch(command: str, program: str) -> tuple[str, str, str]:
    """A command that writes files, a Python program that reads them, and what each prints, as blocks.

    They run in a directory of their own that is gone afterwards; only the captures are there.
    """
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "captures").symlink_to(ROOT / "captures")
        written = _run(command, Path(directory))
        read = _run(f"python -c {shlex.quote(program)}", Path(directory))
    return f"```text\n$ {command}\n{written}```", f"```python\n{program}```", f"```text\n{read}```"


@cache
def _output(command: str) -> str:
    return _run(command, ROOT)


def _run(command: str, directory: Path) -> str:
    """What a command line prints, as in a pipe of this width."""
    environment = {**os.environ, "COLUMNS": str(WIDTH), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment.pop("LC_ALL", None)
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        command,
        shell=True,
        cwd=directory,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    return done.stderr + done.stdout
