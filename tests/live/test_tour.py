"""The whole tour as a script sees it, each step by what just happened in it; and what ends it early."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from handshake.lab.tour import play, steps
from handshake.model.handshake import CloseKind, Outcome, Side
from handshake.model.tour import Scene
from tests.support import ROOT
from tests.unit.cli.test_replay import run

pytestmark = pytest.mark.usefixtures("private_networks")

TOUR = [sys.executable, "-m", "handshake", "tour"]


@pytest.fixture(scope="module")
def scenes() -> dict[str, Scene]:
    return {step.name: play(number) for number, step in enumerate(steps(), 1)}


def outcomes(scene: Scene) -> list[Outcome]:
    assert scene.report is not None
    return [each.outcome for each in scene.report.handshakes]


def queues(scene: Scene) -> list[tuple[str | None, int | None, int | None]]:
    views = [moment.view for moment in scene.moments]
    return [(view.state, view.accept_queue, view.backlog) for view in views if view is not None]


def test_order_and_nothing_missing(scenes: dict[str, Scene]) -> None:
    names = "name port listen handshake accept http-1.0 http-1.1 close udp mail file"
    assert list(scenes) == names.split()
    assert [scene.trouble for scene in scenes.values()] == [""] * 11


def test_name_and_port(scenes: dict[str, Scene]) -> None:
    report = scenes["name"].report
    assert report is not None
    (exchange,) = report.exchanges
    (lookup,) = exchange.lookups
    assert lookup.answer is not None
    assert [(each.ttl_s, each.value) for each in lookup.answer.records] == [(300, "10.0.0.2")]
    assert exchange.first_reply_ns is not None
    assert 40e6 <= exchange.first_reply_ns < 60e6
    good = {each.typed: each.good for each in scenes["port"].attempts}
    assert good == {"192.13.13.1323:80": False, "10.0.0.2:99999": False, "10.0.0.2": False,
                    "10.0.0.2:http": True, "10.0.0.2:81": True}  # fmt: skip
    assert "1323 is not a number from 0 to 255" in scenes["port"].attempts[0].answer
    assert outcomes(scenes["port"]) == [Outcome.REFUSED]


def test_listen_and_accept_as_the_kernel_tells_them(scenes: dict[str, Scene]) -> None:
    assert outcomes(scenes["listen"]) == [Outcome.REFUSED, Outcome.ESTABLISHED]
    assert queues(scenes["listen"]) == [(None, None, None), (None, 0, 5)]
    assert outcomes(scenes["accept"]) == [Outcome.ESTABLISHED]
    assert queues(scenes["accept"]) == [(None, 0, 5), ("ESTAB", 1, 5), ("ESTAB", 1, 5), ("ESTAB", 0, 5)]
    report = scenes["accept"].report
    assert report is not None
    assert (report.handshakes[0].client.payload_bytes, report.handshakes[0].server.payload_bytes) == (13, 13)


def test_handshake_and_close(scenes: dict[str, Scene]) -> None:
    report = scenes["handshake"].report
    assert report is not None
    (handshake,) = report.handshakes
    assert (len(handshake.steps), handshake.teardown.kind) == (3, CloseKind.OPEN)
    assert handshake.timing.irtt_ns is not None
    assert 40e6 <= handshake.timing.irtt_ns < 60e6
    assert [state for state, _, _ in queues(scenes["close"])] == ["ESTAB", "FIN-WAIT-2", "TIME-WAIT"]
    report = scenes["close"].report
    assert report is not None
    assert (report.handshakes[0].teardown.kind, report.handshakes[0].teardown.first) == (CloseKind.FIN, Side.CLIENT)


def test_requests(scenes: dict[str, Scene]) -> None:
    for name, connections in (("http-1.0", 3), ("http-1.1", 1)):
        assert outcomes(scenes[name]) == [Outcome.ESTABLISHED] * connections
        report = scenes[name].report
        assert report is not None
        said = [line.text for each in report.handshakes if each.application for line in each.application.lines]
        assert sum(text.startswith("GET ") for text in said) == 3


def test_udp_mail_and_file(scenes: dict[str, Scene]) -> None:
    report = scenes["udp"].report
    assert report is not None
    (exchange,) = report.exchanges
    assert (exchange.requests, exchange.replies) == (3, 2)
    report = scenes["mail"].report
    assert report is not None
    (mail,) = report.handshakes
    assert mail.application is not None
    assert mail.application.protocol == "SMTP"
    report = scenes["file"].report
    assert report is not None
    announced = [(each.announced_by, each.client.endpoint.host) for each in report.handshakes]
    assert announced == [(None, "10.0.0.1"), (1, "10.0.0.1"), (None, "10.0.0.1"), (3, "10.0.0.2")]


SHOWN: dict[int, Callable[[str], bool]] = {
    1: lambda text: "DNS www.example → 10.0.0.2 (TTL 300 s)" in text,
    2: lambda text: "1323 is not a number from 0 to 255" in text and "RST,ACK" in text,
    3: lambda text: "0 of 5" in text and "RST,ACK" in text and "SYN,ACK" in text,
    4: lambda text: "client asks to open a connection" in text and text.count("──▶") + text.count("◀─") == 3,
    5: lambda text: "1 of 5" in text and "accept()" in text,
    6: lambda text: "3 objects over 3 connections: 3 handshakes" in text,
    7: lambda text: "3 objects over one connection: one handshake" in text,
    8: lambda text: "TIME-WAIT   60 s" in text,
    9: lambda text: "the same bytes again" in text,
    10: lambda text: "354 End data" in text,
    11: lambda text: "announced by" in text and "PORT 10,0,0,1" in text,
}


def test_the_command_from_beginning_to_end() -> None:
    done = run("tour", "--no-pause")
    assert (done.returncode, done.stderr) == (0, "")
    screens = re.split(r"^── step (\d+) of 11 · ", done.stdout, flags=re.MULTILINE)[1:]
    assert list(map(int, screens[::2])) == list(SHOWN)
    for number, screen in zip(map(int, screens[::2]), screens[1::2], strict=True):
        assert SHOWN[number](screen), screen
        assert "notice " in screen
        assert "try " in screen
        assert "{" not in screen
        assert max(map(len, screen.splitlines())) <= 110


@pytest.mark.parametrize(
    "command",
    sorted({command for step in steps() for command in step.commands if command.startswith("handshake ")}),
)
def test_what_to_try_works(command: str) -> None:
    done = run(*shlex.split(command)[1:])
    assert (done.returncode, done.stderr) == (0, "")


class Person:
    """Somebody at a terminal of 80 columns and 24 lines."""

    def __init__(self, *arguments: str) -> None:
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.execve(sys.executable, [*TOUR, *arguments], environment)
        self.seen = ""

    def sees(self, words: str, within_s: float = 15) -> None:
        deadline = time.monotonic() + within_s
        while words not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.terminal], [], [], 0.2)[0]:
                self.seen += os.read(self.terminal, 1 << 16).decode("utf-8", "replace")
        self.seen = self.seen.partition(words)[2]

    def presses(self, key: bytes) -> None:
        os.write(self.terminal, key)

    def leaves(self) -> int:
        """The exit status."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if select.select([self.terminal], [], [], 0.05)[0]:
                with suppress(OSError):
                    self.seen += os.read(self.terminal, 1 << 16).decode("utf-8", "replace")
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.terminal)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError("it does not end")


