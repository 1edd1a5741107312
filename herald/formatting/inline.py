"""The text inside a block: inline tokens become styled runs, and what Telegram cannot link is written out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from herald.formatting.clean import clean
from herald.formatting.names import names_in
from herald.formatting.runs import BOLD, CODE, ITALIC, STRIKE, Mark, Marks, Run, link

if TYPE_CHECKING:
    from markdown_it.token import Token

# Telegram drops a link to a host without a dot or with a port out of range, and keeps its text.
_LINKABLE = re.compile(
    r"https?://(?:[^\s/?#@]*@)?"
    r"[\w-]+(?:\.[\w-]+)*\.[^\W_]+"
    r"(?::(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}))?"
    r"(?:[/?#]\S*)?",
    re.IGNORECASE,
)
_LINKABLE_INSIDE_TELEGRAM = re.compile(r"tg://[a-z][a-z0-9_-]*(?:[/?#][^\s:]*)?", re.IGNORECASE)
# Longer targets could fill a message with markup alone.
_TARGET_BYTES = 2048
# A definition of this length that is referred to again and again would be most of the answer.
_LONG_TARGET_CHARS = 200

_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_STYLES = {"strong_open": BOLD, "em_open": ITALIC, "s_open": STRIKE}
_CODE: Marks = (CODE,)


def inline_runs(
    tokens: Sequence[Token], marks: Marks = (), *, links: bool = True, written: set[str] | None = None
) -> list[Run]:
    """Return the runs of a block's inline tokens, each inside `marks`; breaks are `\n`.

    Without `links` every target is written out behind its text, as in code. Long targets that are in `written` are not
    written out again, and others are put there.
    """
    return _Inline(marks, links, written).read(tokens)


def prose_runs(text: str, marks: Marks = ()) -> list[Run]:
    """Return the runs of text that is no Markdown."""
    return _Inline(marks, links=False).prose(text)


def is_linkable(target: str) -> bool:
    """Say whether Telegram makes a link of this target."""
    if len(target) > _TARGET_BYTES or len(target.encode()) > _TARGET_BYTES:
        return False
    return bool(_LINKABLE.fullmatch(target) or _LINKABLE_INSIDE_TELEGRAM.fullmatch(target))


class _Inline:
    """The styles and the link that are open while the tokens of one block are read."""

    def __init__(self, marks: Marks, links: bool, written: set[str] | None = None) -> None:
        self._base = marks
        self._links = links
        self._written = set() if written is None else written
        self._styles: list[Mark] = []
        self._link: Mark | None = None
        self._target = ""
        self._links_open = 0
        self._link_begins = 0
        self._marks = marks
        self._runs: list[Run] = []
        self._pending: list[str] = []  # text that escapes and character references have cut up

    def read(self, tokens: Sequence[Token]) -> list[Run]:
        for token in tokens:
            kind = token.type
            if kind in ("text", "text_special"):
                text = token.content
                if kind == "text" and "<" in text:
                    text = _LINE_BREAK.sub("\n", text)
                self._pending.append(text)
                continue
            if self._pending:
                self._put_pending()
            match kind:
                case "code_inline" | "math_inline":
                    self._put(token.content.replace("\t", " "), self._code_marks())
                case "softbreak" | "hardbreak":
                    # CommonMark folds a single line end into a space, but models mean their line ends.
                    self._put("\n", self._marks)
                case "strong_open" | "em_open" | "s_open":
                    self._styles.append(_STYLES[kind])
                    self._set_marks()
                case "strong_close" | "em_close" | "s_close":
                    del self._styles[-1:]
                    self._set_marks()
                case "link_open":
                    self._open_link(str(token.attrs["href"]))
                case "link_close":
                    self._close_link()
                case "bare_url":
                    self._put(token.content, self._marks)
                case "image":
                    self._image(token)
                case "footnote_ref":
                    self._put(f"[{token.meta['label']}]", self._marks)
                case _:
                    raise AssertionError(f"the parser makes no {kind}")
        self._put_pending()
        return self._runs

    def prose(self, text: str) -> list[Run]:
        self._prose(text)
        return self._runs

    def _put(self, text: str, marks: Marks) -> None:
        if text:
            self._runs.append(Run(text, marks))

    def _set_marks(self) -> None:
        if self._link is None and not self._styles:
            self._marks = self._base
            return
        linked = () if self._link is None else (self._link,)
        self._marks = tuple(dict.fromkeys((*self._base, *self._styles, *linked)))

    def _code_marks(self) -> Marks:
        # Telegram lets no other style into code, and in a link the link wins.
        return _CODE if self._link is None else self._marks

    def _put_pending(self) -> None:
        text = clean("".join(self._pending)).replace("\t", " ")  # it may have come as a character reference
        self._pending.clear()
        self._prose(text)

    def _prose(self, text: str) -> None:
        """Put text; names that Telegram would link are code."""
        start = 0
        if self._link is None:
            behind_code = bool(self._runs) and self._runs[-1].marks is _CODE
            for begin, end in names_in(text):
                if begin or not behind_code:
                    self._put(text[start:begin], self._marks)
                    self._put(text[begin:end], _CODE)
                    start = end
        self._put(text[start:], self._marks)

    def _open_link(self, target: str) -> None:
        self._links_open += 1
        if self._links_open > 1:
            return  # an address in the text of a link
        self._target = clean(target).strip()
        self._link_begins = len(self._runs)
        address = self._target.replace(" ", "%20")
        if self._links and is_linkable(address):
            self._link = link(address)
            self._set_marks()

    def _close_link(self) -> None:
        self._links_open -= 1
        if self._links_open:
            return
        target, was_link = self._target, self._link is not None
        text = "".join(run.text for run in self._runs[self._link_begins :])
        self._link, self._target = None, ""
        self._set_marks()
        if was_link and not text:
            self._put(target, self._marks)
        elif not was_link and target not in self._written and target not in ("", text, f"mailto:{text}"):
            self._write_out(target, bool(text))

    def _write_out(self, target: str, behind_text: bool) -> None:
        """Show a target: as it is where Telegram will link it by itself, else as code so that it does not."""
        if len(target) > _LONG_TARGET_CHARS:
            self._written.add(target)
        marks = self._marks if is_linkable(target) else _CODE
        if behind_text:
            self._put(" (", self._marks)
        self._put(target, marks)
        if behind_text:
            self._put(")", self._marks)

    def _image(self, token: Token) -> None:
        """Show an image as a link with its description; inside a link it is only the description."""
        if self._links_open:
            if not self._describe(token):
                self._put(clean(str(token.attrs["src"])), self._marks)
            return
        self._open_link(str(token.attrs["src"]))
        self._describe(token)
        self._close_link()

    def _describe(self, token: Token) -> bool:
        """Put an image's description; say whether there is one."""
        text = "".join(" " if child.type.endswith("break") else child.content for child in token.children or ())
        text = clean(text).strip()
        self._prose(text)
        return bool(text)
