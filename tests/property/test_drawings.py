"""Whatever was captured: every format draws it, and the SVG is XML."""

from __future__ import annotations

import io
from xml.etree import ElementTree

from hypothesis import given, settings

from handshake.model.report import Report, Tally
from handshake.render import Format, renderer
from handshake.render.terminal import Terminal
from tests.property.segments import Draft, dialogues, judge, packets_of


@given(dialogues)
@settings(max_examples=100, deadline=None)
def test_any_segments_in_every_format(dialogue: list[Draft]) -> None:
    report = Report((), Tally(), tuple(judge(packets_of(dialogue))))
    for form in Format:
        out = io.StringIO()
        renderer(form)(report, out, Terminal())
        if form is Format.SVG:
            ElementTree.fromstring(out.getvalue())
