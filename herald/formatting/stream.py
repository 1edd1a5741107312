"""An answer while it grows: every frame is rendered at the cost of what has changed, not of the whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from herald.formatting.cover import cover
from herald.formatting.layout import RestOf, lay_out
from herald.formatting.parser import parse
from herald.formatting.pieces import LIMIT, Packer, Piece, split
from herald.formatting.runs import Block, Marks, Run
from herald.formatting.secrets import mask, unfinished

if TYPE_CHECKING:
    from markdown_it.token import Token

_LISTS = ("bullet_list_open", "ordered_list_open")


@dataclass(frozen=True, slots=True)
class _Rest:
    """What the text that is left begins with: the rest of a block of which the beginning is packed.

    `opening` is put before it, so that it can be read: the line that opens a code block, or a table's header.
    """

    of: RestOf
    opening: str = ""
    line_before: str = ""
    frame: Marks = ()


class Stream:
    """Renders a text again and again while it grows at its end.

    What cannot change any more is packed into messages once: all blocks but the last one, all items of a list and all
    rows of a wide table but the last, all lines but the last of a code block that is larger than a message. A link
    definition or a footnote could change any line before it: only the final frame shows that.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        """`secrets` are masked as `mask` does."""
        self._secrets = secrets
        self._begin()

    def update(self, text: str, *, is_final: bool = False) -> list[Piece]:
        """Return the messages of the text so far; the last word is held back while it may be a part of a secret.

        The final frame is what `render` makes of the masked whole, covered. Raises nothing.
        """
        if not text.startswith(self._seen):
            self._begin()
        growing = self._take_lines(text, is_final=is_final)
        source = self._opening + self._text[self._packed :] + growing
        definitions: dict[str, Any] = {}
        tokens = parse(source, definitions)
        self._has_definitions |= bool(definitions.get("references") or definitions.get("footnotes", {}).get("refs"))
        if is_final and self._has_definitions:
            whole = self._text + growing
            return cover(split(lay_out(parse(whole), whole.split("\n"))), self._hide)
        lines = source.split("\n")
        blocks = self._pack(tokens, lines)
        packer = self._packer.copy()
        self._add(packer, blocks)
        return self._cover(packer.finish())

    def _hide(self, text: str) -> str:
        return mask(text, self._secrets)

    def _cover(self, pieces: list[Piece]) -> list[Piece]:
        """Cover messages that cannot change any more once, and the others again."""
        for piece in pieces[len(self._covered) : self._packer.finished]:
            self._covered.append(cover([piece], self._hide))
        finished = [piece for covered in self._covered for piece in covered]
        return finished + cover(pieces[len(self._covered) :], self._hide)

    def _begin(self) -> None:
        self._seen = ""  # of the given text, the lines that are complete
        self._text = ""  # the same without secrets
        self._packed = 0  # how much of this is in the packer
        self._packer = Packer()
        self._covered: list[list[Piece]] = []  # the finished messages
        self._has_definitions = False
        self._rest: _Rest | None = None

    @property
    def _opening(self) -> str:
        return self._rest.opening if self._rest else ""

    def _take_lines(self, text: str, *, is_final: bool) -> str:
        """Mask what is new, keep the lines that are complete, and return the one that is not."""
        new = text[len(self._seen) :]
        shown = new if is_final else new[: len(new) - unfinished(new)]
        complete = shown.rfind("\n") + 1
        self._seen += shown[:complete]
        self._text += self._hide(shown[:complete])
        return self._hide(shown[complete:])

    def _pack(self, tokens: list[Token], lines: list[str]) -> list[Block]:
        """Pack what is final, and return the blocks that are not."""
        starts = _top_level(tokens)
        kept = _first_that_may_change(tokens, starts, len(lines))
        if kept:
            at = starts[kept]
            self._add(self._packer, self._blocks(tokens[:at], lines))
            self._advance(lines, tokens[at].map[0])  # type: ignore[index]  # blocks have a map
            return lay_out(tokens[at:], lines)
        head = tokens[0] if len(starts) == 1 else None
        if head and head.type in _LISTS and "joined" not in head.meta:
            return self._pack_parts(tokens, lines, "list_item_open", "list")
        if head and head.type == "table_open":
            return self._pack_parts(tokens, lines, "tr_open", "table")
        if head and head.type == "fence" and not head.meta:
            return self._pack_code(tokens, lines)
        return self._blocks(tokens, lines)

    def _pack_parts(self, tokens: list[Token], lines: list[str], part: str, of: RestOf) -> list[Block]:
        """Pack all items of a list or all rows of a table, but for the last one."""
        opening, *_, closing = tokens
        parts = [index for index, token in enumerate(tokens) if token.type == part and token.level == 1]
        if len(parts) < (3 if of == "table" else 2):
            return self._blocks(tokens, lines)
        header = tokens[1 : parts[1]] if of == "table" else []
        at = parts[-1]
        line = tokens[at].map[0]  # type: ignore[index]  # items and rows have a map
        packed = self._blocks([*tokens[:at], closing], lines)
        if header and packed and packed[0].frame:
            return self._blocks(tokens, lines)
        self._add(self._packer, packed)
        self._advance(lines, line)
        opening_lines = "".join(f"{text}\n" for text in lines[:2]) if header else ""
        self._rest = _Rest(of, opening_lines, lines[line - 1])
        return lay_out([opening, *header, *tokens[at:]], lines, rest_of=of)

    def _pack_code(self, tokens: list[Token], lines: list[str]) -> list[Block]:
        """Pack the lines of a code block that must be cut anyway, but for the last one."""
        blocks = self._blocks(tokens, lines)
        if len(blocks) != 1:
            return blocks
        code = blocks[0].text.split("\n")
        last = len(code) - 1
        while last > 0 and not (code[last].strip() and code[last - 1].strip()):
            last -= 1  # empty lines at the edges of a block are dropped
        if last < 1:
            return blocks
        first = next(index for index, line in enumerate(lines) if index and line.strip())
        frame = self._rest.frame if self._rest else blocks[0].frame
        packed = Block([Run("\n".join(code[:last]))], frame, blocks[0].gap)
        if packed.size.fits(LIMIT) and not self._rest:
            return blocks
        if self._rest:
            self._packer.fill_with(packed, "\n")
        else:
            self._packer.add(packed)
        self._advance(lines, first + last)
        self._rest = _Rest("code", f"{lines[0]}\n", frame=frame)
        return [Block([Run("\n".join(code[last:]))], frame)]

    def _blocks(self, tokens: Sequence[Token], lines: list[str]) -> list[Block]:
        if self._rest is None:
            return lay_out(tokens, lines)
        return lay_out(tokens, lines, rest_of=self._rest.of, line_before=self._rest.line_before)

    def _add(self, packer: Packer, blocks: list[Block]) -> None:
        """Put blocks into a packer; the first one may go on with a code block there."""
        for index, block in enumerate(blocks):
            if index == 0 and self._rest and self._rest.of == "code":
                packer.fill_with(Block(block.runs, self._rest.frame), "\n")
            else:
                packer.add(block)

    def _advance(self, lines: list[str], line: int) -> None:
        """Note that the source before `line` is packed."""
        self._packed += sum(len(text) + 1 for text in lines[:line]) - len(self._opening)
        self._rest = None


def _top_level(tokens: Sequence[Token]) -> list[int]:
    """Return where the blocks begin that are in no other block."""
    starts = []
    depth = 0
    for index, token in enumerate(tokens):
        if depth == 0 and token.nesting >= 0:
            starts.append(index)
        depth += token.nesting
    return starts


def _first_that_may_change(tokens: Sequence[Token], starts: Sequence[int], line_count: int) -> int:
    """Return which of the blocks is the first that more text may change."""
    heads = [tokens[start] for start in starts]
    kept = max(len(heads) - 1, 0)
    # what begins in the last lines, such as a rule or a table, may yet turn out to be text of the paragraph before
    if kept and heads[kept].map[0] >= line_count - 2:  # type: ignore[index]
        kept -= 1
    # bullets may yet belong to the numbers before them
    while kept and heads[kept].type in _LISTS and heads[kept - 1].type in _LISTS:
        kept -= 1
    # what stands in the line in which another block ends cannot be read alone
    while kept and heads[kept].map[0] < heads[kept - 1].map[1]:  # type: ignore[index]
        kept -= 1
    return next((index for index, head in enumerate(heads[:kept]) if head.meta.get("open")), kept)
