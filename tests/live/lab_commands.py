"""What the tests of `handshake lab` share: the command, and what it may have left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support import ROOT

COMMAND = [sys.executable, "-m", "handshake", "lab"]
ENVIRONMENT = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def lab(*arguments: str, env: dict[str, str] = ENVIRONMENT) -> subprocess.CompletedProcess[str]:
    """One run of `handshake lab`."""
    command = [*COMMAND, *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`handshake lab` in a session of its own, killed at the end of the block."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str], how: signal.Signals) -> int:
    """Its exit status after a signal to it alone."""
    process.send_signal(how)
    return process.wait(10)


def in_session(session: int) -> dict[int, set[str]]:
    """Network namespaces (`net:[inode]`) by process, of what lives in a session."""
    found = {}
    for path in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if os.getsid(int(path.name)) == session and "\nState:\tZ" not in (path / "status").read_text():
                found[int(path.name)] = _namespaces(path)
    return found


def _namespaces(process: Path) -> set[str]:
    links = set()
    for link in (*process.glob("task/*/ns/net"), *process.joinpath("fd").iterdir()):
        with suppress(OSError):
            links.add(os.readlink(link))
    return {link for link in links if link.startswith("net:[")}


def everywhere() -> set[str]:
    """All network namespaces that any process holds."""
    found: set[str] = set()
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with suppress(OSError):
                found |= _namespaces(path)
    return found


def eventually(is_so: Callable[[], object], within_s: float = 5.0) -> bool:
    """Whether it becomes so in time."""
    deadline = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
