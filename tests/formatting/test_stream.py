"""A growing answer shows at every moment something that Telegram accepts, and in the end what `render` makes of it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from herald.formatting import Stream, mask, render
from tests.formatting.test_properties import ANYTHING, check_limits

DOCUMENTS = [
    *(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("fixtures/*.md"))),
    "\n".join(f"{number}. item {number}\n- below\n" for number in range(300)),
    "intro\n\n" + "\n".join(f"- item **{number}** with `code`\n\n  more" for number in range(400)),
    "```python\n" + "\n".join(f"    line_{number} = {number}\n\n" for number in range(400)) + "```\n\nend",
    "| a | b |\n|---|---|\n" + "\n".join(f"| {number} | {'long words ' * 5}|" for number in range(200)),
    "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | " + "long words " * 9 + "|\n| 5 | 6 |\n\nend",
    "# Title\n\n" + "\n\n".join(f"## Part {number}\n\n" + "Some words. " * 60 for number in range(30)),
    "[a] and [b]\n\n" * 40 + "[a]: https://example.com\n\ntext[^1]\n\n[^1]: note\n\n- list",
    "<details><summary>S</summary>\n\n" + "text\n\n" * 900 + "</details> tail\n\n- a\n- b",
    "1. a\n\n- b\n\n2. c\n\n- d\n\n3. e\n\ntext\n\n```js\nx\n```python\ny\n```\nz",
]


@pytest.mark.parametrize("index", range(len(DOCUMENTS)))
def test_the_last_frame_is_what_render_makes_of_the_whole(index: int) -> None:
    text = DOCUMENTS[index]
    stream = Stream()
    for end in range(0, len(text), 37):
        stream.update(text[:end])
    assert stream.update(text, is_final=True) == render(mask(text))


@settings(max_examples=150)
@given(ANYTHING, st.lists(st.integers(0, 4000), max_size=30))
def test_whatever_grows_in_whatever_steps_ends_as_the_whole(text: str, ends: list[int]) -> None:
    stream = Stream()
    for end in sorted(ends):
        for piece in stream.update(text[:end]):
            check_limits(piece)
    assert stream.update(text, is_final=True) == render(mask(text))


@settings(max_examples=25)
@given(st.sampled_from(DOCUMENTS), st.integers(0, 10_000))
def test_every_beginning_of_a_document_is_accepted(text: str, end: int) -> None:
    for piece in Stream().update(text[:end]):
        check_limits(piece)


def test_a_text_that_begins_anew_is_rendered_anew() -> None:
    stream = Stream()
    stream.update("one\n\ntwo\n\nthree")
    assert [piece.text for piece in stream.update("other\n\nwords here", is_final=True)] == ["other\n\nwords here"]


def test_the_last_word_is_held_back_until_it_cannot_be_a_secret() -> None:
    key = "ghp_" + "a1B2" * 9
    text = f"The key is {key}, they say"
    stream = Stream()
    frames = ["".join(piece.text for piece in stream.update(text[:end])) for end in range(len(text))]
    assert all("a1B2" not in frame for frame in frames)
    assert all(later.startswith(earlier) for earlier, later in pairwise(frames))
    assert stream.update(text, is_final=True)[0].text == "The key is ghp_•••, they say"


def test_known_secrets_are_hidden_while_streaming() -> None:
    stream = Stream(["correct-horse-battery"])
    text = "it is\n\n`correct-horse-battery`\n\nend"
    frames = [stream.update(text[:end]) for end in range(len(text))]
    assert not any("horse" in piece.text for frame in frames for piece in frame)
