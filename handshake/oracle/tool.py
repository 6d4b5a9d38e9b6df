"""tshark on this machine: where it is and which version."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import lru_cache
from typing import NamedTuple

from handshake.errors import ToolError
from handshake.oracle.fields import OLDEST

_PATIENCE_S = 30
"""For tshark to tell its version."""


class Tshark(NamedTuple):
    """An installed tshark."""

    path: str
    version: str
    """`4.0.17`."""


def find_tshark() -> Tshark:
    """The tshark on the PATH. Raises ToolError when it is missing, broken or too old."""
    path = shutil.which("tshark")
    if path is None:
        raise ToolError(
            "tshark, the second opinion, is not installed; Debian and Ubuntu: sudo apt-get install tshark, "
            "Fedora: sudo dnf install wireshark-cli, macOS: brew install wireshark"
        )
    return _asked(path)


@lru_cache(maxsize=8)
def _asked(path: str) -> Tshark:
    try:
        done = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        raise ToolError(f"{path} does not tell its version within {_PATIENCE_S} s") from None
    except OSError as error:
        raise ToolError(f"{path} cannot be run: {error.strerror}") from None
    said = done.stdout.decode("utf-8", "backslashreplace")
    found = re.search(r"\b(\d{1,4})\.(\d{1,4})(?:\.\d{1,4})?", said.partition("\n")[0])
    if done.returncode or found is None:
        raise ToolError(f"{path} does not tell its version (exit status {done.returncode}); is it tshark?")
    if (int(found[1]), int(found[2])) < OLDEST:
        raise ToolError(f"tshark {found[0]} is too old: {OLDEST[0]}.{OLDEST[1]} or newer is needed")
    return Tshark(path, found[0])
