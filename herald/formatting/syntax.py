"""Markdown beyond CommonMark, as rules for markdown-it-py: math, `<details>`, bare addresses, fences as they are meant.

Each rule takes the parser's state, and leaves it behind what it has read. https://markdown-it-py.readthedocs.io
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from herald.formatting.table_rule import table

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

# Pandoc's rule for dollars (no space inside, no digit behind), and in between something that prices do not have.
# https://pandoc.org/MANUAL.html#extension-tex_math_dollars
_MATH = re.compile(
    r"\$\$(?=\S)(?P<display>[^$]{1,1000})(?<=\S)\$\$"
    r"|(?<![\w$\\])\$(?![\s\d]+[\s,.])(?![\s{])(?P<dollars>[^$\n]{1,300})(?<![\s\\])\$(?![\w$])"
    # these are also how a bracket is kept from being a link
    r"|(?<![^\s(:,;])\\\((?P<round>(?:[^\\\n]|\\[^)\n]){1,500})\\\)"
    r"|(?<![^\s(:,;])\\\[(?P<square>(?:[^\\]|\\[^\]]){1,1000})\\\]"
)
_MATHEMATICAL = re.compile(r"\w.*[\\^_={}<>+*]|[\\^_={}<>+*].*\w", re.DOTALL)
_LETTER = re.compile(r"[A-Za-z]'?")
_MATH_BLOCK = {"$$": "$$", "\\[": "\\]"}
_MATH_BLOCK_LINES = 60

# GFM's extended autolinks: https://github.github.com/gfm/#autolinks-extension-
_SCHEME = re.compile(r"(?<![A-Za-z0-9])https?\Z", re.IGNORECASE)
_ADDRESS = re.compile(r"://[^\s<>`\"“”‘’「」『』，。；：！？（）【】、]+")
_BEHIND_ADDRESS = "?!.,:;*_~'\"|"

# Python's own names, which would be bold: __init__.py, __name__, __call__(x)
_DUNDER = re.compile(
    r"(?<!\w)__(?:[a-z][a-z0-9_]*__(?=\(|\.[a-z])"
    r"|(?:all|call|class|del|dict|doc|enter|exit|file|init|iter|len|main|name|new|next|pycache|repr|slots|str)__(?!\w))"
)

_DETAILS = re.compile(r"<details(?:\s[^<>]*)?>|</details\s*>", re.IGNORECASE)
_SUMMARY = re.compile(r"<summary(?:\s[^<>]*)?>(.*?)</summary\s*>", re.IGNORECASE)
_TAG = re.compile(r"</?(?:b|strong|i|em|code|h[1-6]|u|span|tt)\s*>", re.IGNORECASE)

_FENCE_OPENING = re.compile(r"(`{3,})([^`]*)|(~{3,})(.*)")
# An example with more fences in it is not recognised; otherwise many fences would take more than linear time.
_FENCES_LOOKED_AT = 16
_FENCE_LINE = re.compile(r"(`{3,}|~{3,})([A-Za-z][\w+#.-]*)?\s*")


def extend(parser: MarkdownIt) -> None:
    """Teach the parser these rules, in the order in which they must be tried; dispatch.py says what each may end."""
    # A table may stand in an item, a quote or behind a heading's mark: what begins one of these comes first.
    parser.block.ruler.before("lheading", "models_table", table)
    parser.block.ruler.at("fence", _fence)
    parser.block.ruler.after("fence", "math_block", _math_block)
    parser.block.ruler.after("fence", "details", _details)
    parser.inline.ruler.before("escape", "math_inline", _math_inline)
    parser.inline.ruler.after("escape", "bare_url", _bare_url)
    parser.inline.ruler.before("emphasis", "dunder", _dunder)


def _math_inline(state: StateInline, silent: bool) -> bool:
    """Keep a formula as it was written: stars and underscores are no emphasis in it."""
    if state.src[state.pos] not in "$\\":
        return False
    found = _MATH.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    kind = found.lastgroup or ""
    content: str = found[kind].strip()
    if not _MATHEMATICAL.search(content) and not (kind == "dollars" and _LETTER.fullmatch(content)):
        return False
    if not silent:
        state.push("math_inline", "math", 0).content = content.replace("\n", " ")
    state.pos = found.end()
    return True


def _bare_url(state: StateInline, silent: bool) -> bool:
    """Keep a web address as it was written: Telegram makes a link of it by itself."""
    if silent or state.linkLevel or state.src[state.pos] != ":" or not state.src.startswith("://", state.pos):
        return False
    scheme = _SCHEME.search(state.pending[-6:])
    found = _ADDRESS.match(state.src, state.pos, state.posMax)
    if scheme is None or found is None:
        return False
    address = _without_what_follows(found[0])
    if len(address) <= len("://"):
        return False
    pending = state.pending
    state.pending = pending[: len(pending) - len(scheme[0])]
    state.push("bare_url", "", 0).content = scheme[0] + address
    state.pos += len(address)
    return True


def _dunder(state: StateInline, silent: bool) -> bool:
    found = _DUNDER.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.append_pending(found[0])
    state.pos = found.end()
    return True


def _without_what_follows(address: str) -> str:
    """Leave out punctuation at the end, and a parenthesis that was opened before the address."""
    end = len(address)
    surplus = address.count(")") - address.count("(")
    while end and (address[end - 1] in _BEHIND_ADDRESS or (address[end - 1] == ")" and surplus > 0)):
        surplus -= address[end - 1] == ")"
        end -= 1
    return address[:end]


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _math_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    first = _line(state, start).strip()
    closing = _MATH_BLOCK.get(first[:2])
    if closing is None or state.is_code_block(start):
        return False
    if silent:
        return len(first) == 2 or (len(first) > 4 and first.endswith(closing))
    lines = [first[2:]]
    at = start
    while closing not in lines[-1]:
        at += 1
        if at >= min(end, start + _MATH_BLOCK_LINES) or state.isEmpty(at) or state.sCount[at] < state.blkIndent:
            return False
        lines.append(_line(state, at))
    lines[-1], _, behind = lines[-1].partition(closing)
    content = "\n".join(lines).strip()
    if behind.strip(" .,;") or not content:
        return False
    token = state.push("math_block", "math", 0)
    token.content = content
    token.map = [start, at + 1]
    state.line = at + 1
    return True


def _fence(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    opening = _FENCE_OPENING.fullmatch(_line(state, start))
    if opening is None or state.is_code_block(start):
        return False
    if silent:
        return True
    markup = opening[1] or opening[3]
    content_end, behind, is_sure = _end_of_fence(state, start, end, markup)
    token = state.push("fence", "code", 0)
    token.info = opening[2] or opening[4] or ""
    token.content = state.getLines(start + 1, content_end, state.sCount[start], True)
    token.markup = markup
    token.map = [start, behind]
    token.meta = {} if is_sure else {"open": True}
    state.line = behind
    return True


def _end_of_fence(state: StateBlock, start: int, end: int, markup: str) -> tuple[int, int, bool]:
    """Return where the content ends, where the text goes on, and whether more text cannot change that.

    Where a fence with a language stands inside one, either it is an example, with a closing fence of its own, or the
    outer one was never closed.
    """
    depth, first_inner, seen = 1, 0, 0
    for line in range(start + 1, end):
        if state.sCount[line] < state.blkIndent and not state.isEmpty(line):
            end = line
            break
        text = _line(state, line)
        found = _FENCE_LINE.fullmatch(text) if text.startswith(markup) and not state.is_code_block(line) else None
        if found is None or (found[2] and markup[0] == "~"):
            continue
        depth += 1 if found[2] else -1
        if depth == 0:
            return line, line + 1, True
        first_inner = first_inner or line
        seen += 1
        if seen == _FENCES_LOOKED_AT:
            return first_inner, first_inner, True
    return (first_inner, first_inner, False) if first_inner else (end, end, True)


def _details(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read `<details>` up to its end tag: the summary is a token of its own, all else is Markdown."""
    opening = state.bMarks[start] + state.tShift[start]
    tag = _DETAILS.match(state.src, opening, state.eMarks[start])
    if tag is None or tag[0].startswith("</") or state.is_code_block(start):
        return False
    if silent or state.level + 2 >= state.md.options.maxNesting:
        return silent
    last, closing = _end_of_details(state, start, end)
    token = state.push("details_open", "details", 1)
    token.map = [start, last]
    begin = _read_summary(state, start, tag.end(), last)
    ends_at, line_max = state.eMarks[last - 1], state.lineMax
    if closing:
        state.eMarks[last - 1] = closing.start()
    state.lineMax = last
    state.md.block.tokenize(state, begin, last)
    state.eMarks[last - 1], state.lineMax = ends_at, line_max
    state.push("details_close", "details", -1)
    state.line = last
    if closing and (behind := state.src[closing.end() : ends_at].strip()):
        state.push("paragraph_open", "p", 1).map = [last - 1, last]
        token = state.push("inline", "", 0)
        token.map = [last - 1, last]
        token.content = behind
        token.children = []
        state.push("paragraph_close", "p", -1)
    return True


