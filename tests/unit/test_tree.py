"""The tree itself: nothing in it ties it to one machine or one package index."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.support import ROOT, require

TIES = {
    "names a package index": re.compile(
        r"pypi|pythonhosted|index-url|find-links|trusted-host|PIP_INDEX", re.IGNORECASE
    ),
    "holds a path of somebody's machine": re.compile(r"(?<![\w.>}-])/(?:home|root|work|Users)/\w"),
}


def test_nothing_ties_the_tree_to_a_machine() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of files")
    require(shutil.which("git") is not None, "no git on this machine (Debian: sudo apt-get install git)")
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / name for name in listing.stdout.split("\0") if name and name != "tests/unit/test_tree.py"]
    assert len(paths) > 10
    found = [
        f"{path.relative_to(ROOT)} {what}: {match[0]}"
        for path in paths
        if path.is_file()
        for what, pattern in TIES.items()
        if (match := pattern.search(path.read_text("utf-8", errors="replace")))
    ]
    assert not found
