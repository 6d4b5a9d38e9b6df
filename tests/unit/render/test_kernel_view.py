"""The kernel's own words beside or under the arrows."""

from __future__ import annotations

import io

import pytest

from handshake.render import Format, renderer
from handshake.render.lanes import KERNEL, WIDE
from handshake.render.terminal import Terminal
from tests.unit.render import samples


def ladder(width: int) -> list[str]:
    out = io.StringIO()
    renderer(Format.LADDER)(samples.watched(), out, Terminal(width=width))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [WIDE, 120, WIDE + KERNEL, 200])
def test_the_kernels_word_stands_at_the_right_of_a_wide_ladder(width: int) -> None:
    lines = ladder(width)
    assert [line.partition("[")[2] for line in lines if "▶" in line and "SYN seq" in line] == [
        "kernel: SYN-RECV, accept queue 0/5]"
    ]
    beside = [line for line in lines if "[kernel" in line]
    assert len({line.index("[kernel") for line in beside}) == 1
    assert beside[-1].endswith("[kernel: nothing listens]")
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [60, 80, WIDE - 1])
def test_it_stands_under_the_arrow_of_a_narrow_one(width: int) -> None:
    beneath = [line.strip() for line in ladder(width) if "[kernel" in line]
    assert beneath == [
        "[kernel: SYN-RECV, accept queue 0/5]",
        "[kernel: ESTAB, accept queue 1/5]",
        "[kernel: nothing listens]",
    ]
