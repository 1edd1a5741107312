"""Every shape of Markdown has its look in Telegram: the pairs in fixtures/*.md, and the two that a file cannot hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from herald.formatting import escape, render

FIXTURES = sorted(Path(__file__).parent.glob("fixtures/*.md"))


def shapes() -> list[object]:
    """Read `title`, `.`, Markdown, `.`, one message, `.`, then an empty line before the next title."""
    found: list[object] = []
    for path in FIXTURES:
        for case in path.read_text(encoding="utf-8").removesuffix("\n.\n").split("\n.\n\n"):
            title, markdown, html = case.split("\n.\n")
            found.append(pytest.param(markdown, html, id=f"{path.stem}: {title}"))
    return found


@pytest.mark.parametrize(("markdown", "html"), shapes())
def test_markdown_looks_as_its_fixture_says(markdown: str, html: str) -> None:
    assert [piece.html for piece in render(markdown)] == [html]


def test_the_plain_text_says_the_same_without_styles() -> None:
    (piece,) = render("# A & B\n\n- **c** `<d>` 😀")
    assert piece.text == "A & B\n\n• c <d> 😀"
    assert piece.width_utf16 == len("A & B\n\n• c <d> ") + 2


@pytest.mark.parametrize(
    "markdown",
    [
        *("", " \n\t\n", "\x00\x1b[31m\x1b[0m\x1b(B", "```\n\n```", "#", "\u200b\ufeff", "&nbsp;", "\u2800"),
        *("&#13;", "\u00ad", "\u2060", "\u115f", "&shy;", "<br>"),
    ],
)
def test_what_shows_nothing_makes_no_message(markdown: str) -> None:
    assert render(markdown) == []


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m \x1b[2Kline", "red line"),
        ("\x1b]8;;https://example.com\x1b\\label\x1b]8;;\x07", "label"),
        ("\x1b]never ended", "]never ended"),
        ("a\x00b\x0cc\x9bd", "a b c d"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("a\ud83d\ude00b\udc00c", "a😀b\ufffdc"),
        ("a\u202eb", "ab"),
        ("ab&#13;cd", "ab\ncd"),
        ("<br>one<br>", "one"),
        ("a&#8238;b [c](d&#8238;e)", "ab c (de)"),
        ("|a|\n|-|\n|b&#10;c|", "a\n───\nb c"),
        ("\ufeff# title", "title"),
        ("a\tb `c\td`", "a b c d"),
        ("```go\nif x {\n\treturn\n}\n```", "if x {\n    return\n}"),
    ],
)
def test_what_telegram_cannot_carry_is_replaced(raw: str, shown: str) -> None:
    assert [piece.text.strip() for piece in render(raw)] == [shown]


def test_other_callers_can_escape_text() -> None:
    assert escape('<a href="x">&') == "&lt;a href=&quot;x&quot;&gt;&amp;"
