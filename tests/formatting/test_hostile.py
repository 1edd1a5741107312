"""Text made to break a formatter does not: no crash, no recursion. benchmarks/formatting.py shows how time grows."""

from __future__ import annotations

import pytest

from herald.formatting import render

SHAPES = [
    *("![", "[", "[a](", "[*a](b ", "[]: ", "*", "*a **b ", "_a__b ", "~~a ", "`", "<a:", "&amp", "\\*"),
    *("> ", "- ", "1. ", "|", "a|b\n-|-\n", "> a\n\n", "- a\n\n  b\n\n", "# a\n", "---\n", "```\n"),
    *("a.py", "./", "a.b()", "\x1b]", "\x1b[1", "\u0301", "\u200d", "🇩"),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_hostile_text_becomes_messages_that_fit(shape: str) -> None:
    for piece in render(shape * (20_000 // len(shape))):
        assert 0 < piece.width_utf16 <= 4096
        assert len(piece.html.encode()) <= 32_768


@pytest.mark.parametrize("marker", ["> ", ">", "- ", "1. ", "* ", "> - ", "[", "![", "**", "<b>"])
def test_ten_thousand_nested_markers_lose_no_text(marker: str) -> None:
    pieces = render(f"{marker * 10_000}the end")
    assert pieces[-1].text.endswith("the end")


def test_deep_lists_keep_every_line() -> None:
    pieces = render("\n".join(f"{'  ' * depth}- line{depth}" for depth in range(200)))
    text = "\n".join(piece.text for piece in pieces)
    assert [line.split("line")[1] for line in text.split("\n") if "line" in line] == [
        str(depth) for depth in range(200)
    ]


def test_a_huge_word_becomes_full_messages() -> None:
    pieces = render("x" * 200_000)
    assert [piece.width_utf16 for piece in pieces] == [4096] * 48 + [200_000 - 48 * 4096]


def test_a_table_with_one_huge_cell_is_not_padded_to_it() -> None:
    pieces = render(f"|a|b|\n|-|-|\n|{'x' * 20_000}|y|\n" + "|1|2|\n" * 1000)
    assert sum(piece.width_utf16 for piece in pieces) < 40_000
