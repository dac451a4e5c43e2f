"""Message sequences as SVG, drawn from top to bottom: lifelines, arrows, notes, bands.

Drawn with classes only: ``sequence.css`` beside this file gives them the colours of the page, by the custom
properties of ``page.css``, so that a drawing follows a light or dark scheme. All words are escaped here.
"""

import contextlib
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

LINE: Final = 15
"""Height of a line of text. Units are pixels at full size."""
CHARACTER: Final = 6.3
"""Width of a character of the labels, generously."""
BOLD: Final = 7.1
"""The same of bold ones."""
HEAD: Final = 46
"""Height of the names of the parties."""
_LOOP: Final = 36


class Drawing:
    """Collects the parts; `at` is where the next one goes. `places`: the lifeline of each party."""

    def __init__(self, places: Mapping[str, float], width: float) -> None:
        self.places = places
        self.width = width
        self.at = HEAD + 12
        self._parts: list[str] = []

    def head(self, party: str, words: str, *, below: str = "", look: str = "") -> None:
        """The name of a party, and what it is."""
        x = self.places[party]
        self._parts.append(f'<text class="who{look and " " + look}" x="{x:g}" y="18">{escape(words)}</text>')
        if below:
            self._parts.append(f'<text class="role" x="{x:g}" y="34">{escape(below)}</text>')

    def text(self, lines: Sequence[str], x: float, look: str) -> None:
        """Lines of text around (or, by their look, from or to) `x`."""
        for line in lines:
            self.at += LINE
            self.word(line, x, self.at - 3, look)

    def word(self, words: str, x: float, y: float, look: str) -> None:
        """Words anywhere; nothing moves on."""
        self._parts.append(f'<text class="{look}" x="{x:g}" y="{y:g}">{escape(words)}</text>')

    @contextlib.contextmanager
    def group(self, look: str, *, band: bool = False) -> Iterator[None]:
        """What is drawn inside belongs together, over a band of the whole width if wanted."""
        begin, top = len(self._parts), self.at
        yield
        shade = f'<rect x="2" y="{top}" width="{self.width - 4:g}" height="{self.at - top}" rx="5"/>'
        self._parts.insert(begin, f'<g class="{look}">{shade if band else ""}')
        self._parts.append("</g>")

    def arrow(
        self, source: str, target: str, above: Sequence[str], below: Sequence[str] = (), *, look: str = ""
    ) -> None:
        """From one lifeline to another, or to itself, with words above and below the line."""
        start, end = self.places[source], self.places[target]
        with self.group(f"arrow{look and ' ' + look}"):
            if start == end:
                self._loop(start, above, below)
            else:
                way = 1 if end > start else -1
                self.text(above, (start + end) / 2, "term")
                y = self.at + 4
                self._line(f"M{start:g} {y}H{end - way * 7:g}", end, y, way)
                self.at = y + 4
                self.text(below, (start + end) / 2, "origin")
        self.at += 5

    def _loop(self, x: float, above: Sequence[str], below: Sequence[str]) -> None:
        """With its words on the wider side."""
        inward = 1 if x < self.width / 2 else -1
        bend, top = x + inward * _LOOP, self.at + 6
        side = "start" if inward > 0 else "end"
        self._line(f"M{x:g} {top}H{bend:g}V{top + LINE}H{x + inward * 7:g}", x, top + LINE, -inward)
        self.text(above, bend + inward * 8, f"term {side}")
        self.text(below, bend + inward * 8, f"origin {side}")
        self.at = max(self.at, top + LINE + 6)

    def _line(self, path: str, x: float, y: float, way: int) -> None:
        self._parts.append(f'<path class="line" d="{path}"/>')
        self._parts.append(f'<path class="tip" d="M{x:g} {y:g}l{-9 * way} -5v10z"/>')

    def note(self, x: float, does: Sequence[str], facts: Sequence[str], *, most: float, look: str) -> None:
        """A box around `x`, no wider than `most`, with bold lines and plain ones."""
        longest = max(*(len(line) * BOLD for line in does), *(len(line) * CHARACTER for line in facts), 52)
        width = min(longest + 18, most)
        height = LINE * (len(does) + len(facts)) + 8
        left = min(max(x - width / 2, 2), self.width - width - 2)
        top = self.at
        with self.group(look):
            self._parts.append(f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height}" rx="5"/>')
            self.at += 3
            self.text(does, left + width / 2, "does")
            self.text(facts, left + width / 2, "fact")
        self.at = top + height + 4

    def band(self, words: str, look: str) -> None:
        """Words over the whole width."""
        with self.group(look, band=True):
            self.at += 5
            self.text(wrapped(words, self.width - 20), self.width / 2, "does")
            self.at += 5
        self.at += 5

    def svg(self, title: str, *, style: str = "") -> str:
        """All of it as one element; `title` is its name for those who do not see it."""
        box = f'viewBox="0 0 {self.width:g} {self.at}" width="{self.width:g}" height="{self.at}"'
        lives = [f'<path class="life" d="M{x:g} {HEAD - 18}V{self.at - 4}"/>' for x in self.places.values()]
        name = f'role="img" aria-label="{escape(title)}"'
        extra = f' style="{style}"' if style else ""
        return "".join([f'<svg class="sequence" {box}{extra} {name}>', *lives, *self._parts, "</svg>"])


def wrapped(words: str, room: float) -> list[str]:
    """`words` in lines that fit into `room` pixels, at most four."""
    most = max(int(room / CHARACTER), 8)
    lines = textwrap.wrap(words, most, break_long_words=True, break_on_hyphens=False) or [""]
    return lines if len(lines) <= 4 else [*lines[:3], lines[3][: most - 3] + "..."]


def fitted(words: str, room: float) -> str:
    """`words` on one line, cut to `room` pixels."""
    most = int(room / CHARACTER)
    return words if len(words) <= most else words[: max(most - 3, 1)] + "..."
