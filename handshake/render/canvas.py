"""An SVG document that grows downwards: text, boxes, life lines, slanted arrows. Text may be untrusted."""

from __future__ import annotations

from math import hypot
from xml.sax.saxutils import escape as xml

from handshake.render.terminal import escape, wrapped

WIDTH, MARGIN = 900, 24
LINE = 15
"""From one line of text to the next."""
SLANT = 10
"""How far an arrow sinks, so that sending stands above receiving."""

_COLUMN, _SMALL_COLUMN = 7.2, 6.5
"""Width of a letter, by which text is wrapped: that of the monospaced ones, and of small ones."""
_HEAD = 11, 4
"""Length and half width of an arrow's head."""

_STYLE = """
text { font-family: sans-serif; font-size: 12px; fill: #1f2328; }
.mono { font-family: monospace; }
.head { font-size: 16px; font-weight: bold; }
.bold { font-weight: bold; }
.dim, .small { fill: #59636e; }
.small { font-size: 11px; }
text.aside { fill: #1b7c83; }
.time { font-family: monospace; font-size: 11px; fill: #59636e; }
.state { font-size: 11px; fill: #0a6640; }
.paper { fill: #ffffff; }
.box { fill: #f6f8fa; stroke: #d1d9e0; }
.life { stroke: #b6bfc8; stroke-width: 1.5; }
.open { stroke: #2da44e; stroke-width: 4; }
.arrow { stroke-width: 1.6; }
.syn, .syn-ack { stroke: #0969da; fill: #0969da; }
.ack, .data, .datagram { stroke: #424a53; fill: #424a53; }
.fin { stroke: #8250df; fill: #8250df; }
.rst, .icmp { stroke: #cf222e; fill: #cf222e; }
.wrong { stroke: #9a6700; fill: #9a6700; }
.question, .answer { stroke: #1b7c83; fill: #1b7c83; }
.said { stroke: #bf3989; fill: #bf3989; }
.arrow.icmp, .arrow.answer { stroke-dasharray: 5 3; }
text.words { fill: #bf3989; font-family: monospace; }
text.odd { fill: #9a6700; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .dim, .small, .time { fill: #9198a1; }
  .state { fill: #56d364; }
  .paper { fill: #0d1117; }
  .box { fill: #161b22; stroke: #3d444d; }
  .life { stroke: #545d68; }
  .open { stroke: #3fb950; }
  .syn, .syn-ack { stroke: #58a6ff; fill: #58a6ff; }
  .ack, .data, .datagram { stroke: #b1bac4; fill: #b1bac4; }
  .fin { stroke: #bc8cff; fill: #bc8cff; }
  .rst, .icmp { stroke: #ff7b72; fill: #ff7b72; }
  .wrong { stroke: #e3b341; fill: #e3b341; }
  .question, .answer { stroke: #39c5cf; fill: #39c5cf; }
  .said { stroke: #ff80c8; fill: #ff80c8; }
  text.words { fill: #ff80c8; }
  text.odd { fill: #e3b341; }
  text.aside { fill: #39c5cf; }
}
"""


class Canvas:
    """Collects elements; `y` is where the next thing goes."""

    def __init__(self) -> None:
        self.y: float = MARGIN
        self._lines: list[str] = []
        """Life lines, under all else."""
        self._bands: list[str] = []
        """What lies upon life lines."""
        self._over: list[str] = []

    def document(self, title: str, description: str) -> str:
        """All of it as one document that needs nothing else."""
        height = round(self.y + MARGIN)
        return "\n".join((
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
            ' role="img" aria-labelledby="title desc">',
            f'<title id="title">{xml(escape(title))}</title>',
            f'<desc id="desc">{xml(escape(description))}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
            *self._lines,
            *self._bands,
            *self._over,
            "</svg>\n",
        ))  # fmt: skip

    def text(self, x: float, y: float, words: str, style: str = "", anchor: str = "start") -> None:
        """One line of text; `anchor` says which end of it is at x."""
        self._over.append(
            f'<text class="{style}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{xml(escape(words))}</text>'
        )

    def lines(self, left: float, right: float, words: str, style: str = "", anchor: str = "start") -> None:
        """Wrapped text between two x, downwards from `y`; no more than four lines of it."""
        x = {"start": left, "middle": (left + right) / 2, "end": right}[anchor]
        columns = int((right - left) / (_SMALL_COLUMN if style == "small" else _COLUMN))
        for line in wrapped(words, columns, 4):
            self.text(x, self.y + 11, line, style, anchor)
            self.y += LINE

    def rule(self, x: float, top: float, bottom: float, style: str) -> None:
        """A vertical line, under everything else: a `life` line, or a band upon it."""
        line = f'<line class="{style}" x1="{x:g}" y1="{top:g}" x2="{x:g}" y2="{bottom:g}"/>'
        (self._lines if style == "life" else self._bands).append(line)

    def box(self, x: float, top: float, width: float, height: float) -> None:
        """A box, the middle of its upper edge at (x, top)."""
        self._over.append(
            f'<rect class="box" x="{x - width / 2:g}" y="{top:g}" width="{width:g}" height="{height:g}" rx="6"/>'
        )

    def arrow(self, start: float, end: float, top: float, style: str) -> None:
        """A slanted arrow from one x to another."""
        length = hypot(end - start, SLANT)
        along, down = (end - start) / length, SLANT / length
        x, y = end - 2 * along, top + SLANT - 2 * down
        back, half = _HEAD
        neck = x - back * along, y - back * down
        wings = " ".join(f"{neck[0] + s * half * down:.1f},{neck[1] - s * half * along:.1f}" for s in (1, -1))
        self._over.append(
            f'<line class="arrow {style}" x1="{start:g}" y1="{top:g}" x2="{neck[0]:.1f}" y2="{neck[1]:.1f}"/>'
            f'<polygon class="{style}" points="{x:.1f},{y:.1f} {wings}"/>'
        )
