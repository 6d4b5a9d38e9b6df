"""The generated pages of docs/ say what the code says."""

from __future__ import annotations

from docs.generate import drifted


def test_generated_pages_are_up_to_date() -> None:
    assert not drifted(), "run: make docs"
