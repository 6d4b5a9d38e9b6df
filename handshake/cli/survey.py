"""`handshake survey`: many captures at once, on all processors or on a cluster."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from handshake.cli.output import say, write
from handshake.errors import CaptureError
from handshake.render import SurveyFormat, survey_renderer


def survey(  # noqa: PLR0917 - the command line is the signature
    patterns: Annotated[
        list[str],
        typer.Argument(
            help="Captures, or patterns such as 'dir/**/*.pcap'; also URLs that fsspec knows.", metavar="PATTERN"
        ),
    ],
    form: Annotated[SurveyFormat, typer.Option("--format", "-f", help="How to show it.")] = SurveyFormat.TABLE,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="A dask scheduler whose workers read them.", metavar="tcp://HOST:PORT"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="Processes of this machine; by default one a processor.", metavar="N", min=1),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.", metavar="FILE")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List more in the summary.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Leave out the summary, and progress.")] = False,
) -> None:
    """Survey many captures with many processes: one summary of all, one row a capture.

    The totals are those of `handshake replay --summary`. A capture whose worker is lost is done again.

    Exit status: 0 all was read, 1 a capture is damaged (everything before the damage counts), 2 usage or a capture that
    cannot be read, 69 dask is missing or the scheduler does not answer, 130 interrupted (what had come is shown).
    """
    if scheduler is not None and workers is not None:
        raise typer.BadParameter("--workers is for processes of this machine; the scheduler has workers of its own")
    if scheduler is not None and not re.fullmatch(r"(tcp|tls)://.+:\d+", scheduler):
        raise typer.BadParameter(f"{scheduler!r} is not of the form tcp://HOST:PORT", param_hint="--scheduler")
    from handshake.cli.surveying import INTERRUPTED, survey_captures
    from handshake.survey.paths import places

    found, failures = places(patterns)
    for failure in failures:
        say(failure)
    if not found:
        raise typer.Exit(CaptureError.exit_status)
    surveying = survey_captures(found, scheduler, workers, quiet)
    if surveying.survey.read or surveying.ended == INTERRUPTED:
        write(partial(survey_renderer(form), surveying.survey), output, -1 if quiet else int(verbose))
    status = surveying.exit_status
    raise typer.Exit(status if surveying.ended else max(status, CaptureError.exit_status if failures else 0))
