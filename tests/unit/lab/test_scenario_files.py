"""Scenario files: what they may say, and what is said about one that makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from handshake.errors import HandshakeError
from handshake.lab.scenarios import read_scenario, scenario_of
from handshake.lab.scenarios.check import differences, expectation, report_on
from handshake.model.handshake import Outcome

PLAIN = 'title = "A title"\nstory = "A story."\nplay = "open-converse-close"\n'


def written(directory: Path, text: str, name: str = "12-my-own.toml") -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def test_everything_there_is(tmp_path: Path) -> None:
    scenario = read_scenario(
        written(
            tmp_path,
            'title = "T"\nstory = "S"\nplay = "dial-in-vain"\nformat = "pcap"\nat = "server"\n'
            '[with]\nerror = "ECONNREFUSED"\n[setting]\ndelay_ms = 30\nwire = ["drop SYN 1"]\nalso = ["10.0.0.3"]\n'
            'sysctls = { "net.ipv4.tcp_ecn" = 1 }\n'
            '[seen]\noutcomes = ["2 refused", "established"]\nfindings = ["HS104"]\ncrowds = []\nexchanges = 1\n',
        )
    )
    assert (scenario.name, scenario.file, scenario.at_server) == ("my-own", "my-own.pcap", True)
    assert scenario.outcomes == (Outcome.REFUSED, Outcome.REFUSED, Outcome.ESTABLISHED)
    assert (scenario.setting.delay_ms, scenario.setting.wire) == (30, ("drop SYN 1",))
    assert expectation(scenario) == "2 refused, established · HS104 · UDP exchanges: 1"


def test_what_is_not_as_it_should_be_is_named(tmp_path: Path) -> None:
    scenario = read_scenario(written(tmp_path, PLAIN + '[seen]\noutcomes = ["established"]\n'))
    assert differences(scenario, report_on(scenario, ())) == ("outcomes: none, where the scenario has established",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title = ", "cannot be read as a scenario: "),
        ('title = "T"\n', "story is missing"),
        (PLAIN.replace("open", "upon"), "there is no play 'upon-converse-close'; choose from aborted-by-client"),
        (PLAIN + "[with]\nspeed = 3\n", "play 'open-converse-close': got an unexpected keyword argument 'speed'"),
        (PLAIN + "colour = 1\n", "unknown colour; there are title, story"),
        (PLAIN + 'format = "snoop"\n', "format is 'snoop'; it is one of pcap, pcapng"),
        (PLAIN + "[setting]\ndely_ms = 3\n", "setting: unknown dely_ms; there are delay_ms, wire"),
        (PLAIN + '[setting]\ndelay_ms = "3"\n', "delay_ms is to be a whole number, not '3'"),
        (PLAIN + '[setting]\nwire = ["dorp SYN"]\n', "wire rule 'dorp SYN': 'dorp' is not a rule"),
        (PLAIN + '[seen]\noutcomes = ["opened"]\n', "seen: unknown outcome 'opened'; there are established"),
        (PLAIN + "[seen]\nfound = 1\n", "seen: unknown found; there are outcomes"),
    ],
)
def test_nonsense_is_one_clear_line(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(HandshakeError) as caught:
        read_scenario(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_unknown_names_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(HandshakeError, match=r"^there is no scenario 'nope' \(handshake lab run --list"):
        scenario_of("nope")
    with pytest.raises(HandshakeError, match="cannot be read as a scenario: No such file"):
        scenario_of(str(tmp_path / "none.toml"))
