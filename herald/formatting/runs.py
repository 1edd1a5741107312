"""Styled text as flat runs: what lies between the Markdown tree and the messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


def escape(text: str) -> str:
    """Return `text` as HTML that Telegram shows unchanged, also inside an attribute in double quotes.

    These four are all it knows: https://core.telegram.org/bots/api#html-style
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@dataclass(frozen=True, slots=True)
class Mark:
    """One Telegram style as its tags. `unbroken` says that other styles inside do not split it into more entities."""

    opening: str
    closing: str
    unbroken: bool = False


BOLD = Mark("<b>", "</b>")
ITALIC = Mark("<i>", "</i>")
STRIKE = Mark("<s>", "</s>")
CODE = Mark("<code>", "</code>")
QUOTE = Mark("<blockquote>", "</blockquote>", unbroken=True)


def link(url: str) -> Mark:
    return Mark(f'<a href="{escape(url)}">', "</a>")


def preformatted(language: str = "") -> Mark:
    if not language:
        # With an inner <code> that names no language, Telegram makes two entities of it.
        return Mark("<pre>", "</pre>", unbroken=True)
    return Mark(f'<pre><code class="language-{escape(language)}">', "</code></pre>", unbroken=True)


Marks = tuple[Mark, ...]  # outermost first


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one style."""

    text: str
    marks: Marks = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Runs that belong in one message if they can: a paragraph, a list item, a code block, or a part of one.

    `gap` separates it from what stands before it, and is left out where a message begins.
    """

    runs: tuple[Run, ...]
    gap: Run = Run("\n\n")
    is_heading: bool = False


@dataclass(frozen=True, slots=True)
class Size:
    """What Telegram counts of a message: UTF-16 units of text, entities, and UTF-8 bytes of markup."""

    width_utf16: int = 0
    entities: int = 0
    markup_bytes: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(
            self.width_utf16 + other.width_utf16,
            self.entities + other.entities,
            self.markup_bytes + other.markup_bytes,
        )

    def fits(self, limit: Size) -> bool:
        return (
            self.width_utf16 <= limit.width_utf16
            and self.entities <= limit.entities
            and self.markup_bytes <= limit.markup_bytes
        )


def width_utf16(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def shared(left: Marks, right: Marks) -> Marks:
    """Return the marks that stay open from one run to the next."""
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return left[:count]


def size_of(runs: Iterable[Run], open_marks: Marks = ()) -> Size:
    """Return what `runs` add to a message in which `open_marks` are open; never less than Telegram will count.

    Telegram splits bold and the like at every style that begins or ends inside, hence an entity per mark and run.
    """
    width = entities = markup = 0
    for run in runs:
        width += width_utf16(run.text)
        markup += len(escape(run.text).encode())
        if run.marks != open_marks:
            kept = shared(open_marks, run.marks)
            entities += len(run.marks) - sum(mark.unbroken for mark in kept)
            markup += sum(len((mark.opening + mark.closing).encode()) for mark in run.marks[len(kept) :])
            open_marks = run.marks
    return Size(width, entities, markup)


def to_html(runs: Iterable[Run]) -> str:
    """Return the runs in Telegram's HTML, every tag closed."""
    parts: list[str] = []
    open_marks: Marks = ()
    for run in (*runs, Run("")):
        kept = len(shared(open_marks, run.marks))
        parts.extend(mark.closing for mark in reversed(open_marks[kept:]))
        parts.extend(mark.opening for mark in run.marks[kept:])
        parts.append(escape(run.text))
        open_marks = run.marks
    return "".join(parts)
