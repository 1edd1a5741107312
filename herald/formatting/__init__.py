"""What Claude writes, as messages that Telegram accepts: pure functions, no I/O, nothing that can wait.

Markdown goes through five steps, each with its own file and one type between them:

clean.py    text Telegram can carry: no control characters, colours or broken surrogates
parser.py   Markdown -> tokens (markdown-it-py; nothing here searches Markdown with patterns)
layout.py   tokens -> blocks of styled runs; inline.py does the text inside a block, table.py the tables
runs.py     Run, Mark, Block: the styled text itself, its size, and its HTML
pieces.py   blocks -> messages, each within every limit, with styles closed and opened again at a cut

Laws: nothing raises, whatever the text is; the time is linear in its length; no visible word is lost.
"""

from __future__ import annotations

from herald.formatting.clean import clean
from herald.formatting.layout import lay_out
from herald.formatting.parser import parse
from herald.formatting.pieces import Piece, split
from herald.formatting.runs import escape

__all__ = ["Piece", "escape", "render"]


def render(markdown: str) -> list[Piece]:
    """Turn Markdown into messages that Telegram accepts, in order; [] if nothing is visible.

    Each is at most 4096 UTF-16 units and 98 entities after parsing, and at most 32,768 bytes of markup. Styles, quotes
    and code blocks that are cut are closed and opened again. Raises nothing.
    https://core.telegram.org/bots/api#sendmessage
    """
    return split(lay_out(parse(clean(markdown))))
