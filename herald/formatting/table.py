"""A table on a phone: aligned columns where they fit its width, otherwise one block of labelled lines per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from herald.formatting.inline import inline_runs, is_linkable
from herald.formatting.runs import BOLD, Run

if TYPE_CHECKING:
    from markdown_it.token import Token

# What a phone shows of a monospace line before it wraps, in upright position and the usual size of letters.
_PHONE_COLUMNS = 36
_BAR = " │ "
_NO_VALUE = "–"
# Longer labels, or more of them, are told once and referred to by number: they would be most of the answer.
_LABELS_CHARS = 400
_LABELLED_COLUMNS = 24


def read_table(tokens: Sequence[Token], *, always_labelled: bool = False) -> str | list[list[Run]]:
    """Return the table as aligned lines for a monospace block, or else the runs of one block for every row.

    `tokens` are those between the opening and the end of the table: in each row one inline token for every cell.
    """
    rows: list[list[Token]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(token)
    # in monospace no link can be tapped
    has_links = any(_has_link(cell) for row in rows for cell in row)
    if not always_labelled and not has_links and (aligned := _aligned(rows)):
        return aligned
    header, *body = rows
    labels = [_label(cell) for cell in header]
    if not body:
        return [[run for label in labels for run in (*label, Run("\n"))][:-1]]
    if sum(len(run.text) for label in labels for run in label) <= _LABELS_CHARS and len(labels) <= _LABELLED_COLUMNS:
        return [_labelled(labels, row) for row in body]
    numbers = [[Run(str(number))] for number in range(1, len(labels) + 1)]
    legend = _labelled(numbers, header)
    return [legend, *(_labelled(numbers, row, with_empty=False) for row in body)]


def _has_link(cell: Token) -> bool:
    return any(child.type == "link_open" and is_linkable(str(child.attrs["href"])) for child in cell.children or ())


def _aligned(rows: list[list[Token]]) -> str | None:
    """Return the lines with aligned columns; None if they are wider than a phone."""
    widths = [0] * len(rows[0])
    texts = []
    for row in rows:
        texts.append([_text(cell) for cell in row])
        widths = [max(width, _columns(text)) for width, text in zip(widths, texts[-1], strict=True)]
        if sum(widths) + len(_BAR) * (len(widths) - 1) > _PHONE_COLUMNS:
            return None
    aligns = [cell.info for cell in rows[0]]
    header, *body = (_BAR.join(map(_padded, text, widths, aligns)).rstrip() for text in texts)
    rule = "┼".join("─" * (width + 2) for width in widths)[1:-1]
    return "\n".join([header, rule, *body])


def _text(cell: Token) -> str:
    text = "".join([run.text for run in inline_runs(cell.children or (), links=False)])
    return text.replace("\n", " ").strip()


def _padded(cell: str, width: int, align: str) -> str:
    missing = width - _columns(cell)
    left = {"right": missing, "center": missing // 2}.get(align, 0)
    return " " * left + cell + " " * (missing - left)


def _columns(text: str) -> int:
    """Return how many columns of a monospace font the text takes."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth

    return max(0, wcswidth(text))


def _label(cell: Token) -> list[Run]:
    return [Run(text, marks) for text, marks in inline_runs(cell.children or ()) if text]


def _labelled(labels: list[list[Run]], row: list[Token], *, with_empty: bool = True) -> list[Run]:
    """Return one row: its first value in bold, then a line for every other one behind its label."""
    runs: list[Run] = []
    for index, (label, cell) in enumerate(zip(labels, row, strict=True)):
        value = inline_runs(cell.children or (), () if index else (BOLD,))
        if not value and not (label and with_empty):
            continue
        if runs:
            runs.append(Run("\n"))
        runs += label
        if label:
            runs.append(Run(": "))
        runs += value or [Run(_NO_VALUE)]
    return runs
