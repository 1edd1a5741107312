"""Tables as models write them: GFM's, and those whose rows have a bar in their code or a column too many."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.rules_block import StateBlock

_DELIMITER_ROW = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_BAR = re.compile(r"(?<!\\)(?:\\\\)*\|")
_CODE_OR_BAR = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)|\\.|\|")
# Empty cells that short rows are given; as in markdown-it, more would let a small text become a huge table.
_MISSING_CELLS = 65_536


def table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a table. The header may be a column off the line below it, and no cell is left out.

    https://github.github.com/gfm/#tables-extension-
    """
    if start + 2 > end or state.sCount[start + 1] < state.blkIndent or state.is_code_block(start):
        return False
    delimiters = _text(state, start + 1)
    if delimiters[:1] not in ("|", "-", ":") or not delimiters or state.is_code_block(start + 1):
        return False
    if delimiters[:2] in ("-", "- ", "-\t"):
        return False  # an item of a list
    header_text = _text(state, start)
    if "|" not in header_text or not _DELIMITER_ROW.fullmatch(delimiters):
        return False
    aligns = [_align(cell) for cell in _cells(delimiters, 0)]
    header = _cells(header_text, len(aligns))
    if len(header) != len(aligns) and ("|" not in delimiters or min(len(header), len(aligns)) < 2):
        return False
    if silent:
        return True
    _put_rows(state, start, end, header, aligns)
    return True


def _put_rows(state: StateBlock, start: int, end: int, header: list[str], aligns: list[str]) -> None:
    around, state.parentType = state.parentType, "table"
    terminators = state.md.block.ruler.getRules("blockquote")
    columns = max(len(header), len(aligns))
    opening = state.push("table_open", "table", 1)
    _put_row(state, start, header, columns, aligns)
    line, missing = start + 2, 0
    while line < end and state.sCount[line] >= state.blkIndent and not state.is_code_block(line):
        text = _text(state, line)
        if not text or any(rule(state, line, end, True) for rule in terminators):
            break
        cells = _cells(text, columns)
        missing += max(0, columns - len(cells))
        if missing > _MISSING_CELLS:
            break
        _put_row(state, line, cells, columns, aligns)
        line += 1
    state.push("table_close", "table", -1)
    opening.map = [start, line]
    state.parentType = around
    state.line = line


def _put_row(state: StateBlock, line: int, cells: list[str], columns: int, aligns: list[str]) -> None:
    """A row is one token for every cell; cells too many stay in the last one."""
    if len(cells) > columns:
        cells[columns - 1 :] = [" | ".join(cells[columns - 1 :])]
    state.push("tr_open", "tr", 1).map = [line, line + 1]
    for index in range(columns):
        token = state.push("inline", "", 0)
        token.map = [line, line + 1]
        token.content = cells[index] if index < len(cells) else ""
        token.children = []
        token.info = aligns[index] if index < len(aligns) else ""
    state.push("tr_close", "tr", -1)


def _text(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].strip(" \t")


def _align(cell: str) -> str:
    if cell.endswith(":"):
        return "center" if cell.startswith(":") else "right"
    return ""


def _cells(row: str, columns: int) -> list[str]:
    """Cut a row at its bars. Where that makes too many cells, a bar inside code is meant as code."""
    row = row.removeprefix("|")
    cells = _cut(row, [found.end() - 1 for found in _BAR.finditer(row)])
    if "`" in row and 0 < columns < len(cells):
        outside_code = _cut(row, [found.start() for found in _CODE_OR_BAR.finditer(row) if found[0] == "|"])
        if len(outside_code) >= columns:
            return outside_code
    return cells


def _cut(row: str, bars: list[int]) -> list[str]:
    bounds = [-1, *bars, len(row)]
    cells = [row[begin + 1 : end].strip(" \t").replace("\\|", "|") for begin, end in pairwise(bounds)]
    if not cells[-1] and len(cells) > 1:
        del cells[-1]
    return cells
