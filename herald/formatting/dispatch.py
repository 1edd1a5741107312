"""markdown-it-py without trying every rule everywhere: each rule knows the characters that it begins with.

The rules and their order stay the parser's own; a quarter of the time goes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.ruler import Ruler
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

    BlockRule = Callable[[StateBlock, int, int, bool], bool]
    InlineRule = Callable[[StateInline, bool], bool]

Rule = TypeVar("Rule")

# What each rule begins with; those that may begin with anything are missing.
_INLINE = {
    "text": "",
    "newline": "\n",
    "math_inline": "\\$",
    "escape": "\\",
    "bare_url": ":",
    "backticks": "`",
    "strikethrough": "~",
    "dunder": "_",
    "emphasis": "*_",
    "link": "[",
    "image": "!",
    "footnote_ref": "[",
    "autolink": "<",
    "entity": "&",
}
_BLOCK = {
    "fence": "`~",
    "math_block": "$\\",
    "details": "<",
    "blockquote": ">",
    "hr": "*-_",
    "list": "*+-0123456789",
    "footnote_def": "[",
    "reference": "[",
    "heading": "#",
}
# Text without any of these is only text.
STOPS = re.compile("[" + re.escape("".join(sorted(set("".join(_INLINE.values()))))) + "]")
# What may end a paragraph, a link definition, a quote or a list; as in markdown-it-py's own table of rules.
_ENDS = (
    (
        "ends_all",
        ("fence", "math_block", "details", "blockquote", "hr"),
        ["paragraph", "reference", "blockquote", "list"],
    ),
    ("ends_all_but_lists", ("list", "footnote_def", "heading"), ["paragraph", "reference", "blockquote"]),
)


def hasten(parser: MarkdownIt) -> None:
    """Make `parser` call only the rules that can match. No rule may be added after this."""
    deepest = parser.options.maxNesting
    inline = _by_first(_active(parser.inline.ruler), _INLINE)
    parser.inline.tokenize = partial(_tokenize_inline, rules=inline, deepest=deepest)  # type: ignore[method-assign]

    ruler = parser.block.ruler
    active = _active(ruler)
    block = _by_first(active, _BLOCK)
    for name, rule in active:
        ruler.at(name, rule, {"alt": ["paragraph", "reference"] if name == "models_table" else []})
    for end, names, chains in _ENDS:
        enders = _by_first([(name, rule) for name, rule in active if name in names], _BLOCK)
        ruler.push(end, partial(_ends, rules=enders), {"alt": chains})
    parser.block.tokenize = partial(_tokenize_block, rules=block, deepest=deepest)  # type: ignore[method-assign]


def _active(ruler: Ruler[Rule]) -> list[tuple[str, Rule]]:
    return list(zip(ruler.get_active_rules(), ruler.getRules(""), strict=True))


def _by_first(active: list[tuple[str, Rule]], begins: dict[str, str]) -> dict[str, list[Rule]]:
    """Return the rules to try, in order, for each first character; "" stands for all others."""
    return {
        first: [rule for name, rule in active if name not in begins or (first and first in begins[name])]
        for first in ("", *"".join(begins.values()))
    }


def _tokenize_inline(state: StateInline, rules: dict[str, list[InlineRule]], deepest: int) -> None:
    source, end = state.src, state.posMax
    while state.pos < end:
        stop = STOPS.search(source, state.pos, end)
        at = stop.start() if stop else end
        if at > state.pos:
            state.append_pending(source[state.pos : at])
            state.pos = at
        if stop is None:
            break
        if state.level >= deepest or not any(rule(state, False) for rule in rules[stop[0]]):
            state.append_pending(stop[0])
            state.pos = at + 1
    if state.pending:
        state.pushPending()


def _tokenize_block(state: StateBlock, line: int, end: int, rules: dict[str, list[BlockRule]], deepest: int) -> None:
    others = rules[""]
    while True:
        state.line = line = state.skipEmptyLines(line)
        if line >= end or state.sCount[line] < state.blkIndent:
            break
        if state.level >= deepest:  # parser.py keeps the text that this would drop
            state.line = end
            break
        first = state.src[state.bMarks[line] + state.tShift[line]]
        any(rule(state, line, end, False) for rule in rules.get(first, others))
        # layout.py looks at the empty lines itself, so no list need be searched for them
        state.tight = False
        line = state.line


def _ends(state: StateBlock, line: int, end: int, silent: bool, rules: dict[str, list[BlockRule]]) -> bool:
    """Say whether one of the rules would begin at this line."""
    if not silent or state.isEmpty(line):
        return False
    found = rules.get(state.src[state.bMarks[line] + state.tShift[line]])
    return found is not None and any(rule(state, line, end, True) for rule in found)
