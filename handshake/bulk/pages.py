"""Memory for arrays that live long, apart from that of the many that live for a window."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def paged(kind: DTypeLike, *shape: int) -> NDArray[Any]:
    """Zeros that take room page by page, when they are written to, and give all of it back in the end.

    Numpy would ask for huge pages, of which a few elements here and there fill many; and pieces that outlive the
    arrays around them leave holes.
    """
    count = int(np.prod(shape))
    size = max(count * np.dtype(kind).itemsize, 1)
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, kind, count).reshape(shape)
