"""A survey of many captures."""

from __future__ import annotations

from handshake.model.notes import Notes
from handshake.model.survey import Survey, Surveyed
from handshake.render.document.base import Document, head, source_fields, statistics
from handshake.render.document.report import tally_fields
from handshake.render.statistics import finding_counts, outcome_counts
from handshake.version import __version__


def survey_to_dict(survey: Survey) -> Document:
    """The whole survey as one document of type `survey`."""
    return {
        **survey_summary_to_dict(survey),
        "type": "survey",
        "captures": [_capture(each) for each in survey.captures],
    }


def survey_summary_to_dict(survey: Survey) -> Document:
    """What all captures amount to: a document of type `survey-summary`."""
    totals = survey.totals
    return {
        **head("survey-summary"),
        "generator": {"name": "handshake", "version": __version__},
        "captures_given": len(survey.captures),
        "captures_read": len(survey.read),
        "tally": tally_fields(survey.tally),
        "handshakes": totals.handshakes,
        "outcomes": {outcome.value: number for outcome, number in outcome_counts(totals).items()},
        "times": {"setup_ns": statistics(survey.setup_ns), "irtt_ns": statistics(survey.irtt_ns)},
        "findings": [
            {"code": finding.code, "name": finding.name, "severity": finding.severity.value, "handshakes": number}
            for finding, number in finding_counts(totals)
        ],
        "exchanges": sum(each.exchanges for each in survey.captures),
        "exchanges_without_reply": sum(each.silent for each in survey.captures),
        "pages": _notes(survey.pages),
        "listeners": _notes(survey.sockets),
        "crowds": _notes(survey.crowds),
    }


def surveyed_to_dict(surveyed: Surveyed) -> Document:
    """One capture: a document of type `surveyed`."""
    return {**head("surveyed"), **_capture(surveyed)}


def _capture(surveyed: Surveyed) -> Document:
    return {
        "number": surveyed.place.number,
        "name": surveyed.place.name,
        "failure": surveyed.failure,
        "source": source_fields(surveyed.source) if surveyed.source else None,
        "tally": tally_fields(surveyed.tally),
        "handshakes": surveyed.handshakes,
        "outcomes": {outcome.value: number for outcome, number in surveyed.outcomes.items()},
        "findings": dict(sorted(surveyed.findings.items())),
        "exchanges": surveyed.exchanges,
        "exchanges_without_reply": surveyed.silent,
    }


def _notes(notes: Notes) -> Document:
    return {
        "total": notes.total,
        "first": [
            {
                "capture": note.source,
                "text": " ".join(span if isinstance(span, str) else span[0] for span in note.words),
            }
            for note in notes.first
        ],
    }
