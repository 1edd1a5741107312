"""What Claude writes, as messages that Telegram accepts: pure functions, no I/O, nothing that can wait.

Markdown goes through these steps, each with its own file and one type between them:

secrets.py  what must not leave the machine is hidden; secret_shapes.py is what it looks like, cover.py finds what was
            still in pieces
clean.py    text Telegram can carry: no control characters, colours or broken surrogates
parser.py   Markdown -> tokens (markdown-it-py). syntax.py and table_rule.py are what it reads beyond CommonMark,
            intent.py what the writer meant, dispatch.py makes it faster
layout.py   tokens -> blocks of styled runs; inline.py does the text inside a block, names.py finds the file names in it
            (domains.py), table.py lays out tables
runs.py     Mark, Run, Block: the styled text itself, its size, and its HTML
pieces.py   blocks -> messages, each within every limit, with styles closed and opened again at a cut; cutting.py finds
            where to cut
stream.py   the same for an answer that grows, at the cost of what has changed
rich.py     tokens -> the blocks of a rich message, for those who want it; rich_text.py is the text inside them

Laws: nothing raises, whatever the text is; the time is linear in its length; no visible word is lost.
"""

from __future__ import annotations

from herald.formatting.clean import clean
from herald.formatting.cover import cover
from herald.formatting.layout import lay_out
from herald.formatting.parser import parse
from herald.formatting.pieces import Piece, split
from herald.formatting.runs import escape
from herald.formatting.secrets import mask
from herald.formatting.stream import Stream

__all__ = ["DOCUMENT_NAME", "Piece", "Stream", "cover", "escape", "mask", "render"]

# An answer that is too long for the chat goes there as a file of this name.
DOCUMENT_NAME = "answer.md"


def render(markdown: str) -> list[Piece]:
    """Turn Markdown into messages that Telegram accepts, in order; [] if nothing is visible.

    Each is at most 4096 UTF-16 units and 98 entities after parsing, and at most 32,768 bytes of markup. Styles, quotes
    and code blocks that are cut are closed and opened again. Secrets are not hidden: `mask` does. Raises nothing.
    https://core.telegram.org/bots/api#sendmessage
    """
    text = clean(markdown)
    return split(lay_out(parse(text), text.split("\n")))
