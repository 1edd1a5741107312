"""More corners of cutting and streaming: each of these went red for a change that no other test saw."""

from __future__ import annotations

import pytest

from herald.formatting import Stream, render
from tests.formatting.telegram_parser import parse_html
from tests.formatting.test_pieces import LIMIT_UTF16, paragraph, texts


@pytest.mark.parametrize(
    ("before", "begin"),
    [
        ("> [!NOTE]\n> {}", "ℹ️ Note"),
        ("<details><summary>More</summary>\n\n{}\n\n</details>", "▸ More"),
        ("```py a.py\n{}\n```", "a.py"),
        ("- ```\n  {}\n  ```", "•"),
    ],
)
def test_a_title_goes_with_what_it_belongs_to(before: str, begin: str) -> None:
    _, second = texts(render(f"{paragraph(4000)}\n\n{before.format(paragraph(500))}"))
    assert second.startswith(begin)


def test_a_message_ends_before_a_heading_rather_than_before_a_later_paragraph() -> None:
    first, second = texts(
        render("\n\n".join([*(paragraph(800) for _ in range(3)), "# Part", paragraph(900), paragraph(900)]))
    )
    assert first.count("\n\n") == 2
    assert second.startswith("Part")


def test_a_message_that_is_not_half_full_does_not_end_before_a_heading() -> None:
    first, second = texts(render("\n\n".join([paragraph(1400), "# Part", *(paragraph(900) for _ in range(3))])))
    assert "Part" in first
    assert second == paragraph(900)


def test_a_message_ends_outside_a_quote_rather_than_in_it() -> None:
    quote = "\n>\n".join(f"> {paragraph(700)}" for _ in range(2))
    first, second = render(f"{paragraph(2100)}\n\n{paragraph(900)}\n\n{quote}")
    assert first.text == paragraph(2100)
    assert second.html.count("<blockquote") == 1


def test_a_message_takes_as_many_paragraphs_as_fit() -> None:
    assert [text.count("a\n\n") for text in texts(render("\n\n".join(paragraph(500) for _ in range(10))))] == [7, 1]


def test_a_line_that_fits_into_the_next_message_is_not_cut() -> None:
    lines = "\n".join(paragraph(3000) for _ in range(3))
    pieces = texts(render(f"{paragraph(2000)}\n\n# Part\n\n{lines}"))
    assert [len(text) for text in pieces] == [2000, len("Part\n\n") + 3000, 3000, 3000]


def test_a_paragraph_of_lines_moves_into_the_next_message_rather_than_being_cut() -> None:
    lines = "\n".join(paragraph(499) for _ in range(7))
    assert texts(render(f"{paragraph(1500)}\n\n{lines}")) == [paragraph(1500), lines]


def test_a_heading_is_not_left_alone_before_a_paragraph_that_must_be_cut() -> None:
    lines = "\n".join(paragraph(510) for _ in range(8))
    first, _ = texts(render(f"# A longer heading\n\n{lines}"))
    assert first.startswith("A longer heading\n\naaa")


def test_a_line_of_an_item_that_begins_a_message_is_indented_once() -> None:
    second = texts(render("- " + "\n  ".join(paragraph(900) for _ in range(6))))[1]
    assert second.startswith("\u00a0\u00a0aaa")


def test_a_sentence_that_just_does_not_fit_is_cut_before_its_end() -> None:
    assert texts(render("x" * LIMIT_UTF16 + "。")) == ["x" * LIMIT_UTF16, "。"]


def test_a_line_that_just_fills_a_message_is_not_cut() -> None:
    assert texts(render("x" * LIMIT_UTF16 + "\nyy")) == ["x" * LIMIT_UTF16, "yy"]


def test_a_long_word_in_a_nested_item_is_not_lost() -> None:
    pieces = render(f"- a\n  - {'x' * 9000}")
    assert sum(piece.text.count("x") for piece in pieces) == 9000
    assert all(piece.width_utf16 <= LIMIT_UTF16 for piece in pieces)


def test_a_short_sentence_does_not_leave_a_message_empty() -> None:
    first, _ = texts(render("Short. " + "word " * 1000))
    assert len(first) > 4000


def test_styles_inside_styles_count_for_every_part() -> None:
    for piece in render(" ".join(["**a *b* c**"] * 100)):
        assert len(parse_html(piece.html).entities) <= 98


@pytest.mark.parametrize("step", [1, 7, 101])
@pytest.mark.parametrize(
    "text",
    [
        "Before\n\n```\n" + "\n".join(f"line {number}" for number in range(700)) + "\n```\n\nAfter",
        "- a\n\n```py\n" + "\n".join(f"line {number}" for number in range(700)),
        "<details>\n\na\n\n</details> tail " + "words " * 60,
        "text[^1]\n\nmore\n\nand more\n\n[^1]: note",
        "Text\n\n|\n-\n" + "word " * 10 + "\n|\n|\n",
        "a\n- ```" + "x" * 50 + "\n  code\n  ```\n\nend",
        "| a |\n|---|\n" + "| word word word word word word word word |\n" * 3 + "\nend",
    ],
)
def test_the_last_frame_is_the_whole(text: str, step: int) -> None:
    stream = Stream()
    for end in range(0, len(text), step):
        stream.update(text[:end])
    assert stream.update(text, is_final=True) == render(text)


def test_a_table_of_short_rows_does_not_grow_without_end() -> None:
    markdown = "|a" * 1000 + "|\n" + "|-" * 1000 + "|\n" + "|b|\n" * 2000
    assert sum(piece.width_utf16 for piece in render(markdown)) < 1_000_000


def test_deep_details_lose_no_text() -> None:
    pieces = render("<details>\n\n" * 1000 + "the end")
    assert pieces[-1].text.endswith("the end")