def _end_of_details(state: StateBlock, start: int, end: int) -> tuple[int, re.Match[str] | None]:
    """Return the line behind the element, and its end tag; without one it ends where what is around it ends."""
    depth = 0
    for line in range(start, end):
        if state.sCount[line] < state.blkIndent and not state.isEmpty(line):
            return line, None
        for tag in _DETAILS.finditer(state.src, state.bMarks[line] + max(0, state.tShift[line]), state.eMarks[line]):
            depth += -1 if tag[0].startswith("</") else 1
            if depth == 0:
                return line + 1, tag
    return end, None


def _read_summary(state: StateBlock, line: int, at: int, end: int) -> int:
    """Put out the summary, if the content begins with one, and return the line where the rest begins."""
    _move(state, line, at)
    while line < end - 1 and state.isEmpty(line):
        line += 1
    found = _SUMMARY.match(state.src, state.bMarks[line] + state.tShift[line], state.eMarks[line])
    token = state.push("details_summary", "summary", 0)
    token.map = [line, line + 1]
    token = state.push("inline", "", 0)
    token.map = [line, line + 1]
    token.children = []
    token.content = _TAG.sub("", found[1]).strip() if found else ""
    if found:
        _move(state, line, found.end())
    return line


def _move(state: StateBlock, line: int, at: int) -> None:
    """Let the line begin at `at`."""
    text = state.src[at : state.eMarks[line]]
    state.bMarks[line] = at
    state.tShift[line] = len(text) - len(text.lstrip(" \t"))
    state.sCount[line] = state.blkIndent
