"""Loaded by each worker process of a local cluster as it starts: it has no business with our terminal."""

from __future__ import annotations

import os


def dask_setup(worker: object) -> None:
    """Send what libraries print to nowhere; results and errors travel as messages."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)
