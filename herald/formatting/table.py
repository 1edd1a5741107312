"""A table as lines of aligned columns, for a monospace block."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import TYPE_CHECKING
from unicodedata import category, east_asian_width

from herald.formatting.inline import inline_runs

if TYPE_CHECKING:
    from markdown_it.token import Token

# Wider ones are wrapped by every client, so their columns are not padded: it would only make them longer.
_ALIGNED_COLUMNS = 100


def table_text(tokens: Iterator[Token]) -> str:
    """Read a table up to and including its end and return its lines; a rule stands below the header."""
    rows: list[list[str]] = []
    right: set[int] = set()
    for token in takewhile(lambda token: token.type != "table_close", tokens):
        match token.type:
            case "tr_open":
                rows.append([])
            case "th_open" if "right" in str(token.attrs.get("style", "")):
                right.add(len(rows[-1]))
            case "inline":
                rows[-1].append(_cell(token))
            case _:
                pass
    widths = [max(_columns(cell) for cell in column) for column in zip(*rows, strict=True)]
    if sum(widths) + 3 * len(widths) > _ALIGNED_COLUMNS:
        widths = [1] * len(widths)
    header, *body = (_line(row, widths, right) for row in rows)
    return "\n".join([header, "┼".join("─" * (width + 2) for width in widths)[1:-1], *body])


def _cell(token: Token) -> str:
    text = "".join(run.text for run in inline_runs(token.children or (), links=False))
    return text.replace("\n", " ").strip()


def _line(row: list[str], widths: list[int], right: set[int]) -> str:
    return " │ ".join(
        _padded(cell, width, index in right) for index, (cell, width) in enumerate(zip(row, widths, strict=True))
    ).rstrip()


def _padded(cell: str, width: int, to_the_right: bool) -> str:
    padding = " " * max(0, width - _columns(cell))
    return padding + cell if to_the_right else cell + padding


def _columns(text: str) -> int:
    """Return how many columns of a monospace font the text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if category(char) in ("Mn", "Me", "Cf") else 1 + (east_asian_width(char) in "WF") for char in text)
