"""The text inside a block: inline tokens become styled runs, and what Telegram cannot link is written out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from herald.formatting.clean import clean
from herald.formatting.runs import BOLD, CODE, ITALIC, STRIKE, Mark, Marks, Run, link

if TYPE_CHECKING:
    from markdown_it.token import Token

# Telegram drops a link to a host without a dot or with a port out of range, and keeps its text.
_LINKABLE = re.compile(
    r"https?://(?:[^\s/?#@]*@)?"
    r"[^\s/?#@:\[\]]+\.[^\s/?#@:\[\].]+"
    r"(?::(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}))?"
    r"(?:[/?#]\S*)?",
    re.IGNORECASE,
)
_LINKABLE_INSIDE_TELEGRAM = re.compile(r"tg://[a-z][^\s:]*", re.IGNORECASE)
# Longer targets could fill a message with markup alone.
_TARGET_BYTES = 2048

# Telegram makes links of these, because the ending is also a top-level domain: files, attributes, and calls.
# Endings that are mostly web sites (io, dev, ai, app, me, ...) are left to it.
_CODE_LIKE = re.compile(
    r"(?<![\w./\\@:=?&#%~+-])"
    r"(?:~?/|(?:\.\.?/)+)?"
    r"\w[\w./\\-]*\.(?:"
    r"\w+\(\)|(?:cc|java|md|ml|mov|pl|pm|py|rs|sh|so|zip|call|id|in|info|is|it|name|run|st|tf|to)(?::\d+)*"
    r")"
    r"(?![\w/\\@-]|\.\w)"
)

_STYLES = {"strong_open": BOLD, "em_open": ITALIC, "s_open": STRIKE}


def inline_runs(tokens: Sequence[Token], marks: Marks = (), *, links: bool = True) -> list[Run]:
    """Return the runs of a block's inline tokens, each inside `marks`; breaks are `\\n`.

    Without `links` every target is written out behind its text, as in the cells of a table.
    """
    return list(_Inline(marks, links).runs(tokens))


class _Inline:
    """The styles and the link that are open while the tokens of one block are read."""

    def __init__(self, marks: Marks, links: bool) -> None:
        self._base = marks
        self._links = links
        self._styles: list[Mark] = []
        self._link: Mark | None = None
        self._target = ""
        self._linked_text: list[str] = []

    def runs(self, tokens: Sequence[Token]) -> Iterator[Run]:
        for token in tokens:
            for run in self._of(token):
                if run.text:
                    self._linked_text.append(run.text)
                    yield run

    def _of(self, token: Token) -> Iterator[Run]:
        match token.type:
            case "text":
                yield from self._text(clean(token.content).replace("\t", " "))
            case "softbreak" | "hardbreak":
                # CommonMark folds a single line end into a space, but models mean their line ends.
                yield Run("\n", self._marks())
            case "code_inline":
                yield Run(token.content.replace("\t", " "), self._code_marks())
            case "link_open":
                self._open_link(str(token.attrs["href"]))
            case "link_close":
                yield from self._close_link()
            case "image":
                yield from self._image(token)
            case style if style in _STYLES:
                self._styles.append(_STYLES[style])
            case _:
                del self._styles[-1:]  # a style ends

    def _marks(self) -> Marks:
        linked = () if self._link is None else (self._link,)
        return tuple(dict.fromkeys((*self._base, *self._styles, *linked)))

    def _code_marks(self) -> Marks:
        # Telegram lets no other style into code but a quote around it, and in a link the link wins.
        if self._link is not None:
            return self._marks()
        return (*(mark for mark in self._base if mark.unbroken), CODE)

    def _text(self, text: str) -> Iterator[Run]:
        marks = self._marks()
        if self._link is not None:
            yield Run(text, marks)
            return
        start = 0
        for found in _CODE_LIKE.finditer(text):
            yield Run(text[start : found.start()], marks)
            yield Run(found.group(), self._code_marks())
            start = found.end()
        yield Run(text[start:], marks)

    def _open_link(self, target: str) -> None:
        self._target = clean(target)
        self._linked_text = []
        if self._links and _is_linkable(self._target):
            self._link = link(self._target)

    def _close_link(self) -> Iterator[Run]:
        was_link, text, target = self._link is not None, "".join(self._linked_text), self._target
        self._link, self._target = None, ""
        if was_link and text:
            return
        if was_link:
            yield Run(target, self._marks())
        elif target not in ("", text, f"mailto:{text}"):
            yield from self._written_out(target, bool(text))

    def _written_out(self, target: str, behind_text: bool) -> Iterator[Run]:
        """Show a target: as it is where Telegram will link it by itself, else as code so that it does not."""
        marks = self._marks() if _is_linkable(target) else self._code_marks()
        if behind_text:
            yield Run(" (", self._marks())
            yield Run(target, marks)
            yield Run(")", self._marks())
        else:
            yield Run(target, marks)

    def _image(self, token: Token) -> Iterator[Run]:
        """Show an image as a link with its description; inside a link it is only the description."""
        if self._link is not None or self._target:
            yield from self._of_description(token)
            return
        self._open_link(str(token.attrs["src"]))
        yield from self._of_description(token)
        yield from self._close_link()

    def _of_description(self, token: Token) -> Iterator[Run]:
        text = "".join(" " if child.type.endswith("break") else child.content for child in token.children or ())
        yield Run(clean(text).strip(), self._marks())


def _is_linkable(target: str) -> bool:
    if len(target.encode()) > _TARGET_BYTES:
        return False
    return bool(_LINKABLE.fullmatch(target) or _LINKABLE_INSIDE_TELEGRAM.fullmatch(target))
