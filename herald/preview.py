"""What `herald render` prints: Markdown from files or standard input, as the messages that Telegram would be sent."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from herald.errors import HeraldError
from herald.formatting import DOCUMENT_NAME, Piece, render

_STDIN = "-"


def as_json(files: Sequence[str]) -> Iterator[str]:
    """Yield one line for every message of the whole text: its file, index, HTML and plain text.

    Raises HeraldError for a file that cannot be read; "-" and no file at all are standard input.
    """
    for name, markdown in _texts(files):
        for index, piece in enumerate(render(markdown)):
            line = {"file": name, "index": index, "html": piece.html, "text": piece.text}
            yield orjson.dumps(line).decode()


def as_text(files: Sequence[str], max_messages: int) -> Iterator[str]:
    """Yield the messages as they would be sent, each below a line that tells its size. Raises as `as_json` does."""
    for name, markdown in _texts(files):
        pieces = render(markdown)
        if len(pieces) > max_messages:
            yield from _message(name, 1, 1, pieces[0])
            size = len(markdown.encode(errors="replace"))
            yield f"--- {name}: document {DOCUMENT_NAME}, {size} bytes: the whole text, else {len(pieces)} messages"
        else:
            for number, piece in enumerate(pieces, 1):
                yield from _message(name, number, len(pieces), piece)


def _message(name: str, number: int, count: int, piece: Piece) -> Iterator[str]:
    yield f"--- {name}: message {number} of {count}, {piece.width_utf16} characters"
    yield piece.html


def _texts(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in files or [_STDIN]:
        try:
            content = _standard_input() if name == _STDIN else Path(name).read_bytes()
        except OSError as exc:
            hint = "name a Markdown file, or leave it out to read standard input"
            raise HeraldError(f"{name} cannot be read: {exc.strerror}", hint) from exc
        yield name, content.decode("utf-8-sig", "replace")


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise HeraldError("standard input is closed", "name a Markdown file, or redirect one")
    return sys.stdin.buffer.read()
