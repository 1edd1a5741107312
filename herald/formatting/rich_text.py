"""The text of one block of a rich message: styles nest in it, and links are a part of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from herald.formatting.clean import clean
from herald.formatting.inline import is_linkable

if TYPE_CHECKING:
    from markdown_it.token import Token

Styled = dict[str, Any]
Text = str | Styled | list[str | Styled]  # https://core.telegram.org/bots/api#richtext

_STYLES = {"strong_open": "bold", "em_open": "italic", "s_open": "strikethrough"}
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


class RichText:
    """Inline tokens as `text`, "" if there is none, behind a label; `plain` is the same without styles."""

    def __init__(self, tokens: Sequence[Token], label: str = "") -> None:
        self.has_formula = False
        self._shown: list[str] = []
        # The style that is being read is the last, inside those before it.
        self._open: list[Styled] = [{"text": []}]
        self._kinds: set[str] = set()
        self._target = ""
        self._link_begins = 0
        self._put(label)
        for token in tokens:
            self._add(token)
        self.text = _joined(self._open[0]["text"])
        self.plain = "".join(self._shown)

    def _add(self, token: Token) -> None:
        match token.type:
            case "softbreak" | "hardbreak":
                # Unlike in Markdown and HTML, Telegram keeps a line end in the text of a block.
                self._put("\n")
            case "code_inline":
                self._put(token.content.replace("\t", " "), type="code")
            case "math_inline":
                self._add_formula(token.content.strip())
            case "bare_url" if is_linkable(token.content):
                # Telegram is told not to look for addresses: what else it takes for one would be refused.
                self._put(token.content, type="url", url=token.content)
            case "footnote_ref":
                self._put(f"[{token.meta['label']}]")
            case "link_open":
                self._open_link(str(token.attrs["href"]))
            case "link_close":
                self._close_link()
            case "image":
                self._add_image(token)
            case style if style in _STYLES:
                self._open_style(_STYLES[style])
            case "strong_close" | "em_close" | "s_close":
                self._close_style()
            case _:
                self._put(clean(_LINE_BREAK.sub("\n", token.content)).replace("\t", " "))

    def _put(self, text: str, **style: str) -> None:
        if text:
            self._shown.append(text)
            self._open[-1]["text"].append({**style, "text": text} if style else text)

    def _add_formula(self, expression: str) -> None:
        self.has_formula = True
        self._shown.append(expression)
        self._open[-1]["text"].append({"type": "mathematical_expression", "expression": expression})

    def _open_style(self, kind: str, **fields: str) -> None:
        if kind in self._kinds:
            # Within itself a style changes nothing, and aiogram takes 22 times longer to check every level of styles.
            self._open.append(self._open[-1])
        else:
            self._kinds.add(kind)
            self._open.append({"type": kind, **fields, "text": []})

    def _close_style(self) -> None:
        style = self._open.pop()
        if style is not self._open[-1]:
            self._kinds.remove(style["type"])
            style["text"] = _joined(style["text"])
            self._open[-1]["text"] += [style] if style["text"] else []

    def _open_link(self, target: str) -> None:
        self._target = clean(target)
        self._link_begins = len(self._shown)
        if is_linkable(self._target):
            self._open_style("url", url=self._target)

    def _close_link(self) -> None:
        text, target = "".join(self._shown[self._link_begins :]), self._target
        self._target = ""
        if "url" in self._kinds:
            self._put("" if text else target)
            self._close_style()
        elif target not in ("", text, f"mailto:{text}"):
            self._put(" (" if text else "")
            self._put(target, type="code")
            self._put(")" if text else "")

    def _add_image(self, token: Token) -> None:
        """Show an image as a link with its description; inside a link it is only the description."""
        text = "".join(" " if child.type.endswith("break") else child.content for child in token.children or ())
        is_linked = bool(self._target)
        if not is_linked:
            self._open_link(str(token.attrs["src"]))
        self._put(clean(text).strip())
        if not is_linked:
            self._close_link()


def _joined(parts: list[str | Styled]) -> Text:
    """Return the parts as one text, with neighbours that are plain in one piece."""
    joined: list[str | Styled] = []
    for is_plain, group in groupby(parts, lambda part: isinstance(part, str)):
        neighbours = list(group)
        joined += ["".join(map(str, neighbours))] if is_plain else neighbours
    return joined[0] if len(joined) == 1 else joined or ""
