"""What the writer meant where CommonMark reads something else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token

from herald.formatting.dispatch import STOPS

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

# What comes in pairs, which are matched when all text is read.
_PAIRS = re.compile(r"[*_~]")

# Chinese, Japanese and Korean letters and punctuation.
_CJK = re.compile(
    r"[\u1100-\u11ff\u2e80-\u303f\u3040-\u30ff\u3130-\u318f\u31c0-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]"
)


def parse_inline(block: Token, parser: MarkdownIt, env: dict[str, Any]) -> None:
    """Parse the text of one block; stars beside Chinese, Japanese or Korean make bold where they look like it."""
    content = block.content
    children: list[Token] = []
    block.children = children
    if STOPS.search(content) is None:
        text = Token("text", "", 0)
        text.content = content
        children.append(text)
        return
    kind = StateInline if content.isascii() else _CjkFriendly
    state = kind(content, parser, env, children)
    parser.inline.tokenize(state)
    if _PAIRS.search(content):
        for rule in parser.inline.ruler2.getRules(""):
            rule(state)


class _CjkFriendly(StateInline):
    """CommonMark wants a space between `**` and a letter behind punctuation; these scripts have no spaces.

    https://github.com/tats-u/markdown-cjk-friendly
    """

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803  # the parser's names
        scanned = super().scanDelims(start, canSplitWord)
        before = self.src[start - 1] if start else " "
        end = start + scanned.length
        behind = self.src[end] if end < self.posMax else " "
        if not canSplitWord or not (_CJK.match(before) or _CJK.match(behind)):
            return scanned
        return Scanned(not behind.isspace(), not before.isspace(), scanned.length)


def nested_lists(tokens: Sequence[Token], lines: Sequence[str]) -> list[Token]:
    """Put bullets that follow a number at the same indentation into the numbered item, as models mean them.

    They belong there if no empty line is in between, or if the numbers go on behind them. `lines` is the source.
    """
    placed: list[Token] = []
    numbers: dict[int, str] = {}
    # of each list that was put into an item: its level, the item's number, how the item and its list end
    ends: list[tuple[int, str, Token, Token]] = []
    skipped: Token | None = None
    joined: set[int] = set()  # the levels of lists that were put together
    opened: dict[int, Token] = {}
    for index, token in enumerate(tokens):
        if token is skipped:
            joined.add(token.level)
            continue
        if token.type == "list_item_open":
            numbers[token.level] = token.info
        elif token.type == "ordered_list_open":
            joined.discard(token.level)
            opened[token.level] = token
        elif token.type == "bullet_list_open" and placed and placed[-1].type == "ordered_list_close":
            number = numbers[token.level + 1]
            is_adjacent = token.map is not None and lines[token.map[0] - 1].strip(" \t>") != ""
            is_like_before = token.level in joined
            if is_adjacent or is_like_before or _next_list(tokens, index, placed[-1].markup, number):
                ends.append((token.level, number, placed[-2], placed[-1]))
                opened[token.level].meta = {"joined": True}
                del placed[-2:]
        placed.append(token)
        if token.type == "bullet_list_close" and ends and ends[-1][0] == token.level:
            _, number, item_end, list_end = ends.pop()
            placed.append(item_end)
            skipped = _next_list(tokens, index, list_end.markup, number)
            if skipped is None:
                placed.append(list_end)
    return placed


def _next_list(tokens: Sequence[Token], index: int, markup: str, number: str) -> Token | None:
    """Return the opening of the list behind the bullets at `index`, if it goes on with the numbers."""
    level = tokens[index].level
    while tokens[index].type != "bullet_list_close" or tokens[index].level != level:
        index += 1
    following = tokens[index + 1] if index + 1 < len(tokens) else None
    if following is None or following.type != "ordered_list_open" or following.markup != markup:
        return None
    return following if following.attrs.get("start", 1) == int(number) + 1 else None