def test_on_and_back_and_out() -> None:
    person = Person("--step", "3")
    person.sees("step 3 of 11")
    person.sees("Enter shows the rest")
    person.presses(b"\n")
    person.sees("Enter goes on")
    person.presses(b"\n")
    person.sees("step 4 of 11")
    person.sees("Enter goes on")
    person.presses(b"b")
    person.sees("step 3 of 11")
    person.sees("Enter shows the rest")
    person.presses(b"q")
    assert person.leaves() == 0


def test_interrupted_at_the_prompt_and_while_playing() -> None:
    person = Person("--step", "4")
    person.sees("Enter goes on")
    os.kill(person.pid, signal.SIGTERM)
    assert person.leaves() == 130
    person = Person()
    person.sees("Enter goes on")
    person.presses(b"\x03")
    assert person.leaves() == 130
    assert "interrupted" in person.seen
    with subprocess.Popen(
        [*TOUR, "--no-pause", "--step", "8"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert "step 8" in process.stdout.readline()
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (130, "handshake: interrupted\n")
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_pipe_that_closes() -> None:
    with subprocess.Popen([*TOUR, "--step", "4"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
        process.wait(timeout=10)
    assert b"Traceback" not in errors


def test_interrupted_while_files_are_served_leaves_none(tmp_path: Path) -> None:
    """Whenever in the step it is: the client's files lie in the directory of the one who cleans up."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [*TOUR, "--no-pause", "--step", "11"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 10
        while not list(tmp_path.rglob("file.txt")):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []
