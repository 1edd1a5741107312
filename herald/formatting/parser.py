"""The Markdown parser: markdown-it-py, set up so that nothing of a text is left out or rewritten."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.parser_block import RuleFuncBlockType
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token


def parse(markdown: str, definitions: dict[str, Any] | None = None) -> list[Token]:
    """Parse CommonMark with tables, strikethrough, tasks, alerts, footnotes, math and `<details>`; other HTML is text.

    Takes about 0.5 ms per 1000 characters; the first call also imports the parser. Link targets are left as they were
    written, unused link definitions are tokens, and lists and quotes that are nested too deep are text. Definitions of
    links and footnotes are put into `definitions`.
    """
    from herald.formatting.intent import nested_lists, parse_inline

    parser = _parser()
    env = {} if definitions is None else definitions
    tokens: list[Token] = []
    # markdown-it-py looks behind the end of a last line that has no line end
    parser.block.parse(f"{markdown}\n", parser, env, tokens)
    for token in tokens:
        if token.type == "inline":
            parse_inline(token, parser, env)
    return nested_lists(tokens, markdown.split("\n"))


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import blockquote, list_block
    from mdit_py_plugins.footnote import footnote_plugin

    from herald.formatting import syntax
    from herald.formatting.dispatch import hasten

    options = {"html": False, "store_labels": True, "inline_definitions": True, "tasklists": True, "alerts": True}
    parser = MarkdownIt("commonmark", options)
    parser.enable("strikethrough")
    parser.disable(["html_block", "html_inline"])
    # Which targets become links is decided in inline.py; the others are shown, so none may be refused or encoded here.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    parser.normalizeLink = parser.normalizeLinkText = str  # type: ignore[method-assign, assignment]
    footnote_plugin(parser, inline=False, move_to_end=False)
    parser.block.ruler.at("blockquote", _shallow(blockquote))
    parser.block.ruler.at("list", _shallow(list_block))
    syntax.extend(parser)
    parser.inline.ruler2.disable("fragments_join")  # inline.py joins what was cut up
    hasten(parser)
    return parser


def _shallow(container: RuleFuncBlockType) -> RuleFuncBlockType:
    """Keep a list or quote from opening where its content would be too deep: there markdown-it drops the text."""

    def rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        deepest = state.level + 2  # a list and its item; a quote needs one
        return deepest < state.md.options.maxNesting and container(state, start, end, silent)

    return rule
