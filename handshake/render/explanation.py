"""The pages of `handshake explain`: a rule, a term, or the list of all words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from handshake.render.words import SEVERITY_STYLE

if TYPE_CHECKING:
    from handshake.findings.glossary import Term
    from handshake.findings.registry import Rule
    from handshake.render.page import Page


def write_rule(page: Page, rule: Rule) -> None:
    """A finding in full."""
    page.paragraph(
        (f"{rule.code} {rule.name}", f"bold {SEVERITY_STYLE[rule.severity.value]}"),
        (f"· {rule.severity.value}", "dim"),
    )
    write_reasons(page, rule)
    if rule.twin:
        page.field("elsewhere", (rule.twin, "dim"))


def write_reasons(page: Page, rule: Rule) -> None:
    """What a finding means, why it happens, what to check, and where it is written."""
    page.field("what", rule.what)
    page.field("why", rule.why)
    page.field("check", rule.check)
    if rule.rfc:
        page.field("source", (", ".join(rule.rfc), "dim"))


def write_term(page: Page, term: Term) -> None:
    """One word of the timeline."""
    page.paragraph((term.name, "bold"), (f"· {term.kind}", "dim"))
    page.field("what", term.text)
    page.field("source", (term.rfc, "dim"))


def write_words(page: Page, terms: Iterable[Term], rules: Iterable[Rule]) -> None:
    """Every word that can be explained, by kind."""
    kinds: dict[str, list[str]] = {}
    for term in terms:
        kinds.setdefault(f"{term.kind}s", []).append(term.name)
    for kind, names in kinds.items():
        page.field(kind, ", ".join(names))
    for rule in rules:
        page.field("findings", f"{rule.code} {rule.name}")
