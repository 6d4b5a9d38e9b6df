"""`handshake lab run` as a person runs it."""

from __future__ import annotations

import json
import os
import signal
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from handshake.api import inspect
from tests.live.lab_commands import ENVIRONMENT, ended, eventually, everywhere, in_session, lab, started
from tests.live.lab_stories import PLAIN, story_of

pytestmark = pytest.mark.usefixtures("private_networks")

OWN = """
title = "Mine"
story = "A story of mine."
play = "open-converse-close"

[setting]
wire = ["drop SYN 1"]

[seen]
outcomes = ["established"]
"""


def test_story_ladder_and_check() -> None:
    done = lab("run", "refused")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("scenario  refused · The port is closed\nstory     Nobody listens;")
    assert "── SYN seq=0 ─" in done.stdout
    assert done.stdout.splitlines()[-1] == "checked   ✓ as it should be: refused · HS104"


def test_a_file_of_my_own_that_goes_otherwise(tmp_path: Path) -> None:
    scenario, recording = tmp_path / "own.toml", tmp_path / "own.pcap"
    scenario.write_text(OWN)
    done = lab("run", str(scenario), "-f", "jsonl", "--record", str(recording))
    assert done.returncode == 1
    assert done.stderr == "handshake: own differs: findings: HS101, where the scenario has none\n"
    assert json.loads(done.stdout.splitlines()[0])["outcome"] == "established"
    assert inspect([recording]).handshakes[0].syn_retransmits == 1
    assert story_of(recording) == f">S {PLAIN}".split()


def test_a_recording_that_cannot_be_written() -> None:
    done = lab("run", "refused", "-q", "--record", "/nowhere/x.pcap")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "handshake: /nowhere/x.pcap: cannot be written: no such file or directory\n"


def test_without_private_networks_one_line_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import handshake.lab.netns as n\n"
        "def refuse(*_):\n    raise PermissionError(1, 'Operation not permitted')\n"
        "n.call = refuse\n"
    )
    env = {**ENVIRONMENT, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    for arguments in (("run", "refused", "-q"), ("net", "-q", "true")):
        done = lab(*arguments, env=env)
        assert done.returncode == 77
        assert done.stderr.startswith("handshake: this machine gives us no private network (Operation not permitted)")
        assert len(done.stderr.splitlines()) == 1


def test_nothing_is_left_when_it_is_ended_halfway() -> None:
    endings = {signal.SIGKILL: -9, signal.SIGTERM: -15, signal.SIGINT: 130}
    with ExitStack() as stack:
        running = [(stack.enter_context(started("run", "unanswered", "-q")), how) for how in endings]
        for process, how in running:
            hosts_and_wire = partial(_namespaces, process.pid, 4)
            assert eventually(hosts_and_wire)
            made = _namespaces(process.pid, 4)
            assert ended(process, how) == endings[how]
            assert eventually(lambda: not in_session(process.pid))  # noqa: B023 - called at once
            assert eventually(lambda: not made & everywhere())  # noqa: B023


def _namespaces(session: int, least: int) -> set[str]:
    """Network namespaces of a session besides ours, none before there are so many."""
    made = set().union(*in_session(session).values()) - {os.readlink("/proc/self/ns/net")}
    return made if len(made) >= least else set()
