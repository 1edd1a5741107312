"""Secrets that Markdown kept apart, such as `ghp\\_...` or `**ghp**_...`, and that come together in the chat."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from herald.formatting.pieces import Piece, split
from herald.formatting.runs import Block, Run


def cover(pieces: Iterable[Piece], hide: Callable[[str], str]) -> list[Piece]:
    """Return the messages with what `hide` still finds in their texts hidden; such a message loses its styles."""
    covered: list[Piece] = []
    for piece in pieces:
        hidden = hide(piece.text)
        covered += [piece] if hidden == piece.text else split([Block([Run(hidden)])])
    return covered
