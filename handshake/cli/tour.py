"""`handshake tour`: from a name to a file in eleven screens, each played live in a private network."""

from __future__ import annotations

import io
import os
import shutil
import sys
import termios
import tty
from typing import TYPE_CHECKING, Annotated

import typer

from handshake.cli.output import say, waiting
from handshake.errors import PrivilegeError
from handshake.render.terminal import terminal_of
from handshake.render.tour import render, write_list

if TYPE_CHECKING:
    from handshake.model.tour import Scene

INTERRUPTED, _TOOL = 130, 69
_CLEAR = "\x1b[H\x1b[2J"
_BACK = ("b", "\x1b[D", "\x1b[A", "\x7f")
"""Keys that go back: b, left, up, backspace."""


def tour(
    step: Annotated[int, typer.Option("--step", "-s", min=1, help="Begin with this step.", metavar="N")] = 1,
    only_list: Annotated[bool, typer.Option("--list", "-l", help="List the steps.")] = False,
    no_pause: Annotated[
        bool, typer.Option("--no-pause", help="Do not wait for Enter; nor does a pipe or a script.")
    ] = False,
) -> None:
    """Walk through the story of a connection, one screen a step, each played by real programs while you look.

    A name, a port, listen(), the handshake, accept(), HTTP/1.0 and 1.1, the closing, UDP, SMTP, FTP: in a private
    network that only this command sees. Enter goes on, b goes back, q ends it. Needs neither root nor network where
    unprivileged user namespaces are allowed; elsewhere it says what to do and shows its own recordings. Mail and files
    are served by aiosmtpd and pyftpdlib (the extra `lab`).

    Exit status: 0 seen, 2 no such step, 69 a program that some step needs is missing (the others are shown),
    130 interrupted.
    """
    from handshake.lab.tour import steps
    from handshake.probe.run import sigterm_interrupts

    if only_list:
        write_list(steps(), sys.stdout, terminal_of(sys.stdout))
        return
    if step > len(steps()):
        raise typer.BadParameter(f"--step {step}: there are {len(steps())} steps; --list shows them")
    pauses = not no_pause and sys.stdin.isatty() and sys.stdout.isatty()
    try:
        with sigterm_interrupts():
            missing = _walk(step, len(steps()), pauses)
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(_TOOL if missing else 0)


def _walk(number: int, last: int, pauses: bool) -> bool:
    """Show step after step; whether one of them could not be played."""
    from handshake.lab.tour import play, replay

    make, missing, first = play, False, True
    while number <= last:
        with waiting(f"step {number} is being played"):
            try:
                scene = make(number)
            except PrivilegeError as error:
                say(f"{error}; what follows was recorded earlier")
                make = replay
                scene = make(number)
        missing = missing or bool(scene.trouble)
        if not pauses and not first:
            sys.stdout.write("\n")
        if pauses and first and make is replay:
            _ask("Enter goes on")
        first = False
        move = _show(scene, pauses, last=number == last)
        if move == 0:
            break
        number = max(number + move, 1)
    return missing


def _show(scene: Scene, pauses: bool, *, last: bool) -> int:
    """Show a scene; 1 to go on, -1 to go back, 0 to end it."""
    if not pauses:
        render(scene, sys.stdout, terminal_of(sys.stdout))
        sys.stdout.flush()
        return 1
    text = io.StringIO()
    render(scene, text, terminal_of(sys.stdout))
    lines = text.getvalue().splitlines(keepends=True)
    room = max(shutil.get_terminal_size().lines - 1, 5)
    if len(lines) % room:
        lines.append("\n")
    sys.stdout.write(_CLEAR if os.environ.get("TERM") != "dumb" else "\n")
    while True:
        sys.stdout.write("".join(lines[:room]))
        lines = lines[room:]
        key = _ask("Enter shows the rest" if lines else "Enter ends the tour" if last else "Enter goes on")
        if key == "q":
            return 0
        if key in _BACK:
            return -1
        if not lines:
            return 1


def _ask(what: str) -> str:
    """Say which keys there are, and wait for one. Raises KeyboardInterrupt for Ctrl-C, and for the end of input q."""
    terminal = terminal_of(sys.stdout)
    words = terminal.say(f"{what} · b back · q quit")
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)  # keys from before are forgotten: nobody skips what was not yet on the screen
        sys.stdout.write(terminal.paint(words, "dim"))
        sys.stdout.flush()
        pressed = os.read(descriptor, 8)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
    sys.stdout.write("\r" + " " * len(words) + "\r")
    sys.stdout.flush()
    return pressed.decode("utf-8", "replace").lower() if pressed and pressed != b"\x04" else "q"
