"""An answer as the blocks of one rich message, which shows tables, formulas and tasks as such.

Blocks are data, and Telegram parses nothing in them: `$5` is no formula, `<name>` no tag, and a line end stays one.
https://core.telegram.org/bots/api#inputrichmessage
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from herald.formatting.clean import clean, is_visible
from herald.formatting.parser import parse
from herald.formatting.rich_text import RichText, Text
from herald.formatting.runs import escape

if TYPE_CHECKING:
    from markdown_it.token import Token

Node = dict[str, Any]  # a block, an item of a list, or a cell of a table

# https://core.telegram.org/bots/api#rich-message-limits counts characters, but TDLib cuts texts at 35,000 bytes.
_LIMIT_BYTES = 32_768
_LIMIT_BLOCKS = 500
_LIMIT_DEPTH = 16
_LIMIT_COLUMNS = 20

_CONTAINER_ENDS = frozenset(
    f"{name}_close" for name in ("bullet_list", "ordered_list", "list_item", "blockquote", "alert", "details")
)
_LANGUAGE_CHARS = 40  # longer ones are text that someone put behind the fence


def rich(markdown: str) -> list[dict[str, Any]] | None:
    """Return the blocks of a rich message; None where it shows no more than HTML does, or would break a limit.

    They are to be sent with `skip_entity_detection`: addresses are links already. No visible word is lost. Raises
    nothing.
    """
    document = _Document(parse(clean(markdown)))
    return document.blocks if document.is_worth_it and _is_allowed(document.blocks) else None


class _Document:
    """The blocks of a whole answer; `is_worth_it` says that there is a table, a formula or a task among them."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.blocks: list[Node] = []
        self.is_worth_it = False
        # The list, quote or item that is being read is the last, inside those before it.
        self._open: list[Node] = [{"blocks": self.blocks}]
        self._label = ""  # of the footnote that begins
        linked = (child for token in tokens for child in token.children or () if child.type != "footnote_ref")
        self._labels_used = {child.meta["label"] for child in linked if "label" in child.meta}
        remaining = iter(tokens)
        for token in remaining:
            self._add_leaf(token, remaining)

    def _add_leaf(self, token: Token, following: Iterator[Token]) -> None:
        match token.type:
            case "heading_open":
                self._add_text(next(following), {"type": "heading", "size": int(token.tag[1:])})
            case "table_open":
                self._add_table(following)
            case "fence" | "code_block":
                self._add_code(token)
            case "math_block":
                self._add_formula(token.content.strip())
            case "hr":
                self._add({"type": "divider"})
            case "definition":
                self._add_definition(token)
            case "details_summary":
                self._open[-1]["summary"] = self._read(next(following)) or "Details"
            case "alert_title_open":
                self._add({"type": "paragraph", "text": {"type": "bold", "text": next(following).content}})
            case _ if token.content:
                self._add_text(token, {"type": "paragraph"})
            case _:
                self._container(token)

    def _container(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                self._open.append({"type": "list", "items": []})
            case "list_item_open":
                number = {"value": int(token.info), "type": "1"} if token.info else {}
                box = {"has_checkbox": True} if "checked" in token.meta else {}
                check = {"is_checked": True} if token.meta.get("checked") else {}
                self._open.append({"blocks": [], **number, **box, **check})
            case "blockquote_open" | "alert_open":
                self._open.append({"type": "blockquote", "blocks": []})
            case "details_open":
                self._open.append({"type": "details", "blocks": []})
            case "footnote_reference_open":
                self._label = f"[{token.meta['label']}]"
            case "footnote_reference_close":
                self._put_label()
            case kind if kind in _CONTAINER_ENDS:
                self._close()
            case _:
                pass  # the edges of a paragraph

    def _close(self) -> None:
        container = self._open.pop()
        if "summary" in container and not container["blocks"]:
            container = {"type": "paragraph", "text": container["summary"]}
        # Telegram refuses a message with an empty list, item or quote.
        if any(container.get(name) for name in ("items", "blocks", "text")):
            self.is_worth_it |= "has_checkbox" in container
            self._add(container)

    def _add(self, block: Node) -> None:
        self._put_label()
        container = self._open[-1]
        container["items" if "items" in container else "blocks"].append(block)

    def _put_label(self) -> None:
        """Give the label of a footnote that no text has taken yet a line of its own."""
        label, self._label = self._label, ""
        if label:
            self._add({"type": "paragraph", "text": label})

    def _add_text(self, token: Token, block: Node) -> None:
        label, self._label = self._label, ""
        text = self._read(token, label and f"{label} ")
        if text:
            self._add({**block, "text": text})

    def _read(self, token: Token, label: str = "") -> Text:
        """Return the text of a block or cell, "" if nothing of it is visible."""
        read = RichText(token.children or (token,), label)
        visible = is_visible(read.plain)
        self.is_worth_it |= visible and read.has_formula
        return read.text if visible else ""

    def _add_formula(self, expression: str) -> None:
        if is_visible(expression):
            self.is_worth_it = True
            self._add({"type": "mathematical_expression", "expression": expression})

    def _add_code(self, token: Token) -> None:
        language, _, caption = clean(token.info).replace("\t", " ").strip().partition(" ")
        # Telegram shows a tab as one space, which would destroy the indentation.
        code = token.content.expandtabs(4).rstrip("\n")
        if len(language) > _LANGUAGE_CHARS or not code.strip():
            language, caption = "", f"{language} {caption}"
        if is_visible(caption):
            self._add({"type": "paragraph", "text": {"type": "italic", "text": caption.strip()}})
        if is_visible(code):
            self._add({"type": "pre", "text": code, **({"language": language} if language else {})})

    def _add_definition(self, token: Token) -> None:
        """Show a link definition that no link uses: its target would be lost."""
        if token.meta["id"] in self._labels_used:
            self._labels_used.remove(token.meta["id"])
            return
        title = f' "{token.meta["title"]}"' if token.meta["title"] else ""
        self._add({"type": "paragraph", "text": clean(f"[{token.meta['label']}]: {token.meta['url']}{title}")})

    def _add_table(self, tokens: Iterator[Token]) -> None:
        rows: list[list[Node]] = []
        for token in takewhile(lambda token: token.type != "table_close", tokens):
            match token.type:
                case "tr_open":
                    rows.append([])
                case "inline":
                    text = self._read(token)
                    cell: Node = {"align": token.info or "left", "valign": "middle"}
                    header = {"is_header": True} if len(rows) == 1 else {}
                    rows[-1].append({**cell, **header, **({"text": text} if text else {})})
                case _:
                    pass
        if any("text" in cell for row in rows for cell in row):
            self.is_worth_it = True
            self._add({"type": "table", "cells": rows, "is_bordered": True})


def _is_allowed(blocks: list[Node]) -> bool:
    """Check the limits, and on the careful side where it is not documented how Telegram counts."""
    size_bytes = count = 0
    pending: list[tuple[Any, int]] = [({"blocks": blocks}, 0)]
    while pending:
        node, depth = pending.pop()
        if isinstance(node, str):
            size_bytes += len(node.encode())
        elif isinstance(node, list):
            pending += [(part, depth + 1) for part in node]
        else:
            for name in node.keys() & {"blocks", "items", "cells"}:
                count += len(node[name])
                pending += [(child, depth + 1) for child in node[name]]
            for name in node.keys() & {"text", "summary", "expression", "url"}:
                pending.append((node[name], depth + 1))
            # Telegram escapes the target of a link, and the link leads elsewhere: openclaw/openclaw#123230
            if escape(node.get("url", "")) != node.get("url", "") or len(node.get("cells", [""])[0]) > _LIMIT_COLUMNS:
                return False
        if count > _LIMIT_BLOCKS or size_bytes > _LIMIT_BYTES or (depth > _LIMIT_DEPTH and not isinstance(node, str)):
            return False
    return True
