"""A long answer becomes several messages, cut where a reader would cut it."""

from __future__ import annotations

import re

import pytest

from herald.formatting import Piece, render

LIMIT_UTF16 = 4096


def texts(pieces: list[Piece]) -> list[str]:
    return [piece.text for piece in pieces]


def paragraph(width: int, letter: str = "a") -> str:
    return (f"{letter * 9} " * (width // 10 + 1))[: width - 1] + letter


def test_a_message_may_be_exactly_full() -> None:
    assert texts(render("x" * LIMIT_UTF16)) == ["x" * LIMIT_UTF16]
    assert texts(render("x " + "y" * LIMIT_UTF16)) == ["x", "y" * LIMIT_UTF16]
    assert texts(render("x" * 2048 + " " + "y" * 2048)) == ["x" * 2048, "y" * 2048]


def test_a_cut_falls_between_blocks() -> None:
    first, second = paragraph(3000), paragraph(1500, "b")
    assert texts(render(f"{first}\n\n{second}")) == [first, second]


def test_a_long_paragraph_is_cut_between_lines() -> None:
    lines = [paragraph(300, letter) for letter in "abcdefghijklmnopqrst"]
    pieces = render("\n".join(lines))
    assert "\n".join(texts(pieces)).split("\n") == lines
    assert len(pieces) == 2


def test_a_long_line_is_cut_between_words() -> None:
    words = [f"word{number}" for number in range(1500)]
    pieces = render(" ".join(words))
    assert len(pieces) > 1
    assert " ".join(texts(pieces)).split(" ") == words


@pytest.mark.parametrize("character", ["😀", "👩\u200d👩\u200d👧", "🇩🇪", "é", "👍🏽", "1\ufe0f\u20e3"])
def test_a_word_longer_than_a_message_is_cut_between_characters(character: str) -> None:
    pieces = render("x" + character * 5000)
    assert "".join(texts(pieces)) == "x" + character * 5000
    assert {text.removeprefix("x").replace(character, "") for text in texts(pieces)} == {""}


def test_styles_that_are_cut_are_closed_and_opened_again() -> None:
    pieces = render(f"**{paragraph(3000)} [{paragraph(3000)}](https://example.com)**")
    assert len(pieces) == 2
    assert pieces[0].html.startswith("<b>")
    assert pieces[0].html.endswith("</a></b>")
    assert pieces[1].html.startswith('<b><a href="https://example.com">')


def test_a_quote_that_is_cut_goes_on_as_a_quote() -> None:
    pieces = render("\n>\n".join(f"> {paragraph(1500)}" for _ in range(3)))
    assert len(pieces) == 2
    for piece in pieces:
        assert re.fullmatch(r"<blockquote expandable>[^<]*</blockquote>", piece.html)


def test_code_that_is_cut_keeps_its_language_lines_and_indentation() -> None:
    lines = [f"    line {number}" for number in range(600)]
    pieces = render("\n".join(["```python", *lines, "```"]))
    assert len(pieces) > 1
    for piece in pieces:
        assert re.fullmatch(r'<pre><code class="language-python">    line[^<]*</code></pre>', piece.html)
    assert "\n".join(texts(pieces)).split("\n") == lines


def test_code_that_fits_in_a_message_is_not_cut() -> None:
    code = "\n".join(paragraph(99) for _ in range(40))
    pieces = render(f"{paragraph(2000)}\n\n```\n{code}\n```\n\nend")
    assert [code in piece.text for piece in pieces] == [False, True]


def test_code_too_large_for_a_message_does_not_begin_at_the_end_of_one() -> None:
    code = "\n".join(paragraph(99) for _ in range(60))
    pieces = render(f"{paragraph(3500)}\n\n```\n{code}\n```")
    assert "<pre>" not in pieces[0].html


def test_a_heading_goes_with_what_follows_it() -> None:
    pieces = render(f"{paragraph(3900)}\n\n# Part\n\n## Section\n\n{paragraph(500)}")
    assert [piece.text[:13] for piece in pieces] == ["aaaaaaaaa aaa", "Part\n\nSection"]


def test_a_heading_goes_with_code_that_must_be_cut() -> None:
    code = "\n".join(paragraph(99) for _ in range(60))
    pieces = render(f"{paragraph(3500)}\n\n# Code\n\n```\n{code}\n```")
    assert [piece.text[:4] for piece in pieces] == ["aaaa", "Code", "aaaa"]


def test_a_heading_stays_behind_where_code_needs_a_whole_message() -> None:
    code = paragraph(LIMIT_UTF16)
    pieces = render(f"{paragraph(1000)}\n\n# Code\n\n```\n{code}\n```")
    assert [piece.text[-4:] for piece in pieces] == ["Code", "aaaa"]


def test_nothing_but_headings_is_still_sent() -> None:
    pieces = render("\n".join(f"# Heading {number}" for number in range(1000)))
    assert sum(len(text.split("\n\n")) for text in texts(pieces)) == 1000


def test_many_styles_are_spread_over_messages() -> None:
    words = [f"w{number}" for number in range(300)]
    pieces = render(" ".join(f"`{word}`" for word in words))
    assert [piece.html.count("<code>") for piece in pieces] == [98, 98, 98, 6]
    assert " ".join(texts(pieces)).split() == words


def test_long_targets_do_not_make_the_markup_too_large() -> None:
    target = f"https://example.com/{'&' * 400}"
    pieces = render(" ".join(f"[w{number}]({target})" for number in range(60)))
    assert len(pieces) > 1
    assert all(len(piece.html.encode()) <= 32_768 for piece in pieces)
    assert sum(piece.html.count("<a ") for piece in pieces) == 60


def test_a_target_too_long_for_a_link_is_written_out() -> None:
    target = f"https://example.com/{'x' * 3000}"
    (piece,) = render(f"[t]({target})")
    assert piece.text == f"t ({target})"


def test_a_message_neither_begins_nor_ends_with_empty_lines() -> None:
    first, second = "x" * (LIMIT_UTF16 - 6), "y" * 4000
    assert texts(render("\n".join(["```", first, *[""] * 12, second, "```"]))) == [first, second]
    assert texts(render("```\n\n\n  code  \n\n```")) == ["  code"]


def test_a_message_ends_before_a_heading_if_it_is_half_full_by_then() -> None:
    parts = [f"## Part {number}\n\n{paragraph(900)}\n\n{paragraph(900)}" for number in range(3)]
    assert [piece.text[:6] for piece in render("\n\n".join(parts))] == ["Part 0", "Part 2"]


def test_a_message_ends_before_a_list_rather_than_in_it() -> None:
    items = "\n".join(f"- {paragraph(190)}" for _ in range(15))
    first, second = texts(render(f"{paragraph(2500)}\n\n{items}"))
    assert (first.count("•"), second.count("•")) == (0, 15)


def test_a_list_longer_than_a_message_is_cut_between_its_items() -> None:
    items = "\n".join(f"- {paragraph(300)}\n  - {paragraph(100)}" for _ in range(30))
    for text in texts(render(f"{paragraph(500)}\n\n{items}"))[1:]:
        assert text.startswith("• ")


def test_a_paragraph_moves_into_the_next_message_rather_than_being_cut() -> None:
    assert [len(text) for text in texts(render(f"{paragraph(1500)}\n\n{paragraph(3500)}"))] == [1500, 3500]


@pytest.mark.parametrize("mark", [". ", "! ", '?" ', "… ", "。", "！」"])
def test_a_long_line_is_cut_between_sentences(mark: str) -> None:
    sentence = "This is a sentence with words" + mark
    pieces = texts(render(sentence * 400))
    assert len(pieces) > 1
    assert all(text.endswith(mark.rstrip()) and text.startswith("This") for text in pieces)


def test_what_goes_on_in_another_message_is_indented_as_before() -> None:
    first, second = texts(render(f"- a\n  - {'word ' * 1000}"))
    assert first.startswith("• a\n  ◦ word")
    # Telegram trims ordinary spaces where a message begins
    assert second.startswith("\u00a0" * 4 + "word")


def test_a_nested_item_that_begins_a_message_keeps_its_indentation() -> None:
    second = texts(render(f"- a\n  - {paragraph(2500)}\n  - {paragraph(2500)}"))[1]
    assert second.startswith("\u00a0\u00a0◦ ")


def test_an_inner_quote_that_is_cut_goes_on_as_one() -> None:
    second = texts(render(f"> a\n>\n> > {'word ' * 1000}"))[1]
    assert second.startswith("> word")


def test_a_cut_in_a_style_costs_no_more_entities_than_the_style() -> None:
    first, second = render(f"**{paragraph(5000)}**")
    assert (first.html.count("<b>"), second.html.count("<b>")) == (1, 1)


def test_a_line_with_more_styles_than_a_message_takes_is_cut_between_them() -> None:
    pieces = render(" ".join(f"**w{number}**" for number in range(250)))
    assert [piece.html.count("<b>") for piece in pieces] == [98, 98, 54]


def test_code_of_wide_characters_is_cut_where_telegram_counts() -> None:
    pieces = render(f"```\n{'😀' * 5000}\n```")
    assert [piece.width_utf16 for piece in pieces] == [4096, 4096, 1808]


def test_two_code_blocks_in_a_row_stay_two() -> None:
    (piece,) = render("```py\na\n```\n```py\nb\n```")
    assert piece.html.count("<pre>") == 2


def test_a_code_block_that_goes_on_is_one_entity_in_every_message() -> None:
    for piece in render("```\n" + "line\n" * 2000 + "```"):
        assert piece.html.count("<pre>") == 1


def test_a_list_after_many_short_blocks_is_cut_by_entities_too() -> None:
    pieces = render("\n".join(f"- `a{number}` **b**" for number in range(120)))
    assert sum(piece.html.count("<code>") for piece in pieces) == 120
    assert all(piece.html.count("<code>") + piece.html.count("<b>") <= 98 for piece in pieces)
