"""Parsed Markdown as a flat sequence of blocks: lists become prefixes of lines, quotes become marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from herald.formatting.clean import clean
from herald.formatting.inline import inline_runs
from herald.formatting.runs import BOLD, ITALIC, QUOTE, Block, Marks, Run, preformatted, shared
from herald.formatting.table import table_text

if TYPE_CHECKING:
    from markdown_it.token import Token

_BULLETS = "•◦▪"
_TASKS = {"[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ "}
_RULE = "─" * 12
# Telegram takes any word as a language; longer ones are text that someone put behind the fence, as is the language
# of no code.
_LANGUAGE_CHARS = 40


def lay_out(tokens: Sequence[Token]) -> list[Block]:
    """Return the document's blocks in order, without those that have no text."""
    layout = _Layout(_labels_used(tokens))
    layout.read(tokens)
    return layout.blocks


def _labels_used(tokens: Sequence[Token]) -> set[str]:
    inline = (child for token in tokens for child in token.children or ())
    return {child.meta["label"] for child in inline if "label" in child.meta}


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

    def __init__(self, labels_used: set[str]) -> None:
        self.blocks: list[Block] = []
        self._labels_used = labels_used
        self._prefixes: list[_Prefix] = []
        self._lists = 0
        self._quotes = 0
        self._begins_list = False
        self._begins_quote = False

    def read(self, tokens: Sequence[Token]) -> None:
        remaining = iter(tokens)
        for token in remaining:
            match token.type:
                case "heading_open":
                    self._paragraph(next(remaining), is_heading=True)
                case "paragraph_open":
                    self._paragraph(next(remaining), is_tight=token.hidden)
                case "fence" | "code_block":
                    self._code(token)
                case "table_open":
                    self._pre(table_text(remaining))
                case "hr":
                    self._put([Run(_RULE, self._marks())])
                case "definition":
                    self._definition(token)
                case _:
                    self._container(token)

    def _container(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                self._begins_list = self._lists == 0
                self._lists += 1
            case "bullet_list_close" | "ordered_list_close":
                self._lists -= 1
            case "list_item_open":
                self._open_item(token)
            case "list_item_close":
                self._put_bullet()  # of an empty item
                self._prefixes.pop()
            case "blockquote_open":
                self._begins_quote |= self._quotes == 0
                self._quotes += 1
                # Telegram knows one level of quotes, so an inner one is shown the way mail shows it.
                if self._quotes > 1:
                    self._prefixes.append(_Prefix("> "))
            case "blockquote_close":
                if self._quotes > 1:
                    self._prefixes.pop()
                self._quotes -= 1
            case _:
                pass  # the end of a paragraph or heading

    def _marks(self) -> Marks:
        return (QUOTE,) if self._quotes else ()

    def _open_item(self, token: Token) -> None:
        bullet = f"{token.info}{token.markup}" if token.info else _BULLETS[min(self._lists, len(_BULLETS)) - 1]
        self._prefixes.append(_Prefix(rest=" " * (len(bullet) + 1), first=f"{bullet} "))

    def _paragraph(self, inline: Token, *, is_heading: bool = False, is_tight: bool = False) -> None:
        marks = (*self._marks(), BOLD) if is_heading else self._marks()
        runs = inline_runs(inline.children or (), marks)
        if any(run.text for run in runs):
            # Only an item's own paragraphs are marked as tight, not those of a quote in it.
            is_tight = is_tight or (self._begins_quote and self._lists > 0)
            self._put(self._with_task_mark(runs), is_heading=is_heading, is_tight=is_tight)

    def _with_task_mark(self, runs: list[Run]) -> list[Run]:
        """Show a task's box as its bullet; a numbered task keeps its number."""
        box = _TASKS.get(runs[0].text[:4])
        if box is None or not self._prefixes or not self._prefixes[-1].first:
            return runs
        if self._prefixes[-1].first[0] in _BULLETS:
            self._prefixes[-1].first = box
            return [Run(runs[0].text[4:], runs[0].marks), *runs[1:]]
        return [Run(box + runs[0].text[4:], runs[0].marks), *runs[1:]]

    def _code(self, token: Token) -> None:
        language, _, caption = clean(token.info).replace("\t", " ").strip().partition(" ")
        if len(language) > _LANGUAGE_CHARS or not token.content.strip():
            language, caption = "", f"{language} {caption}"
        if caption.strip():
            self._put([Run(caption.strip(), (*self._marks(), ITALIC))])
        self._pre(token.content, language)

    def _pre(self, text: str, language: str = "") -> None:
        # Telegram shows a tab as one space, which would destroy the indentation.
        text = text.expandtabs(4).rstrip("\n")
        if not text:
            return
        # No prefixes inside: code is there to be copied.
        self._put_bullet()
        self._add([Run(text, (*self._marks(), preformatted(language)))], is_tight=bool(self._lists))

    def _definition(self, token: Token) -> None:
        """Show a link definition that no link uses: its target would be lost."""
        if token.meta["id"] in self._labels_used:
            self._labels_used.remove(token.meta["id"])
            return
        title = f' "{token.meta["title"]}"' if token.meta["title"] else ""
        self._put([Run(clean(f"[{token.meta['label']}]: {token.meta['url']}{title}"), self._marks())])

    def _put(self, runs: Sequence[Run], *, is_heading: bool = False, is_tight: bool | None = None) -> None:
        """Add a block with the prefixes of the open lists and quotes before each of its lines."""
        tight = bool(self._lists) if is_tight is None else is_tight
        self._add(list(self._prefixed(runs)), is_heading=is_heading, is_tight=tight)

    def _put_bullet(self) -> None:
        """Give the bullet that no text has taken yet a line of its own."""
        if any(prefix.first for prefix in self._prefixes):
            bullet = "".join([prefix.take() for prefix in self._prefixes]).rstrip()
            self._add([Run(bullet, self._marks())], is_tight=True)

    def _prefixed(self, runs: Sequence[Run]) -> Iterator[Run]:
        first = "".join([prefix.take() for prefix in self._prefixes])
        rest = "\n" + "".join(prefix.rest for prefix in self._prefixes)
        yield Run(first, self._marks())
        for run in runs:
            yield Run(run.text.replace("\n", rest), run.marks)

    def _add(self, runs: Sequence[Run], *, is_heading: bool = False, is_tight: bool = False) -> None:
        gap = "\n" if is_tight and not self._begins_list else "\n\n"
        # Two quotes in a row stay two.
        last = self.blocks[-1].runs[-1].marks if self.blocks and not self._begins_quote else ()
        gap_marks = shared(last, self._marks())
        filled = tuple(run for run in runs if run.text)
        self.blocks.append(Block(filled, Run(gap, gap_marks), is_heading))
        self._begins_list = self._begins_quote = False
