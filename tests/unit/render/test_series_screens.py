"""Lines, statistics and the table of many probes."""

from __future__ import annotations

import io
from dataclasses import replace
from socket import inet_aton

import pytest

from handshake.model.address import Endpoint
from handshake.model.handshake import Handshake, Outcome, Timing
from handshake.model.report import Approach, Probed, Resolution, Route, Target
from handshake.render.page import Page
from handshake.render.series import (
    FEW,
    LONG,
    Totals,
    probe_line,
    probed_to_dict,
    row_of,
    write_rows,
    write_totals,
)
from handshake.render.statistics import statistics_of
from handshake.render.terminal import Terminal
from tests.unit.render import samples

LOOPBACK = inet_aton("127.0.0.1")


def approach(port: int) -> Approach:
    return Approach(
        Target(f"127.0.0.1:{port}", "127.0.0.1", port),
        Resolution("127.0.0.1", (LOOPBACK,), "literal", 0),
        Route("lo", 65536, LOOPBACK),
        Endpoint(LOOPBACK, port),
    )


def handshake(outcome: Outcome) -> Handshake:
    return next(h for h in samples.rich().handshakes if h.outcome is outcome)


def probed(number: int, outcome: Outcome | None = None, **changes: object) -> Probed:
    if outcome is None:
        return Probed(number, approach(number), None, "no buffer space")
    changed = replace(handshake(outcome), number=number, **changes)  # type: ignore[arg-type]
    return Probed(number, approach(number), changed, None)


def drawn(probes: list[Probed], **terminal: object) -> str:
    page = Page(io.StringIO(), Terminal(**terminal))  # type: ignore[arg-type]
    write_rows(page, [row_of(each) for each in probes])
    return page.out.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_statistics_are_those_of_ping() -> None:
    assert statistics_of([4, 2, 9, 1]) == {
        "count": 4, "min": 1, "avg": 4, "max": 9, "mdev": 3, "p50": 2, "p95": 9, "p99": 9,
    }  # fmt: skip


def test_totals_count_outcomes_loss_and_the_times_karn_allows() -> None:
    totals = Totals()
    totals.add(probed(1, Outcome.ESTABLISHED, timing=Timing(syn_to_synack_ns=40_000)))
    totals.add(probed(2, Outcome.ESTABLISHED, timing=Timing(excluded="SYN repeated"), syn_retransmits=2))
    totals.add(probed(3, Outcome.UNANSWERED, timing=Timing(), syn_retransmits=1))
    totals.add(probed(4))
    assert (totals.probes, totals.opened, totals.answered, totals.syn_retransmits) == (4, 2, 2, 3)
    assert totals.outcomes == {"established": 2, "unanswered": 1, "failed": 1}
    assert totals.times == {"syn_to_synack_ns": [40_000], "syn_to_rst_ns": []}
    assert totals.lost_percent == 50


@pytest.mark.parametrize("width", [60, 80, 120])
def test_totals_fit_the_terminal(width: int) -> None:
    totals = Totals()
    totals.add(probed(1, Outcome.ESTABLISHED, timing=Timing(syn_to_synack_ns=1_234_567_890)))
    page = Page(io.StringIO(), Terminal(width=width))
    write_totals(page, totals, drops=3)
    text = page.out.getvalue()  # type: ignore[attr-defined]
    assert "min/avg/max/mdev = 1234.568/1234.568/1234.568/0.000 ms" in text
    assert "3 frames lost by the capture" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= max(width, 70)


def test_a_line_tells_time_or_reason() -> None:
    def text(each: Probed) -> str:
        return "".join(span if isinstance(span, str) else span[0] for span in probe_line(each))

    opened = probed(3, Outcome.ESTABLISHED, timing=Timing(syn_to_synack_ns=47_000), syn_retransmits=0)
    assert text(opened).split() == ["seq", "3", "established", "syn→synack", "0.047", "ms"]
    silent = probed(4, Outcome.UNANSWERED, syn_retransmits=2)
    assert "no answer to 3 SYNs" in text(silent)
    assert "failed" in text(probed(5))
    assert "no buffer space" in text(probed(5))


def test_a_short_table_lists_everything() -> None:
    text = drawn([probed(n, Outcome.REFUSED, timing=Timing()) for n in range(1, LONG + 1)])
    assert text.count("refused") == LONG


def test_a_long_table_folds_what_is_alike_but_never_what_is_open_or_rare() -> None:
    closed = [probed(n, Outcome.REFUSED) for n in range(1, LONG + 2)]
    opened = [probed(1000 + n, Outcome.ESTABLISHED) for n in range(FEW + 5)]
    silent = [probed(2000 + n, Outcome.UNANSWERED) for n in range(FEW)]
    text = drawn([*closed, *opened, *silent])
    assert f"and {LONG + 1} refused" in text
    assert text.count("established") == len(opened)
    assert text.count("unanswered") == len(silent)
    assert drawn([*closed, *opened], verbosity=1).count("refused") == len(closed)


def test_a_failure_is_a_document_of_its_own() -> None:
    assert probed_to_dict(probed(7)) == {
        "type": "failure", "schema_version": 1, "number": 7, "target": "127.0.0.1:7", "reason": "no buffer space",
    }  # fmt: skip
