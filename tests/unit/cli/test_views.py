"""Options of the probe's other views that do not go together: each pair is refused before anything is sent."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from handshake.cli.app import app

TARGET = "127.0.0.1:9"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--udp", "--connect"], "--udp and --connect exclude each other"),
        (["--connect", "--both"], "--connect and --both exclude each other"),
        (["--ask", "box.lab"], "--ask is a question in a UDP datagram"),
        (["--udp", "--ask", "box.lab", "--send", "x"], "--ask and --send exclude each other"),
        (["--udp", "-c", "3"], "--udp is for one probe of one target"),
        (["--connect", "127.0.0.1:10"], "--connect is for one probe of one target"),
        (["--both", "-c", "0"], "--both is for one probe of one target"),
        (["--udp", "--ttl", "3"], "--udp sends no crafted TCP segments"),
        (["--connect", "--send", "x"], "--connect sends no crafted TCP segments"),
        (["--connect", "--write", "x.pcapng"], "--write does not go with --connect"),
        (["--connect", "--format", "csv"], "--format csv does not go with --connect"),
        (["--udp", "--format", "csv"], "--format csv does not go with --udp"),
        (["--udp", "--interface", "lo"], "--interface does not go with --udp"),
        (["--resolver", "127.0.0.1", "-c", "2"], "--resolver is for a single probe"),
    ],
)
def test_what_does_not_go_together(arguments: list[str], reason: str) -> None:
    result = CliRunner().invoke(app, ["probe", *arguments, TARGET], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert reason in result.stderr
    assert result.stdout == ""
