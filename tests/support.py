"""What tests share: where things are, and what to do when the machine lacks something."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""

SHARED = ROOT.parent / "shared"
"""Captures of other projects, read where they lie. No package brings them: without them tests skip, everywhere."""


def require(condition: bool, reason: str) -> None:
    """Skip the test unless `condition`; fail it instead where HANDSHAKE_REQUIRE_ALL=1 (continuous integration)."""
    if condition:
        return
    if os.environ.get("HANDSHAKE_REQUIRE_ALL") == "1":
        pytest.fail(f"required here: {reason}")
    pytest.skip(reason)


def shared_captures(kind: str) -> list[Path]:
    """Captures under `shared/captures/<kind>` (`real` or `broken`) in the order of their names, maybe none."""
    return sorted(path for path in (SHARED / "captures" / kind).glob("*") if path.is_file())


def tshark() -> str:
    """Path of tshark, the second opinion; skips the calling test when it is missing."""
    path = shutil.which("tshark")
    require(path is not None, "no tshark on this machine (Debian: sudo apt-get install tshark)")
    assert path is not None
    return path
