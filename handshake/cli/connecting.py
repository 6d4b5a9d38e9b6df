"""`handshake probe --connect` and `--both`: the kernel's own connect(), alone or beside the crafted probe."""

from __future__ import annotations

from dataclasses import replace

from handshake.cli.output import waiting
from handshake.cli.probing import INTERRUPTED as STATUS_INTERRUPTED
from handshake.model.report import Approach, Report, Tally
from handshake.probe.connect import INTERRUPTED, connect
from handshake.probe.run import sigterm_interrupts


def run_connect(
    approach: Approach,
    *,
    source_port: int = 0,
    retries: int = 2,
    timeout_s: float = 5.0,
    quiet: bool = False,
    beside: Report | None = None,
) -> tuple[Report, int]:
    """Connect as any program would, without privilege; give the report, `beside` a crafted one, and the exit status.

    The status is 0 when the connection opened, 1 when it did not, 130 after Ctrl-C. Raises ProbeError.
    """
    with waiting(f"connecting to {approach.server}", quiet=quiet), sigterm_interrupts():
        told = connect(approach, source_port=source_port, retries=retries, timeout_s=timeout_s)
    report = beside or Report((), Tally(), (), approach=approach)
    status = STATUS_INTERRUPTED if told.error == INTERRUPTED else int(not told.outcome.opened)
    return replace(report, connects=(told,)), status
