"""Writes the pages that repeat what the code says or prints: `python -m docs.generate [--check]`.

Pages of docs/ made from tables of the code are written whole; in pages written by hand the output of
the commands that they show is made anew (examples.py).

With `--check` nothing is written; the exit status is 1 when a page differs from the code.
"""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any

import typer

from docs.examples import ROOT, in_scratch, refreshed
from handshake import compare, export
from handshake.api import inspect as inspect_captures
from handshake.cli.app import app
from handshake.compare.points import POINTS
from handshake.compare.traps import TRAPS
from handshake.findings import RULES, Rule
from handshake.findings.glossary import TERMS
from handshake.flow import state
from handshake.lab.tour import replay, steps
from handshake.model.handshake import Observed, State
from handshake.render import Format, renderer, tour
from handshake.render.terminal import Terminal


def page(title: str, source: str, *parts: str) -> str:
    """A whole page; empty parts are left out."""
    notice = f"<!-- Generated from {source} by `make docs`: change it there. -->"
    return "\n\n".join([f"# {title}", notice, *filter(None, parts)]) + "\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; bars in cells are escaped, line ends become spaces."""
    titles = list(head)
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [titles, ["---"] * len(titles), *cells])


def cli_page() -> str:
    """Every command with its arguments, options and exit statuses, from the typer app."""
    return page("Commands", "handshake/cli", *command_sections("handshake", typer.main.get_command(app)))


