"""Numbers as people read them: durations, sizes, counts, moments, percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

_SECOND = 1_000_000_000
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def duration(ns: int) -> str:
    """A duration given in ns, about three significant digits: `0.276 ms`, `12.3 ms`, `1.003 s`, `2 h 05 min`.

    >>> duration(276_000), duration(12_345_678), duration(1_003_000_000), duration(7_500 * 10**9)
    ('0.276 ms', '12.3 ms', '1.003 s', '2 h 05 min')
    """
    if ns < 0:
        return "-" + duration(-ns)
    if ns < 9_999_500:
        return f"{ns / 1e6:.3f} ms"
    if ns < 999_950_000:
        return f"{ns / 1e6:.1f} ms"
    if ns < 99_999_500_000:
        return f"{ns / 1e9:.3f} s"
    seconds = round(ns / _SECOND)
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min {seconds % _MINUTE:02} s"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE:02} min"
    return f"{seconds // _DAY:,} d {seconds % _DAY // _HOUR:02} h"


def maybe_duration(ns: int | None, missing: str = "") -> str:
    """A duration given in ns, or `missing` for None."""
    return missing if ns is None else duration(ns)


def size(count: int) -> str:
    """A number of bytes in decimal units: `512 B`, `8.4 kB`, `1.2 MB`.

    >>> size(512), size(8_400), size(999_999), size(3_210_000_000)
    ('512 B', '8.4 kB', '1.0 MB', '3.2 GB')
    """
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 frame`, `12,400 frames`.

    >>> count(1, "frame"), count(12_400, "frame"), count(2, "reply", "replies")
    ('1 frame', '12,400 frames', '2 replies')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def moment(time_ns: int) -> str:
    """A point in time, given in ns since the epoch, as UTC in ISO 8601 with all nine digits.

    >>> moment(1_700_000_000_123_456_789)
    '2023-11-14T22:13:20.123456789Z'
    """
    seconds, fraction = divmod(time_ns, _SECOND)
    try:
        stamp = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):  # a capture may claim the year 60000
        return f"@{seconds}.{fraction:09}"
    return f"{stamp:%Y-%m-%dT%H:%M:%S}.{fraction:09}Z"


def percentile(ordered: Sequence[int], percent: int) -> int:
    """The nearest-rank percentile of values in ascending order: always one that was measured.

    >>> percentile([1, 2, 3, 4], 50), percentile([1, 2, 3, 4], 95), percentile([7], 99)
    (2, 4, 7)
    """
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(rank, 1) - 1]


def row_time(offset_ns: int) -> str:
    """A time beside a row, ns from the start of what is shown, right-aligned: `   -0.412 ms`."""
    return f"{offset_ns / 1e6:9.3f} ms"
