"""What a document or a chat holds for its reader: words, links and styled text, counted so that two can be compared."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from urllib.parse import unquote

from herald.formatting import escape
from herald.rehearsal import tdlib

_WORD = re.compile(r"[^\W_]+")  # `__init__` is the same word in bold and as it is
_WEB_ADDRESS = re.compile(r"https?://[^/?#]*\w\.\w", re.IGNORECASE)
_LANGUAGE = re.compile(r"[\w+#.-]*")


@dataclass(slots=True)
class Content:
    """`code` are inline spans; `code_lines` are lines of blocks, each behind its language and a colon."""

    words: Counter[str] = field(default_factory=Counter)
    links: Counter[str] = field(default_factory=Counter)
    bold: Counter[str] = field(default_factory=Counter)
    code: Counter[str] = field(default_factory=Counter)
    code_lines: Counter[str] = field(default_factory=Counter)

    def __and__(self, other: Content) -> Content:
        return self._combined(other, lambda one, another: one & another)

    def __sub__(self, other: Content) -> Content:
        return self._combined(other, lambda one, another: one - another)

    def __add__(self, other: Content) -> Content:
        return self._combined(other, lambda one, another: one + another)

    def _combined(self, other: Content, combine: Callable[[Counter[str], Counter[str]], Counter[str]]) -> Content:
        return Content(*(combine(getattr(self, name), getattr(other, name)) for name in NAMES))

    def add_code_block(self, text: str, language: str) -> None:
        """Add lines that are not blank; of white space only that it is there, since a tab cannot stay one."""
        name = _LANGUAGE.match(language)
        for line in text.split("\n"):
            if line.strip():
                indent = "  " if line[0].isspace() else ""
                self.code_lines[f"{name[0].lower() if name else ''}: {indent}{' '.join(line.split())}"] += 1


NAMES = tuple(each.name for each in fields(Content))


def words_in(text: str) -> Iterable[str]:
    return _WORD.findall(text.casefold())


def span(text: str) -> str:
    """Return inline code in the form that is compared."""
    return " ".join(text.split())


@functools.cache
def link_to(target: str) -> str | None:
    """Return a web address in the form that is compared, None if Telegram would not make a link to it."""
    if not _WEB_ADDRESS.match(target):
        return None
    entities = tdlib.parse_html(f'<a href="{escape(target)}">x</a>').entities
    url = str(entities[0].get("url", "")) if entities else ""
    return unquote(url).rstrip("/") if url else None
