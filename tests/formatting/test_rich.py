"""What plain messages cannot show well becomes the blocks of one rich message, and everything else stays HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import herald.telegram  # noqa: F401 - before aiogram
from herald.formatting import render
from herald.formatting.rich import rich
from herald.rehearsal.rich import plain_text
from tests.formatting.test_properties import DIRT, HIDERS, LINES, LINKS, MARKERS, WORDS, long, soup

TABLE = "|a|\n|-|\n"  # what makes a message worth being rich
MORE = st.sampled_from(
    ["\n- [ ] ", "\n1. [x] ", "\n\n|a|b|\n|-|:-:|\n|", " $x_1$ ", "\n\n$$\nx\n$$\n\n", "\n> [!TIP]\n> "]
)
ANYTHING = soup(WORDS, MARKERS, LINES, LINKS, HIDERS, DIRT, MORE)


def cell(text: Any = None, align: str = "left", **fields: object) -> dict[str, Any]:
    return {"align": align, "valign": "middle", **fields, **({} if text is None else {"text": text})}


def paragraph(text: Any) -> dict[str, Any]:
    return {"type": "paragraph", "text": text}


def styled(kind: str, text: Any, **fields: str) -> dict[str, Any]:
    return {"type": kind, **fields, "text": text}


def link(text: Any, url: str = "https://example.com") -> dict[str, Any]:
    return styled("url", text, url=url)


def formula(expression: str) -> dict[str, Any]:
    return {"type": "mathematical_expression", "expression": expression}


def listed(*items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "list", "items": list(items)}


def item(*blocks: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {"blocks": list(blocks), **fields}


def quote(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "blockquote", "blocks": list(blocks)}


def details(summary: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "details", "summary": summary, "blocks": list(blocks)}


A = {"type": "table", "cells": [[cell("a", is_header=True)]], "is_bordered": True}
TASK = {"has_checkbox": True}
DONE = {"has_checkbox": True, "is_checked": True}
FIRST, SECOND = ({"value": number, "type": "1"} for number in (1, 2))


def blocks_behind_a_table(markdown: str) -> list[dict[str, Any]]:
    blocks = rich(f"{TABLE}\n{markdown}")
    assert blocks is not None
    assert blocks[0] == A
    return blocks[1:]


@pytest.mark.parametrize(
    ("markdown", "blocks"),
    [
        ("# one", [{"type": "heading", "size": 1, "text": "one"}]),
        ("###### six", [{"type": "heading", "size": 6, "text": "six"}]),
        ("one  \ntwo\nthree", [paragraph("one\ntwo\nthree")]),
        ("one<br>two", [paragraph("one\ntwo")]),
        ("$5 and $10, <name> & a\tb", [paragraph("$5 and $10, <name> & a b")]),
        ("**b** *i*", [paragraph([styled("bold", "b"), " ", styled("italic", "i")])]),
        ("~~s~~ `c`", [paragraph([styled("strikethrough", "s"), " ", styled("code", "c")])]),
        ("**b *i***", [paragraph(styled("bold", ["b ", styled("italic", "i")]))]),
        ("*a *b* c*", [paragraph(styled("italic", "a b c"))]),
        ("[x **y**](https://example.com)", [paragraph(link(["x ", styled("bold", "y")]))]),
        ("[](https://example.com)", [paragraph(link("https://example.com"))]),
        ("see https://example.com.", [paragraph(["see ", link("https://example.com"), "."])]),
        ("http://localhost", [paragraph("http://localhost")]),
        ("<me@example.com>", [paragraph("me@example.com")]),
        ("[x](README.md)", [paragraph(["x (", styled("code", "README.md"), ")"])]),
        ("[](README.md)", [paragraph(styled("code", "README.md"))]),
        ("![a *b*\nc](https://example.com)", [paragraph(link("a b c"))]),
        ("![](https://example.com)", [paragraph(link("https://example.com"))]),
        ("[![a](b.png)](https://example.com)", [paragraph(link("a"))]),
        ("[![a](https://example.com)](b.md)", [paragraph(["a (", styled("code", "b.md"), ")"])]),
        ("```py\nif x:\n\ty\n```", [{"type": "pre", "text": "if x:\n    y", "language": "py"}]),
        ("    code", [{"type": "pre", "text": "code"}]),
        ("```py a.py\nx\n```", [paragraph(styled("italic", "a.py")), {"type": "pre", "text": "x", "language": "py"}]),
        ("```word\n```", [paragraph(styled("italic", "word"))]),
        ("> a\n>\n> > b", [quote(paragraph("a"), quote(paragraph("b")))]),
        ("> [!NOTE]\n> a", [quote(paragraph(styled("bold", "Note")), paragraph("a"))]),
        ("- a\n  - b\n- c", [listed(item(paragraph("a"), listed(item(paragraph("b")))), item(paragraph("c")))]),
        ("1. a\n2. b", [listed(item(paragraph("a"), **FIRST), item(paragraph("b"), **SECOND))]),
        ("- # a\n\n      b", [listed(item({"type": "heading", "size": 1, "text": "a"}, {"type": "pre", "text": "b"}))]),
        ("---", [{"type": "divider"}]),
        ("[x]: /y 'z'", [paragraph('[x]: /y "z"')]),
        ("[x]\n\n[x]: https://example.com", [paragraph(link("x"))]),
        ("a[^1]\n\n[^1]: b\n\n[1]: /c", [paragraph("a[1]"), paragraph("[1] b"), paragraph("[1]: /c")]),
        ("[^1]:\n    ```\n    b\n    ```", [paragraph("[1]"), {"type": "pre", "text": "b"}]),
        ("a[^1]\n\n[^1]:\n", [paragraph("a[1]"), paragraph("[1]")]),
        ("<details><summary>a</summary>\n\nb\n\n</details>", [details("a", paragraph("b"))]),
        ("<details>\n\nb\n\n</details>", [details("Details", paragraph("b"))]),
        ("<details><summary>a</summary>\n</details>", [paragraph("a")]),
        ("#\n\n> \n\n- \n\n```\n```\n\n&nbsp;", []),
    ],
)  # fmt: skip
def test_markdown_becomes_blocks(markdown: str, blocks: list[dict[str, Any]]) -> None:
    assert blocks_behind_a_table(markdown) == blocks


@pytest.mark.parametrize(
    ("markdown", "blocks"),
    [
        ("- [ ] a\n- b", [listed(item(paragraph("a"), **TASK), item(paragraph("b")))]),
        ("- [x] a", [listed(item(paragraph("a"), **DONE))]),
        ("1. [X] **a**", [listed(item(paragraph(styled("bold", "a")), **FIRST, **DONE))]),
        ("cost $a_b$ `$c$`", [paragraph(["cost ", formula("a_b"), " ", styled("code", "$c$")])]),
        ("$$\nx^2\n$$", [formula("x^2")]),
        (
            "|a|b|c|\n|:-|:-:|-:|\n|**d**||[f](https://example.com)|",
            [
                {
                    "type": "table",
                    "cells": [
                        [
                            cell("a", is_header=True),
                            cell("b", "center", is_header=True),
                            cell("c", "right", is_header=True),
                        ],
                        [cell(styled("bold", "d")), cell(None, "center"), cell(link("f"), "right")],
                    ],
                    "is_bordered": True,
                }
            ],
        ),
        ("> |a|\n> |-|", [quote(A)]),
    ],
)  # fmt: skip
def test_tables_formulas_and_tasks_make_a_message_rich(markdown: str, blocks: list[dict[str, Any]]) -> None:
    assert rich(markdown) == blocks


@pytest.mark.parametrize(
    "markdown",
    [
        "", "# a\n\n- **b** `c`\n\n> d\n\n```\n[ ] e\n```", "costs $5 or $10", "[ ] no item", "- [ ]", "- [ ] &nbsp;",
        "| |\n|-|\n| |", "$$\n\u2800\n$$", "\\(\u2800\\)",
    ],
)  # fmt: skip
def test_a_message_that_gains_nothing_stays_html(markdown: str) -> None:
    assert rich(markdown) is None


@pytest.mark.parametrize(
    ("largest", "too_large"),
    [
        (TABLE + "\n" + "a" * 32_767, TABLE + "\n" + "a" * 32_768),
        (TABLE + "\n" + "ä" * 16_383, TABLE + "\n" + "ä" * 16_384),
        ("a\n\n" * 498 + TABLE, "a\n\n" * 499 + TABLE),
        ("- [ ] a\n" * 249, "- [ ] a\n" * 250),
        (TABLE + "|b|\n" * 498, TABLE + "|b|\n" * 499),
        ("|a" * 20 + "|\n" + "|-" * 20 + "|\n", "|a" * 21 + "|\n" + "|-" * 21 + "|\n"),
        ("> " * 15 + "a\n\n" + TABLE, "> " * 16 + "a\n\n" + TABLE),
        (TABLE + "\n[a](https://example.com?b=c)", TABLE + "\n[a](https://example.com?b=c&d=e)"),
        (TABLE + "\nhttps://example.com?b=c", TABLE + "\nhttps://example.com?b=c&d=e"),
    ],
    ids=["characters", "bytes", "blocks", "items", "rows", "columns", "depth", "linked", "address"],
)
def test_a_message_that_telegram_would_refuse_or_change_stays_html(largest: str, too_large: str) -> None:
    assert rich(largest) is not None
    assert rich(too_large) is None


@settings(max_examples=150)
@given(ANYTHING | long(ANYTHING) | st.text(st.characters()))
def test_whatever_the_text_is_aiogram_knows_every_block(markdown: str) -> None:
    from aiogram.types import InputRichMessage

    for block in rich(markdown) or ():
        for shallow in with_texts_apart(block):
            InputRichMessage.model_validate({"blocks": [shallow]})


@settings(max_examples=150)
@given(soup(WORDS, MARKERS, LINES, LINKS, MORE))
def test_every_word_that_html_shows_is_shown(markdown: str) -> None:
    blocks = rich(f"{TABLE}\n{markdown}")
    if blocks is not None:
        shown = plain_text([labelled(block) for block in blocks]) + " ".join(attributes(blocks))
        html = "\n".join(piece.html for piece in render(markdown))
        assert set(re.findall(r"w\d+x", html)) <= set(re.findall(r"w\d+x", shown))


def with_texts_apart(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the block with its styled texts replaced, and each of those in a paragraph.

    aiogram takes exponential time to check texts inside texts.
    """
    apart: list[dict[str, Any]] = []
    yield shallow(node, apart)
    for text in apart:
        yield paragraph({name: "x" if name == "text" else value for name, value in text.items()})


def shallow(node: Any, apart: list[dict[str, Any]], *, is_text: bool = False) -> Any:
    if isinstance(node, list):
        return [shallow(part, apart, is_text=is_text) for part in node]
    if not isinstance(node, dict):
        return node
    if is_text:
        apart.append(node)
        shallow(node.get("text"), apart, is_text=True)
        return "x"
    return {name: shallow(value, apart, is_text=name in ("text", "summary")) for name, value in node.items()}


def labelled(node: Any) -> Any:
    """Give the items the labels that Telegram gives them."""
    if isinstance(node, list):
        return [labelled(part) for part in node]
    if not isinstance(node, dict):
        return node
    label = {"label": str(node.get("value", "•"))} if "blocks" in node and node.get("type", "1") == "1" else {}
    return {name: labelled(value) for name, value in node.items()} | label


def attributes(node: Any) -> Iterator[str]:
    """Yield what HTML has in its tags: the targets of links, and languages."""
    for part in node if isinstance(node, list) else node.values() if isinstance(node, dict) else ():
        yield from attributes(part)
    if isinstance(node, dict):
        yield node.get("url", "")
        yield node.get("language", "")
