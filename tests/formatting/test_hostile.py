"""Text made to break a formatter does not: no crash, no recursion. benchmarks/formatting.py shows how time grows."""

from __future__ import annotations

import pytest

from herald.formatting import render

SHAPES = [
    *("![", "[", "[a](", "[*a](b ", "[]: ", "*", "*a **b ", "_a__b ", "~~a ", "`", "<a:", "&amp", "\\*"),
    *("> ", "- ", "1. ", "|", "a|b\n-|-\n", "> a\n\n", "- a\n\n  b\n\n", "# a\n", "---\n", "```\n"),
    *("a.py", "./", "a.b()", "\x1b]", "\x1b[1", "\u0301", "\u200d", "🇩"),
    *("-\n", "*\n\n", "```a\n", "<details>\n", "- <details>\n", "[^1]: a\n\n", "$", "$$\n", "\\(", "\\[\n", "中", "é-"),
    *("a.é", "éé/", ")", "https://a.bc/)", "__a__", "`|", "1. a\n- b\n", "**：**文", "😀", "\x00", "\ud83d", "\u202e"),
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


@pytest.mark.parametrize(
    "markdown",
    [
        ">  ```\n>",
        "> 1. ```\n>",
        "- <details>one\n- last",
        "1. <details><summary>S</summary>\n   text\n2. second\n\nlast",
        "[^1]:<details>\nlast",
        "# " + "h" * 4095 + "\n\n" + "first, " * 900 + "last",
        "# a\n" * 98 + "# last\n\nc",
        "-\n" * 2500 + "last",
        "中" * 20_000 + "/last",
        "https://a.bc/" + ")" * 80_000 + " last",
        "[last](<tg://b.>)",
        "[<http://a.bc>](w1.md) last",
        "[![](last.png)](x)",
    ],
)
def test_odd_text_loses_nothing(markdown: str) -> None:
    shown = "\n".join(piece.text for piece in render(markdown))
    assert ("last" in shown) == ("last" in markdown)
    for target in ("tg://b.", "w1.md", "last.png"):
        assert (target in shown) == (target in markdown)


def test_every_heading_of_thousands_is_shown() -> None:
    assert sum(piece.text.count("a") for piece in render("# a\n" * 2000)) == 2000


def test_long_labels_and_targets_are_not_repeated_without_end() -> None:
    label = "h" * 2000
    assert sum(piece.width_utf16 for piece in render(f"|{label}|b|\n|-|-|\n" + "|a|b|\n" * 500)) < 20_000
    target = "x" * 2000
    assert sum(piece.width_utf16 for piece in render(f"[a]: #{target}\n\n" + "[a] " * 500)) < 20_000
