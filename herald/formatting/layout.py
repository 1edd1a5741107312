"""Parsed Markdown as a flat sequence of blocks: lists become prefixes of lines, quotes become frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from herald.formatting.clean import clean
from herald.formatting.inline import inline_runs, prose_runs
from herald.formatting.runs import BOLD, ITALIC, Block, Marks, Run, preformatted, quote
from herald.formatting.table import read_table

if TYPE_CHECKING:
    from markdown_it.token import Token

_BULLETS = "•◦▪"
_BOXES = {True: "☑", False: "☐"}
_RULE = "─" * 12
_HEADING: Marks = (BOLD,)
_ALERTS = {
    "NOTE": "ℹ️ Note",
    "TIP": "💡 Tip",
    "IMPORTANT": "❗ Important",
    "WARNING": "⚠️ Warning",
    "CAUTION": "🛑 Caution",
}
RestOf = Literal["list", "table", "code"]
# Telegram takes any word as a language; longer ones are text that someone put behind the fence, as is the language
# of no code.
_LANGUAGE_CHARS = 40
# About a dozen lines on a phone; longer quotes are folded, and one tap opens them.
_LONG_QUOTE_CHARS = 400


def lay_out(
    tokens: Sequence[Token], lines: Sequence[str], *, rest_of: RestOf | None = None, line_before: str = ""
) -> list[Block]:
    """Return the document's blocks in order, without those that have no text; `lines` is its source.

    With `rest_of` the first block is the rest of a longer one; `line_before` is what stands before the first line.
    """
    layout = _Layout(tokens, lines, line_before, rest_of)
    layout.read()
    return layout.blocks


@dataclass(slots=True)
class _Prefix:
    """What stands before the lines of a list item or inner quote: `first` once, then `rest`."""

    rest: str
    first: str = ""

    def take(self) -> str:
        taken, self.first = self.first or self.rest, ""
        return taken


class _Layout:
    """The lists and quotes that are open while the tokens are read, and the blocks so far."""

    def __init__(self, tokens: Sequence[Token], lines: Sequence[str], line_before: str, rest_of: RestOf | None) -> None:
        self.blocks: list[Block] = []
        self._begins_list = rest_of != "list"
        self._rest_of = rest_of
        self._line_before = line_before
        self._tokens = tokens
        self._lines = lines
        self._at = 0
        inline = (child for token in tokens for child in token.children or () if child.meta)
        self._labels_used = {child.meta["label"] for child in inline if "label" in child.meta}
        self._prefixes: list[_Prefix] = []
        self._prefixes_outside: list[_Prefix] = []
        self._written: set[str] = set()
        self._lists = 0
        self._last_item: Token | None = None
        self._quotes = 0
        self._frame: Marks = ()
        self._close_up = False

    def read(self) -> None:
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            self._at += 1
            match token.type:
                case "paragraph_open":
                    self._put(inline_runs(self._take_inline(), written=self._written), token)
                case "paragraph_close" | "heading_close":
                    pass
                case "list_item_open":
                    self._open_item(token)
                case "list_item_close" | "footnote_reference_close":
                    self._put_bullet(leads=False)  # of an empty item
                    self._prefixes.pop()
                case "heading_open":
                    self._put(inline_runs(self._take_inline(), _HEADING, written=self._written), token, leads=True)
                case "fence" | "code_block":
                    self._code(token)
                case "math_block":
                    self._put_pre(token.content, token)
                case "table_open":
                    self._table(token)
                case "hr":
                    self._put([Run(_RULE)], token)
                case "definition":
                    self._definition(token)
                case _:
                    self._container(token)

    def _take_inline(self) -> Sequence[Token]:
        self._at += 1
        return self._tokens[self._at - 1].children or ()

    def _container(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                self._lists += 1
            case "bullet_list_close" | "ordered_list_close":
                self._lists -= 1
                if not self._lists:
                    self._begins_list = True
            case "footnote_reference_open":
                self._last_item = token
                self._prefixes.append(_Prefix(rest="  ", first=f"[{token.meta['label']}] "))
            case "blockquote_open":
                self._open_quote(token)
            case "alert_open":
                self._open_quote(token)
                self._put([Run(_ALERTS[token.info], (BOLD,))], token, leads=True)
                self._at += 3  # its title
                self._close_up = True
            case "blockquote_close" | "alert_close" | "details_close":
                self._close_quote()
            case "details_open":
                summary = inline_runs(self._tokens[self._at + 1].children or (), (BOLD,))
                self._put([Run("▸ ", (BOLD,)), *(summary or [Run("Details", (BOLD,))])], token, leads=True)
                self._at += 2
                self._open_quote(token, folded=True)
                self._close_up = True
            case kind:
                raise AssertionError(f"the parser makes no {kind}")

    def _open_quote(self, token: Token, *, folded: bool = False) -> None:
        self._quotes += 1
        if self._quotes == 1:
            # it has a margin of its own, so the list around it indents nothing in it
            self._close_up = self._put_bullet()
            self._prefixes_outside, self._prefixes = self._prefixes, []
            self._frame = (quote(expandable=folded or self._is_long_quote(token)),)
        else:
            # Telegram knows one level of quotes, so an inner one is shown the way mail shows it.
            self._prefixes.append(_Prefix("> "))

    def _close_quote(self) -> None:
        self._quotes -= 1
        self._close_up = False  # of an empty one
        if self._quotes:
            self._prefixes.pop()
        else:
            self._prefixes = self._prefixes_outside
            self._frame = ()

    def _is_long_quote(self, token: Token) -> bool:
        begin, end = token.map or (0, 0)
        chars = 0
        for line in range(begin, end):
            chars += len(self._lines[line])
            if chars > _LONG_QUOTE_CHARS:
                return True
        return False

    def _open_item(self, token: Token) -> None:
        self._last_item = token
        bullet = f"{token.info}{token.markup}" if token.info else _BULLETS[min(self._lists, len(_BULLETS)) - 1]
        if "checked" in token.meta:
            box = _BOXES[token.meta["checked"]]
            bullet = f"{bullet} {box}" if token.info else box
        self._prefixes.append(_Prefix(rest=" " * (len(bullet) + 1), first=f"{bullet} "))

    def _code(self, token: Token) -> None:
        language, _, caption = clean(token.info).replace("\t", " ").strip().partition(" ")
        if len(language) > _LANGUAGE_CHARS or not token.content.strip():
            language, caption = "", f"{language} {caption}"
        if caption.strip():
            self._put(prose_runs(caption.strip(), (ITALIC,)), token, leads=True)
            self._close_up = self._lists > 0 and token.content.strip() != ""
        self._put_pre(token.content, token, language)

    def _put_pre(self, text: str, token: Token, language: str = "") -> None:
        """Add monospace text as it is: an indentation of its own would be copied along."""
        code = text.expandtabs(4).strip("\n").rstrip()
        if code:
            self._close_up = self._close_up or self._put_bullet()
            frame = (*self._frame, preformatted(language))
            self._add(Block([Run(code)], frame, self._gap(token), self._rank()))

    def _table(self, opening: Token) -> None:
        end = next(at for at in range(self._at, len(self._tokens)) if self._tokens[at].type == "table_close")
        is_rest = self._rest_of == "table" and self._at == 1
        table = read_table(self._tokens[self._at : end], always_labelled=is_rest)
        self._at = end + 1
        if isinstance(table, str):
            self._put_pre(table, opening)
            return
        for index, row in enumerate(table):
            self._put(row, opening, is_apart=is_rest or index > 0)

    def _definition(self, token: Token) -> None:
        """Show a link's definition only if nothing refers to it; those that are used are in the links."""
        if token.meta["id"] in self._labels_used:
            # only the first definition of a label counts, so any other is shown
            self._labels_used.remove(token.meta["id"])
            return
        title = f' "{token.meta["title"]}"' if token.meta["title"] else ""
        self._put(prose_runs(clean(f"[{token.meta['label']}]: {token.meta['url']}{title}")), token)

    def _put(self, runs: list[Run], token: Token, *, leads: bool = False, is_apart: bool = False) -> None:
        """Add a block with the prefixes of the open lists and quotes before each of its lines."""
        if not runs:
            return
        gap = "\n\n" if is_apart else self._gap(token)
        rank = 0 if leads and not self._prefixes and not self._frame else self._rank()
        rest = ""
        if self._prefixes:
            first = "".join([prefix.take() for prefix in self._prefixes])
            rest = "".join([prefix.rest for prefix in self._prefixes])
            runs = [
                Run(first),
                *(Run(run[0].replace("\n", f"\n{rest}"), run[1]) if "\n" in run[0] else run for run in runs),
            ]
        self._add(Block(runs, self._frame, gap, rank, leads=leads, rest=rest))

    def _put_bullet(self, *, leads: bool = True) -> bool:
        """Give the bullet that no text has taken yet a line of its own; say whether there was one."""
        if self._last_item and any(prefix.first for prefix in self._prefixes):
            bullet = "".join([prefix.take() for prefix in self._prefixes]).rstrip()
            self._add(Block([Run(bullet)], self._frame, self._gap(self._last_item), self._rank(), leads=leads))
            return True
        return False

    def _gap(self, token: Token) -> str:
        """Return what separates a block from the one before: in a list, an empty line only where there was one."""
        if self._close_up:
            self._close_up = False
            return "\n"
        if not self._lists or self._begins_list or token.map is None:
            return "\n\n"
        line = token.map[0]
        before = self._lines[line - 1] if line else self._line_before
        return "\n" if before.strip(" \t>") else "\n\n"

    def _rank(self) -> int:
        """Return how good a place the next block is to begin a message: the less is open around it, the better."""
        if self._begins_list and self._lists == 1:
            return 1 + self._quotes
        return 1 + self._quotes + 2 * self._lists

    def _add(self, block: Block) -> None:
        self.blocks.append(block)
        if self._lists:
            self._begins_list = False
