"""The Markdown parser: markdown-it-py, set up so that nothing of a text is left out or rewritten."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.parser_block import RuleFuncBlockType
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token


def parse(markdown: str) -> list[Token]:
    """Parse CommonMark with tables and strikethrough; HTML is text. Takes about 0.5 ms per 1000 characters.

    The first call also imports the parser. Link targets are left as they were written, unused link definitions
    are tokens, and lists and quotes that are nested too deep are text.
    """
    return _parser().parse(markdown)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import blockquote, list_block

    parser = MarkdownIt("commonmark", {"html": False, "store_labels": True, "inline_definitions": True})
    parser.enable(["table", "strikethrough"])
    # Which targets become links is decided in inline.py; the others are shown, so none may be refused or encoded here.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    parser.normalizeLink = parser.normalizeLinkText = str  # type: ignore[method-assign, assignment]
    paragraph_ends = ["paragraph", "reference", "blockquote"]
    parser.block.ruler.at("blockquote", _shallow(blockquote), {"alt": [*paragraph_ends, "list"]})
    parser.block.ruler.at("list", _shallow(list_block), {"alt": paragraph_ends})
    return parser


def _shallow(container: RuleFuncBlockType) -> RuleFuncBlockType:
    """Keep a list or quote from opening where its content would be too deep: there markdown-it drops the text."""

    def rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        deepest = state.level + 2  # a list and its item; a quote needs one
        return deepest < state.md.options.maxNesting and container(state, start, end, silent)

    return rule
