"""Whatever the text is, Telegram's own parser accepts every message, and no word is missing."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from herald.formatting import Piece, render
from tests.formatting.telegram_parser import links_found_in, parse_html

WORDS = st.integers(0, 10**6).map(lambda number: f"w{number}x")
MARKERS = st.sampled_from([*"*_`[]<>&\\#-+=: ", "**", "***", "__", "~~", "~~~", "``", "```", "](", "]:", ")", "- [ ] "])
LINES = st.sampled_from(["", "\n", "> ", "- ", "  - ", "    ", "1. ", "# ", "---\n", "```\n", "```py\n"]).map(
    "\n{}".format
)
# These may hide a word where CommonMark says so: in a title, in a surplus cell, in an image inside a link.
HIDERS = st.sampled_from(["|", "\n|", "|\n", "\n|-|-|\n", "![", "!", '"', "("])
DIRT = st.sampled_from(["&#10;", "&nbsp;", "<b>", "</a>", "\x1b[1m", "\x00", "\ud83d", "😀"])
LINKS = st.builds("[{}](https://example.com/{})".format, WORDS, WORDS) | st.builds("[{}]({}.md)".format, WORDS, WORDS)


def soup(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.one_of(*parts), max_size=60).map("".join)


def long(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Repeat a text until it needs several messages."""
    return st.builds(lambda text, times: text * times, part, st.integers(5, 60))


ANYTHING = (
    st.text(st.characters())
    | soup(WORDS, MARKERS, LINES, LINKS, HIDERS, DIRT)
    | long(soup(WORDS, MARKERS, LINES, LINKS, HIDERS, DIRT))
)


def check_limits(piece: Piece) -> None:
    assert piece.text.strip()
    assert piece.width_utf16 == len(piece.text.encode("utf-16-le")) // 2 <= 4096
    assert len(piece.html.encode()) <= 32_768
    parsed = parse_html(piece.html)
    assert parsed.text == piece.text
    assert len(parsed.entities) <= 98
    assert not re.search(r"<(\w+)[^<]*></\1>", piece.html)


@settings(max_examples=150)
@given(ANYTHING)
def test_telegram_accepts_every_message_and_reads_the_same_text(markdown: str) -> None:
    for piece in render(markdown):
        check_limits(piece)


@settings(max_examples=150)
@given(soup(WORDS, MARKERS, LINES, LINKS) | long(soup(WORDS, MARKERS, LINES, LINKS)))
def test_no_word_is_lost(markdown: str) -> None:
    shown = html.unescape("\n".join(piece.html for piece in render(markdown)))
    assert set(re.findall(r"w\d+x", markdown)) <= set(re.findall(r"w\d+x", shown))


@settings(max_examples=50)
@given(st.lists(st.lists(WORDS, min_size=2, max_size=2), min_size=1, max_size=80))
def test_no_cell_of_a_table_is_lost(rows: list[list[str]]) -> None:
    markdown = "\n".join(["|a|b|", "|-|-|", *(f"|{left}|**{right}**|" for left, right in rows)])
    shown = "\n".join(piece.text for piece in render(markdown)).split()
    assert [word for word in shown if word.startswith("w")] == [word for row in rows for word in row]


@settings(max_examples=100)
@given(st.lists(WORDS, min_size=1, max_size=2000))
def test_words_stay_whole_and_in_order(words: list[str]) -> None:
    assert "\n".join(piece.text for piece in render(" ".join(words))).split() == words


@pytest.mark.parametrize(
    "target",
    [
        "https://example.com", "HTTP://EXAMPLE.COM:8080/a?b#c", "https://user:pw@example.com/", "http://127.0.0.1:60000/x",
        "https://пример.рф/ü", "https://example.com/a|b'\\\"", "tg://resolve?domain=x", "https://example.com:64999",
    ],
)  # fmt: skip
def test_telegram_makes_a_link_of_every_target_that_we_link(target: str) -> None:
    (piece,) = render(f"[text](<{target}>)")
    assert [(entity.kind, entity.text) for entity in parse_html(piece.html).entities] == [("TextUrl", "text")]


@pytest.mark.parametrize(
    "target",
    [
        "http://localhost:80",
        "https://example.com:65536",
        "https://example.com:0",
        "ftp://example.com",
        "/a",
        "#b",
        "tg://",
    ],
)
def test_a_target_that_telegram_would_drop_is_written_out(target: str) -> None:
    assert parse_html(f'<a href="{target}">text</a>').entities == ()
    (piece,) = render(f"[text]({target})")
    assert piece.text == f"text ({target})"


@pytest.mark.parametrize(
    "word", ["main.py", "README.md", "obj.id", "asyncio.run()", "foo.bar()", "setup.sh:12", "./run.sh"]
)
def test_names_that_telegram_would_link_are_code(word: str) -> None:
    assert links_found_in(word)
    (piece,) = render(f"See {word}, please")
    assert [(entity.kind, entity.text) for entity in parse_html(piece.html).entities] == [("Code", word)]
