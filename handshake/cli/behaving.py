"""The probe's options that make up the client's behaviour, put together and checked against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import typer

from handshake.probe.behaviour import PROFILES, Behaviour, Close

T = TypeVar("T")


def behaviour_of(
    *,
    profile: str,
    options: str | None,
    ttl: int | None,
    window: int | None,
    isn: str | None,
    send: str | None,
    fast_open: bool,
    half_open: bool,
    close: Close,
    simultaneous: bool,
    flags: str | None,
    source_port: int,
) -> Behaviour:
    """The behaviour that was asked for. Raises typer.BadParameter that says what does not go together."""
    from handshake.probe.choices import parse_flags, parse_number, parse_options, read_data

    _refuse_contradictions(
        {
            "--flags": flags is not None,
            "--half-open": half_open,
            "--simultaneous": simultaneous,
            "--fast-open": fast_open,
            "--send": send is not None,
            "--close": close is not Close.FIN,
            "--option": options is not None,
        }
    )
    if simultaneous and not source_port:
        raise typer.BadParameter("--simultaneous needs --source-port: the other side must know where to send its SYN")
    if fast_open and send is None:
        raise typer.BadParameter("--fast-open needs --send: it is about data in the SYN")
    behaviour = PROFILES[_read("--profile", _known_profile, profile)]
    if options is not None:
        items, ecn = _read("--option", parse_options, options)
        behaviour = replace(behaviour, options=items, ecn=ecn)
    return replace(
        behaviour,
        ttl=behaviour.ttl if ttl is None else ttl,
        window=behaviour.window if window is None else window,
        isn=None if isn is None else _read("--isn", parse_number, isn),
        data=b"" if send is None else _read("--send", read_data, send),
        half_open=half_open,
        close=close,
        simultaneous=simultaneous,
        flags=None if flags is None else _read("--flags", parse_flags, flags),
    )


def refuse_for_many(
    *,
    behaviour: Behaviour,
    fast_open: bool,
    source_port: int,
    source: str | None,
    interface: str | None,
    resolver: str | None,
) -> None:
    """Refuse what only a single probe can do. Raises typer.BadParameter."""
    for option, given in {
        "--source-port": source_port,
        "--source": source,
        "--interface": interface,
        "--resolver": resolver,
        "--flags": behaviour.flags is not None,
        "--fast-open": fast_open,
    }.items():
        if given:
            raise typer.BadParameter(f"{option} is for a single probe, not for many")


_EXCLUDING = (
    ("--flags", ("--half-open", "--simultaneous", "--fast-open", "--send", "--close", "--option")),
    ("--half-open", ("--simultaneous", "--fast-open", "--send", "--close")),
    ("--simultaneous", ("--fast-open",)),
)


def _refuse_contradictions(given: dict[str, bool]) -> None:
    for option, others in _EXCLUDING:
        for other in others:
            if given[option] and given[other]:
                raise typer.BadParameter(f"{option} and {other} exclude each other")


def _known_profile(text: str) -> str:
    if text not in PROFILES:
        raise ValueError(f"no profile is called {text!r}; there are {', '.join(PROFILES)}")
    return text


def _read(option: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
