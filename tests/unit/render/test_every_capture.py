"""Real captures, the project's own and other people's, drawn in every format on terminals of every kind."""

from __future__ import annotations

import io
import json
import re
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from handshake import CaptureError, inspect
from handshake.render import Format, renderer
from handshake.render.terminal import Terminal
from tests.support import ROOT, SHARED, shared_captures

SCHEMA = Draft202012Validator(
    json.loads(files("handshake.render").joinpath("schema/report-v1.json").read_text("utf-8"))
)
TERMINALS = [
    Terminal(40),
    Terminal(60, unicode=False),
    Terminal(80),
    Terminal(120, unicode=False),
    Terminal(160, verbosity=1),
]
TOO_BIG = 1_000_000
"""Larger files say nothing new here, and take long."""


def check(path: Path) -> None:
    """Draw a capture in every format; lines fit, ASCII stays ASCII, JSON follows the schema."""
    try:
        report = inspect([path])
    except CaptureError:
        return
    for form in (Format.TABLE, Format.SUMMARY, Format.LADDER):
        for terminal in TERMINALS:
            out = io.StringIO()
            renderer(form)(report, out, terminal)
            assert terminal.unicode or out.getvalue().isascii()
            for line in out.getvalue().splitlines():
                assert len(line) <= terminal.width, f"{form} at {terminal.width}: {line}"
    for form in (Format.JSON, Format.JSONL, Format.CSV, Format.MERMAID, Format.SVG):
        out = io.StringIO()
        renderer(form)(report, out, Terminal())
        if form is Format.JSON:
            SCHEMA.validate(json.loads(out.getvalue()))
        if form is Format.SVG:
            ElementTree.fromstring(out.getvalue())


@pytest.mark.parametrize("path", sorted((ROOT / "captures").glob("*.pcap*")), ids=lambda path: path.name)
def test_bundled_capture(path: Path) -> None:
    check(path)
    coloured(path)


def coloured(path: Path) -> None:
    """In colour it says the same."""
    report = inspect([path])
    for form in (Format.TABLE, Format.SUMMARY, Format.LADDER):
        plain, painted = io.StringIO(), io.StringIO()
        renderer(form)(report, plain, Terminal(80))
        renderer(form)(report, painted, Terminal(80, color=True))
        lines = re.sub(r"\x1b\[[0-9;]*m", "", painted.getvalue()).splitlines()
        assert [line.rstrip() for line in lines] == [line.rstrip() for line in plain.getvalue().splitlines()]


@pytest.mark.parametrize("kind", ["real", "broken"])
def test_shared_captures(kind: str) -> None:
    if not SHARED.is_dir():
        pytest.skip("no shared captures beside this checkout")
    paths = [path for path in shared_captures(kind) if path.stat().st_size < TOO_BIG]
    assert paths
    for path in paths:
        check(path)
