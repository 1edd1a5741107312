"""sendRichMessage: blocks are checked as the real server checks them, and shown in the chat as text.

What only Telegram's servers can read, Markdown and HTML with their own rules, is shown as it was sent. Blocks with
media are not known here. https://core.telegram.org/bots/api#sendrichmessage
"""

from __future__ import annotations

from textwrap import indent
from typing import Any

from herald.rehearsal.call import Call
from herald.rehearsal.cloud import Cloud
from herald.rehearsal.keyboard import check_button_data, read_keyboard
from herald.rehearsal.links import normalise_link
from herald.rehearsal.messages import find_topic
from herald.rehearsal.refusal import Refused, bad_request

Node = dict[str, Any]

_LIMIT_CHARS = 32_768
_LIMIT_BLOCKS = 500
_LIMIT_DEPTH = 16
_LIMIT_COLUMNS = 20

# The fields of each block beside `type`: those it must have, and those it may have
_BLOCKS: dict[str, tuple[set[str], set[str]]] = {
    "paragraph": ({"text"}, set()),
    "heading": ({"text", "size"}, set()),
    "pre": ({"text"}, {"language"}),
    "footer": ({"text"}, set()),
    "divider": (set(), set()),
    "mathematical_expression": ({"expression"}, set()),
    "list": ({"items"}, set()),
    "blockquote": ({"blocks"}, {"credit"}),
    "expandable_blockquote": ({"text"}, {"credit"}),
    "details": ({"summary", "blocks"}, {"is_open"}),
    "table": ({"cells"}, {"is_bordered", "is_striped", "is_compact", "caption"}),
}
_ITEM = ({"blocks"}, {"has_checkbox", "is_checked", "value", "type"})
_CELL = (set[str](), {"text", "is_header", "colspan", "rowspan", "align", "valign"})
_STYLES = ("bold", "italic", "underline", "strikethrough", "spoiler", "subscript", "superscript", "marked", "code")
_TEXTS: dict[str, tuple[set[str], set[str]]] = {
    **dict.fromkeys(_STYLES, ({"text"}, set())),
    "url": ({"text", "url"}, set()),
    "mathematical_expression": ({"expression"}, set()),
}
_TEXT_FIELDS = ("text", "summary", "caption", "credit")
_KINDS: dict[str, type] = {
    **dict.fromkeys(("is_bordered", "is_striped", "is_compact", "is_header", "is_open"), bool),
    **dict.fromkeys(("has_checkbox", "is_checked"), bool),
    **dict.fromkeys(("size", "value", "colspan", "rowspan"), int),
    **dict.fromkeys(("expression", "language", "url", "align", "valign"), str),
    **dict.fromkeys(("blocks", "items", "cells"), list),
}


async def send_rich_message(cloud: Cloud, call: Call) -> object:
    message = call.json("rich_message", "rich message")
    if not isinstance(message, dict):
        raise bad_request("object expected as rich message")
    given = [name for name in ("blocks", "markdown", "html") if message.get(name)]
    if not given:
        raise bad_request("rich message must be non-empty")
    if len(given) > 1:  # the real server takes the first and says nothing
        raise bad_request("RICH_MESSAGE_CONTENT_AMBIGUOUS")
    blocks = message.get("blocks") or [{"type": "paragraph", "text": str(message[given[0]])}]
    check = _Check()
    check.read_blocks(blocks, 1)
    keyboard = read_keyboard(call)
    chat = cloud.find_writable_chat(call.text("chat_id"))
    topic_id = find_topic(chat, call)
    if check.refusal is not None:
        raise check.refusal
    check_button_data(keyboard)
    fields = {"rich_message": {"blocks": blocks}, **({"reply_markup": keyboard} if keyboard else {})}
    shown = cloud.new_message(chat, cloud.bot, topic_id, fields | {"text": plain_text(blocks)})
    # unlike the chat page, a program gets no text
    return {name: value for name, value in shown.fields.items() if name != "text"}


