"""Styled text: what lies between the Markdown tree and the messages, and its size as Telegram counts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


def escape(text: str) -> str:
    """Return `text` as HTML that Telegram shows unchanged, also inside an attribute in double quotes.

    These four are all it knows: https://core.telegram.org/bots/api#html-style
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """One Telegram style as its tags. Two marks that look alike are still two: two quotes in a row stay two."""

    opening: str
    closing: str


BOLD = Mark("<b>", "</b>")
ITALIC = Mark("<i>", "</i>")
STRIKE = Mark("<s>", "</s>")
CODE = Mark("<code>", "</code>")

Marks = tuple[Mark, ...]  # outermost first


def quote(*, expandable: bool = False) -> Mark:
    return Mark("<blockquote expandable>" if expandable else "<blockquote>", "</blockquote>")


def link(url: str) -> Mark:
    return Mark(f'<a href="{escape(url)}">', "</a>")


def preformatted(language: str = "") -> Mark:
    if not language:
        # With an inner <code> that names no language, Telegram makes two entities of it.
        return Mark("<pre>", "</pre>")
    return Mark(f'<pre><code class="language-{escape(language)}">', "</code></pre>")


class Run(NamedTuple):
    """Text in one style. A tuple, since an answer is thousands of them."""

    text: str
    marks: Marks = ()


class Size(NamedTuple):
    """What Telegram counts of a message: UTF-16 units of text, entities, and UTF-8 bytes of markup."""

    width_utf16: int = 0
    entities: int = 0
    markup_bytes: int = 0

    def plus(self, other: Size) -> Size:
        return Size(self[0] + other[0], self[1] + other[1], self[2] + other[2])

    def fits(self, limit: Size) -> bool:
        return self[0] <= limit[0] and self[1] <= limit[1] and self[2] <= limit[2]


class Block:
    """Runs that belong in one message if they can: a paragraph, a list item, a code block, or a part of one.

    `frame` is what stays open from one block to the next: a quote, and in it perhaps a code block. `gap` separates the
    block from the one before. `rank` says how good a place to begin a message it is: the lower, the better. A block
    that `leads`, such as a heading, belongs to what follows it. `rest` indents the lines after the first; a part that
    `continues` a line needs it where it begins a message.
    """

    __slots__ = ("continues", "frame", "gap", "html", "leads", "rank", "rest", "runs", "size", "text")

    def __init__(
        self,
        runs: Sequence[Run],
        frame: Marks = (),
        gap: str = "\n\n",
        rank: int = 0,
        *,
        leads: bool = False,
        rest: str = "",
        continues: bool = False,
    ) -> None:
        self.runs = runs
        self.frame = frame
        self.gap = gap
        self.rank = rank
        self.leads = leads
        self.rest = rest
        self.continues = continues
        self.text = "".join([run.text for run in runs])
        self.html, entities = to_html(runs)
        self.size = Size(width_utf16(self.text), entities, width_utf8(self.html))


def width_utf16(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def width_utf8(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def shared(left: Marks, right: Marks) -> int:
    """Count the marks that stay open from one to the next."""
    count = 0
    for one, other in zip(left, right, strict=False):
        if one is not other:
            break
        count += 1
    return count


def to_html(runs: Sequence[Run]) -> tuple[str, int]:
    """Return the runs in Telegram's HTML, every tag closed, and at least as many entities as Telegram will count.

    It splits bold and the like wherever a style begins or ends inside, hence one for every mark of every run.
    """
    if len(runs) == 1 and not runs[0].marks:
        return escape(runs[0].text), 0
    parts: list[str] = []
    entities = 0
    last: Marks = ()
    for text, marks in runs:
        if marks is not last:
            kept = shared(last, marks) if last and marks else 0
            for mark in last[kept:][::-1]:
                parts.append(mark.closing)
            for mark in marks[kept:]:
                parts.append(mark.opening)
            entities += len(marks)
            last = marks
        parts.append(escape(text))
    for mark in last[::-1]:
        parts.append(mark.closing)
    return "".join(parts), entities