def command_sections(name: str, command: Any) -> Iterator[str]:
    """Sections of a command (a typer or click object, whichever typer is built on) and of its subcommands."""
    if command.hidden:
        return
    yield f"## `{name}`"
    yield inspect.cleandoc(command.help or "")
    rows = [parameter_row(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
    if rows:
        yield table(("argument or option", "meaning", "default"), rows)
    yield inspect.cleandoc(command.epilog or "")
    for child in command.list_commands(None) if hasattr(command, "list_commands") else ():
        yield from command_sections(f"{name} {child}", command.get_command(None, child))


def parameter_row(parameter: Any) -> tuple[str, str, str]:
    """How a parameter is spelled, what it means, and what holds without it."""
    default = parameter.default.value if isinstance(parameter.default, Enum) else parameter.default
    value = parameter.metavar or choices(parameter.default) or parameter.name.upper()
    if parameter.param_type_name == "argument":
        spelled = value
    else:
        flag = parameter.is_flag or parameter.count
        spelled = ", ".join(parameter.opts + parameter.secondary_opts) + ("" if flag else f" {value}")
        default = None if flag else default
    shown = "" if default in (None, "", [], ()) or callable(default) else f"`{default}`"
    return f"`{spelled}`", parameter.help or "", shown


def choices(default: object) -> str:
    """The values of an enumeration, given one of them."""
    return "|".join(str(member.value) for member in type(default)) if isinstance(default, Enum) else ""


def state_page() -> str:
    """The state table, once as a picture and once in full."""
    rules = (inspect.getdoc(state) or "").partition("\n\n")[2]
    return page(
        "State machine",
        "handshake/flow/state.py",
        rules,
        "The RFC's states and how segments move an end between them; RST leads from everywhere to CLOSED:",
        "```mermaid\n" + state_diagram() + "\n```",
        *(part for role in state.Role for part in (f"## The end that {role.value}", state_table(role))),
    )


def state_diagram() -> str:
    """A mermaid diagram of the moves between RFC states; parallel moves share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (role, before, event), (after, _) in state.TRANSITIONS.items():
        if isinstance(before, State) and isinstance(after, State) and before is not after and "RST" not in event.name:
            arrows.setdefault((before.name, after.name), []).append(f"{role.value} {event.value}")
    names = [f'    state "{each.value}" as {each.name}' for each in State]
    moves = [f"    {before} --> {after}: {' / '.join(labels)}" for (before, after), labels in arrows.items()]
    return "\n".join(["stateDiagram-v2", *names, *moves])


def state_table(role: state.Role) -> str:
    """The rows of one role; states that behave alike share a row."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for (sender, before, event), (after, note) in state.TRANSITIONS.items():
        if sender is role:
            rows.setdefault((event.value, after.value, note), []).append(before.value)
    return table(
        ("state", "event", "next state", "what it means"),
        ((listed(before), event, after, note) for (event, after, note), before in rows.items()),
    )


def listed(states: list[str]) -> str:
    """Names of states, shorter where they are (nearly) all."""
    if len(states) <= len(State):
        return ", ".join(states)
    return "any" if len(states) == len(State) + len(Observed) else "any other"


def findings_page() -> str:
    """Every rule with its full text, after an overview."""
    overview = table(
        ("finding", "severity", "what was seen"),
        (
            (f"[{rule.code} {rule.name}](#{rule.code.lower()}-{rule.name})", rule.severity.value, rule.what)
            for rule in RULES.values()
        ),
    )
    return page(
        "Findings", "handshake/findings", overview, *(part for rule in RULES.values() for part in rule_section(rule))
    )


def rule_section(rule: Rule) -> Iterator[str]:
    """One rule: what, why, what to check, and where it is written."""
    yield f"## {rule.code} {rule.name}"
    yield rule.what
    yield (
        f"- **Severity:** {rule.severity.value}\n- **Why:** {rule.why}\n- **What to check:** {rule.check}\n"
        + "".join(
            f"- **{title}:** {text}\n"
            for title, text in (("Sources", ", ".join(rule.rfc)), ("Elsewhere", rule.twin))
            if text
        )
    )


def glossary_page() -> str:
    """The words of the timeline, kind by kind."""
    kinds = dict.fromkeys(term.kind for term in TERMS)
    return page(
        "Glossary",
        "handshake/findings/glossary.py",
        "On the terminal: `handshake explain WORD`.",
        *(part for kind in kinds for part in (f"## {kind.capitalize()}s", glossary_table(kind))),
    )


def glossary_table(kind: str) -> str:
    """The terms of one kind."""
    rows = ((f"**{term.name}**", term.text, term.rfc) for term in TERMS if term.kind == kind)
    return table(("word", "meaning", "source"), rows)


def crosscheck_page() -> str:
    """How to read a crosscheck, its points, and the traps with their proofs."""
    points = ((f"`{name}`", level.value, text) for name, (level, text) in POINTS.items())
    traps = ((f"**{trap.name}**", trap.why, trap.proof) for trap in TRAPS)
    return page(
        "Crosscheck: a second opinion",
        "handshake/compare",
        (inspect.getdoc(compare) or "").partition("\n\n")[2],
        "## What is compared",
        table(("point", "of each", "what it is"), points),
        "## The traps",
        "A trap of a single frame explains what follows from it in its stream as well.",
        table(("trap", "what tshark does", "proof"), traps),
        "## By hand",
        "`handshake replay --engine tshark FILE…` shows the same timelines, built from tshark's dissection instead of "
        "ours; only what tshark does not tell (whether a checksum is right, what is wrong with an option) is missing. "
        "As JSON: [json.md](json.md#crosscheck). Versions from 3.6 on are taken; 4.0 is what the tests run.",
    )


def export_page() -> str:
    """What is exported: the rules, an example that is run here, and the columns."""
    rules = (inspect.getdoc(export) or "").partition("\n\n")[2]
    return page(
        "Export: handshakes as a table",
        "handshake/export",
        rules,
        "## An example",
        *in_scratch(
            "handshake export captures/*.pcap* -o handshakes.parquet --exchanges exchanges.parquet", EXPORT_EXAMPLE
        ),
        *(part for each in (export.HANDSHAKES, export.EXCHANGES) for part in table_section(each)),
    )


EXPORT_EXAMPLE = """\
import pyarrow.parquet as pq

table = pq.read_table("handshakes.parquet", columns=["source", "number", "start", "setup_ns", "findings"])
table = table.set_column(2, "start", table["start"].cast("int64"))
for row in table.sort_by([("setup_ns", "descending")]).slice(0, 3).to_pylist():
    print(row)
"""


def table_section(exported: export.Table[Any]) -> Iterator[str]:
    """The columns of one exported table."""
    yield f"## Table `{exported.name}`, version {export.SCHEMA_VERSION}"
    rows = (
        (f"`{column.name}`", f"`{column.kind}`", "yes" if column.nullable else "", column.meaning)
        for column in exported.columns
    )
    yield table(("column", "type", "null", "meaning"), rows)


def picture() -> str:
    """The drawing in docs/diagrams.md."""
    out = io.StringIO()
    renderer(Format.SVG)(inspect_captures([ROOT / "captures" / "http-1.1.pcapng"]), out, Terminal())
    return out.getvalue().replace(f"{ROOT}/", "")


def tour_page() -> str:
    """Every screen of the tour, as it was recorded."""
    return page(
        "The tour",
        "handshake/lab/tour",
        "`handshake tour` shows these screens one after the other, each played live while you look, in a private "
        "network that only it sees: Enter goes on, b goes back, q ends it. `--step N` begins elsewhere, `--list` "
        "names the steps, `--no-pause` is for scripts. Below is what was recorded of it (`make captures`); the "
        "times differ from run to run. More on each: [the tutorial](tutorial.md).",
        *(part for number, step in enumerate(steps(), 1) for part in (f"## {number}. {step.title}", screen(number))),
    )


def screen(number: int) -> str:
    """One screen of the tour."""
    out = io.StringIO()
    tour.render(replay(number), out, Terminal(width=96))
    return f"```text\n{out.getvalue()}```"


GENERATED: dict[str, Callable[[], str]] = {
    "docs/cli.md": cli_page,
    "docs/crosscheck.md": crosscheck_page,
    "docs/export.md": export_page,
    "docs/findings.md": findings_page,
    "docs/glossary.md": glossary_page,
    "docs/http-1.1.svg": picture,
    "docs/state-machine.md": state_page,
    "docs/tour.md": tour_page,
}
STORY = tuple(sorted(f"docs/story/{path.name}" for path in (ROOT / "docs" / "story").glob("*.md")))
WRITTEN = (
    "README.md",
    "docs/tutorial.md",
    "docs/compare.md",
    "docs/diagrams.md",
    "docs/lab.md",
    "docs/survey.md",
    *STORY,
)
"""Pages written by hand around the output of commands."""


def drifted() -> dict[str, str]:
    """The pages that differ from what the code says or do not exist, with what they should be."""
    wanted = {name: make() for name, make in GENERATED.items()}
    wanted |= {name: refreshed((ROOT / name).read_text("utf-8")) for name in WRITTEN}
    return {
        name: text
        for name, text in wanted.items()
        if not (ROOT / name).exists() or (ROOT / name).read_text("utf-8") != text
    }


def main() -> int:
    """Write the pages, or with `--check` only compare them; the exit status."""
    pages = drifted()
    if "--check" in sys.argv[1:]:
        if pages:
            print(f"docs drifted from the code: {', '.join(pages)}; run: make docs", file=sys.stderr)
        return 1 if pages else 0
    for name, text in pages.items():
        (ROOT / name).write_text(text, "utf-8")
        print(f"{name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
