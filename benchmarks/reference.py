"""What a Markdown document holds, read by markdown-it-py with nothing of herald's in between.

Every document is read twice, with its HTML as text and as HTML, and only what both readings show is asked for: a
converter may show `<b>x</b>` as it stands, make bold of it, or drop the tags. Not asked for are

* the names of HTML elements, but those of `Vec<String>` are: String is none;
* bold and code inside table cells, bold code, and code inside links, which Telegram cannot nest in what surrounds them;
* links that Telegram drops (no web address, or no dot in the host), links without text, and images as links;
* formulas and the `x` of a task, which some converters show as symbols;
* bold in a paragraph where stars are left over, since there it is anyone's guess what was meant;
* the lines of a fence that was never closed, where another opens behind it, and words that begin or end with a link;
* what no reader sees: link definitions, link titles, the line behind a fence.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from benchmarks.content import Content, link_to, span, words_in

if TYPE_CHECKING:
    from markdown_it.token import Token

# Colours, and the marks that Telegram deletes from every text.
_NEVER_SHOWN = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\u202a-\u202e\u0333\u033f\u030a\ufeff]")
_ELEMENTS = """
    a abbr address article aside audio b bdi bdo big blockquote body br button canvas caption center cite code col
    colgroup dd del details dfn div dl dt em figcaption figure font footer form g h1 h2 h3 h4 h5 h6 head header hr html
    i iframe img input ins kbd label li link main mark meta nav ol option p path picture pre q rect s samp script
    section select small source span strike strong style sub summary sup svg table tbody td textarea tfoot th thead
    title tr tt u ul var video wbr"""
_TAG = re.compile(rf"<!--.*?-->|</?(?:{'|'.join(_ELEMENTS.split())})(?:[\s/][^>]*)?>", re.DOTALL | re.IGNORECASE)
_OFTEN_A_SYMBOL = re.compile(
    r"\$\$.+?\$\$|\\\\?\(.+?\\\\?\)|\\\\?\[.+?\\\\?\]|\$[^\s$](?:[^$\n]*[^\s$])?\$|^\[[xX]\]\s", re.DOTALL
)


def content_of(markdown: str) -> Content:
    source = _NEVER_SHOWN.sub("", markdown)
    return _Reading(html=False).read(source) & _Reading(html=True).read(source)


def is_visible(markdown: str) -> bool:
    """Say whether both readings show something, so that at least one message has to come of it."""
    return all(any(_shows(token) for token in _parser(html).parse(markdown)) for html in (False, True))


def _shows(token: Token) -> bool:
    text = "".join(_text(child) for child in token.children or ()) if token.type == "inline" else token.content
    return token.type == "hr" or bool(_TAG.sub("", text).strip())


@functools.cache
def _parser(html: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": html}).enable(["table", "strikethrough"])
    parser.normalizeLink = parser.normalizeLinkText = str  # type: ignore[method-assign, assignment]
    return parser


def _text(token: Token) -> str:
    match token.type:
        case "text" | "code_inline":
            return token.content
        case "softbreak" | "hardbreak":
            return "\n"
        case "image":
            return " " + "".join(_text(child) for child in token.children or ()) + " "
        case "html_inline":
            return _TAG.sub(" ", token.content)
        case _:
            return ""


class _Reading:
    """One pass over a document's tokens, and what it found so far."""

    def __init__(self, html: bool) -> None:
        self._parser = _parser(html)
        self._content = Content()
        self._in_table = False

    def read(self, markdown: str) -> Content:
        for token in self._parser.parse(markdown):
            match token.type:
                case "table_open" | "table_close":
                    self._in_table = token.type == "table_open"
                case "fence":
                    self._fence(token)
                case "code_block":
                    self._content.words.update(words_in(token.content))
                case "html_block":
                    self._content.words.update(words_in(_TAG.sub(" ", token.content)))
                case "inline":
                    self._inline(token)
                case _:
                    pass
        return self._content

    def _fence(self, token: Token) -> None:
        opening = re.compile(rf"^ {{0,3}}{token.markup}+[^\S\n]*\w.*", re.MULTILINE)
        self._content.words.update(words_in(opening.sub("", token.content)))
        if not opening.search(token.content):
            self._content.add_code_block(token.content, token.info.strip())

    def _inline(self, block: Token) -> None:
        tokens = block.children or []
        words = Counter(words_in("".join(map(_text, tokens))))
        words &= Counter(words_in("".join(" " if token.type.startswith("link_") else _text(token) for token in tokens)))
        for symbol in _OFTEN_A_SYMBOL.findall(block.content):
            words.subtract(words_in(symbol))
        self._content.words += words
        if not self._in_table and "**" not in "".join(_text(token) for token in tokens if token.type == "text"):
            self._content.bold.update(words_in("".join(_bold(tokens))))
        self._links_and_code(tokens)

    def _links_and_code(self, tokens: list[Token]) -> None:
        target, linked = "", ""
        for token in tokens:
            if token.type == "link_open":
                target, linked = str(token.attrs["href"]), ""
            elif token.type == "link_close":
                link = link_to(target)
                if link and linked.strip(" "):
                    self._content.links[link] += 1
                target = ""
            elif token.type == "code_inline" and not target and not self._in_table and token.content.strip():
                self._content.code[span(token.content)] += 1
            linked += "(image)" if token.type == "image" else _text(token)


def _bold(tokens: list[Token]) -> list[str]:
    """Return the text with all that is not bold made blank."""
    depth = 0
    texts = []
    for token in tokens:
        depth += {"strong_open": 1, "strong_close": -1}.get(token.type, 0)
        texts.append(token.content if depth and token.type == "text" else " " * bool(_text(token)))
    return texts
