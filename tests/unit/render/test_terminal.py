from __future__ import annotations

import io

import pytest

from handshake.render.terminal import PIPE_WIDTH, Terminal, escape, terminal_of


class Screen(io.StringIO):
    """A text stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class AsciiPipe(io.StringIO):
    encoding = "ascii"


def test_pipe_is_plain() -> None:
    terminal = terminal_of(io.TextIOWrapper(io.BytesIO(), "utf-8"), {})
    assert terminal == Terminal(width=PIPE_WIDTH, color=False, unicode=True, interactive=False)


@pytest.mark.parametrize(
    ("environ", "color"),
    [
        ({}, True),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_color_of_a_terminal(environ: dict[str, str], color: bool) -> None:
    assert terminal_of(Screen(), environ).color is color


@pytest.mark.parametrize(
    ("columns", "width"), [("60", 60), ("0", PIPE_WIDTH), ("wide", PIPE_WIDTH), ("-3", PIPE_WIDTH)]
)
def test_columns_sets_the_width(columns: str, width: int) -> None:
    assert terminal_of(AsciiPipe(), {"COLUMNS": columns}).width == width


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_plain_locale_means_ascii(locale: str) -> None:
    assert not terminal_of(Screen(), {"LC_ALL": locale}).unicode
    assert terminal_of(Screen(), {"LC_ALL": "C.UTF-8"}).unicode


def test_ascii_stream_gets_twins() -> None:
    terminal = terminal_of(AsciiPipe(), {})
    assert terminal.say("CLOSED → SYN-SENT ×3 ─▶ §3.5 …") == "CLOSED -> SYN-SENT x3 -> section 3.5 ..."
    assert terminal.say("Grüße") == "Gr\\xfc\\xdfe"


@pytest.mark.parametrize(
    ("hostile", "visible"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202etxt.exe", "\\u202etxt.exe"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("\u2028", "\\u2028"),
        ("name\udc80", "name\\udc80"),
        ("plain ümlaut ─▶", "plain ümlaut ─▶"),
    ],
)
def test_hostile_text_becomes_visible(hostile: str, visible: str) -> None:
    assert escape(hostile) == visible


def test_paint_only_with_color() -> None:
    assert Terminal(color=False).paint("x", "red") == "x"
    assert Terminal(color=True).paint("x", "bold red") == "\x1b[1;31mx\x1b[0m"
    assert Terminal(color=True).paint("", "red") == ""
