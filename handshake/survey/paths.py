"""Patterns become captures: local names and globs, and whatever fsspec knows (`s3://bucket/*.pcap`)."""

from __future__ import annotations

import glob
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from handshake.errors import CaptureError, ToolError
from handshake.model.survey import Place

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(://|::)")
"""How a URL begins, or a chain of them; no absolute path begins like this."""

_PASSWORD = re.compile(r"(://[^/:@\s]*:)[^/@\s]*@")


def places(patterns: Iterable[str]) -> tuple[list[Place], list[str]]:
    """The captures that the patterns name, each once, in the order of the patterns and by name within one.

    Also one line for each pattern that names nothing. Raises ToolError when fsspec is needed and missing.
    """
    found: dict[str, str] = {}
    failures = []
    for pattern in patterns:
        try:
            names = _named(pattern)
        except CaptureError as error:
            failures.append(_presentable(str(error)))
            continue
        for name in names:
            local = os.path.lexists(name) or not _is_url(name)
            found.setdefault(os.path.abspath(name) if local else name, name)
    return [Place(number, _presentable(name), url) for number, (url, name) in enumerate(found.items(), 1)], failures


def _presentable(text: str) -> str:
    """Without the passwords of URLs."""
    return _PASSWORD.sub(r"\1…@", text)


def _named(pattern: str) -> Sequence[str]:
    if pattern == "-":
        raise CaptureError("standard input: a survey reads files, which its workers open themselves")
    if os.path.lexists(pattern):
        return [pattern]
    if _is_url(pattern):
        return _named_by_url(pattern)
    if not glob.has_magic(pattern):
        return [pattern]
    names = sorted(name for name in glob.iglob(pattern, recursive=True) if not os.path.isdir(name))
    if not names:
        raise CaptureError(f"{pattern}: no file has such a name")
    return names


def _is_url(name: str) -> bool:
    return _URL.match(name) is not None


def _named_by_url(pattern: str) -> Sequence[str]:
    if not glob.has_magic(pattern):
        return [pattern]
    with _said(pattern):
        files = _fsspec().open_files(pattern, "rb")
    _, chained, outer = pattern.partition("::")
    names = sorted(f"{file.full_name}{chained}{outer}" for file in files)
    if not names:
        raise CaptureError(f"{pattern}: no file has such a name")
    return names


def _fsspec() -> Any:
    try:
        import fsspec
    except ImportError as missing:
        raise ToolError("reading from a URL needs fsspec:  pip install fsspec") from missing
    return fsspec


@contextmanager
def _said(name: str) -> Iterator[None]:
    """Whatever goes wrong on the way to a file, in one line: each store has exceptions of its own."""
    try:
        yield
    except (CaptureError, ToolError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CaptureError(_presentable(f"{name}: {reason}")) from error


@contextmanager
def local_copy(place: Place) -> Iterator[str]:
    """The path of a file that holds the capture: its own where it is local, else a copy for the time of the block.

    Raises CaptureError when it cannot be had.
    """
    if not _is_url(place.url):
        yield place.url
        return
    with tempfile.TemporaryDirectory(prefix="handshake-") as directory:
        path = os.path.join(directory, "capture")
        with _said(place.name), _fsspec().open(place.url, "rb") as remote, open(path, "wb") as copy:
            while piece := remote.read(1 << 20):
                copy.write(piece)
        yield path