class _Check:
    """What has been counted so far; `refusal` is what Telegram's servers say, after the checks of all others."""

    def __init__(self) -> None:
        self.refusal: Refused | None = None
        self._chars = 0
        self._blocks = 0

    def read_blocks(self, blocks: list[Any], depth: int) -> None:
        self._require(bool(blocks), "CONTENT_REQUIRED")
        self._count(len(blocks), depth)
        for block in blocks:
            self._read(block, _BLOCKS.get(_kind(block)), depth)

    def _read(self, node: Any, fields: tuple[set[str], set[str]] | None, depth: int) -> None:
        if fields is None:
            raise _malformed(f'type "{_kind(node)}" is unsupported')
        _check_fields(node, *fields)
        for name in _TEXT_FIELDS:
            if name in node:
                self._require(bool(node[name]) or name not in fields[0], "CONTENT_REQUIRED")
                self._read_text(node[name], depth)
        self._chars += len(node.get("expression", ""))
        self._require(self._chars <= _LIMIT_CHARS, "TEXT_TOO_LONG")
        self._require(normalise_link(node.get("url", "tg://x")) is not None, "URL_INVALID")
        if not 1 <= node.get("size", 1) <= 6:
            raise bad_request("invalid section heading size specified")
        if "blocks" in node:
            self.read_blocks(node["blocks"], depth + 1)
        if "items" in node:
            self._read_items(node["items"], depth)
        for row in node.get("cells", ()):
            self._read_row(row, depth)

    def _read_items(self, items: list[Any], depth: int) -> None:
        self._count(len(items), depth)
        for item in items:
            self._read(item, _ITEM, depth)
            if item.get("type", "1") not in {"a", "A", "i", "I", "1"}:
                raise bad_request("invalid list item type specified")
            # what the real server adds to the items it gives back; letters and Roman numbers are shown as numbers
            item["label"] = f"{item.get('value', 0)}." if "type" in item else "•"
        if not items:
            raise bad_request("list must be non-empty")
        if len({"type" in item for item in items}) > 1:
            raise bad_request("list must be either ordered or unordered")

    def _read_row(self, row: Any, depth: int) -> None:
        if not isinstance(row, list):
            raise _malformed("expected an Array of Arrays of cells")
        self._count(1, depth)
        self._require(len(row) <= _LIMIT_COLUMNS, "TABLE_COLS_TOO_MANY")
        for cell in row:
            self._read(cell, _CELL, depth)
            if cell.setdefault("align", "left") not in {"left", "center", "right"}:
                raise _malformed("invalid horizontal alignment")
            if cell.setdefault("valign", "middle") not in {"top", "middle", "bottom"}:
                raise _malformed("invalid vertical alignment")

    def _read_text(self, text: Any, depth: int) -> None:
        if isinstance(text, str):
            self._chars += len(text)
        elif isinstance(text, list):
            for part in text:
                self._read_text(part, depth)
        elif _kind(text) in _TEXTS:
            self._count(0, depth + 1)
            self._read(text, _TEXTS[_kind(text)], depth + 1)
        else:
            raise _malformed("unsupported rich text type")

    def _count(self, blocks: int, depth: int) -> None:
        self._blocks += blocks
        self._require(self._blocks <= _LIMIT_BLOCKS, "BLOCKS_TOO_MANY")
        self._require(depth <= _LIMIT_DEPTH, "DEPTH_INVALID")

    def _require(self, is_right: bool, otherwise: str) -> None:
        if not is_right and self.refusal is None:
            self.refusal = bad_request(f"RICH_MESSAGE_{otherwise}")


def _kind(node: Any) -> str:
    if not isinstance(node, dict):
        raise _malformed("expected an Object")
    if not isinstance(node.get("type"), str):
        raise _malformed('Can\'t find field "type"')
    return str(node["type"])


def _check_fields(node: Any, needed: set[str], optional: set[str]) -> None:
    if not isinstance(node, dict):
        raise _malformed("expected an Object")
    for name in sorted(needed - node.keys()):
        raise _malformed(f'Can\'t find field "{name}"')
    for name, value in node.items():
        if name not in needed | optional | {"type"}:
            # the real server ignores it without a word, and what was meant with it
            raise _malformed(f'field "{name}" is unknown')
        if not isinstance(value, _KINDS.get(name, object)):
            raise _malformed(f'Field "{name}" must be of another type')


def _malformed(problem: str) -> Refused:
    return bad_request(f"can't parse InputRichBlock: {problem}")


def plain_text(blocks: list[Node]) -> str:
    """Return checked blocks as text, lists with their labels, quotes and what is inside details indented."""
    return "\n\n".join(_block_text(block) for block in blocks)


def _block_text(block: Node) -> str:
    match block["type"]:
        case "list":
            return "\n".join(_item_text(item) for item in block["items"])
        case "table":
            rows = (" │ ".join(_shown(cell.get("text", "")) for cell in row).rstrip() for row in block["cells"])
            return "\n".join(rows)
        case "divider":
            return "─" * 12
        case "blockquote":
            return _indented("> ", plain_text(block["blocks"]), "> ")
        case "details":
            return _indented(f"▸ {_shown(block['summary'])}\n  ", plain_text(block["blocks"]))
        case _:
            return _shown(block)


def _item_text(item: Node) -> str:
    box = ("☑" if item.get("is_checked") else "☐") if item.get("has_checkbox") else ""
    label = " ".join(([item["label"]] if "type" in item or not box else []) + ([box] if box else []))
    return _indented(f"{label} ", plain_text(item["blocks"]))


def _indented(first: str, text: str, rest: str = "  ") -> str:
    return first + indent(text, rest).removeprefix(rest)


def _shown(text: Any) -> str:
    if isinstance(text, list):
        return "".join(map(_shown, text))
    return text if isinstance(text, str) else _shown(text.get("expression", text.get("text", "")))
