"""Telegram's HTML, read as TDLib reads it: a text, and entities that point into it in UTF-16 code units.

This is herald's own reader, which needs nothing installed; where the tdjson package is, `tdlib` is asked instead, and
tests compare the two. https://core.telegram.org/bots/api#html-style
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from typing import Any, NoReturn

from herald.rehearsal.links import mentioned_user, normalise_link

Entity = dict[str, Any]  # a MessageEntity of the Bot API

_KINDS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "a": "text_link",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
}
# TDLib's order of entities on one range; the styles come last
_ON_ONE_RANGE = ("blockquote", "expandable_blockquote", "pre", "code", "text_link", "text_mention", "date_time")
PRIORITIES = {
    kind: rank
    for rank, kind in enumerate(
        (*_ON_ONE_RANGE, "custom_emoji", "bold", "italic", "underline", "strikethrough", "spoiler")
    )
}
_CHARACTERS = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,8})|#([0-9]{1,10})|(lt|gt|amp|quot));?")
_NAME_TOKEN = string.ascii_letters + string.digits + ".-"
_SPACE = " \t\n\v\f\r"


class BadMarkup(Exception):
    """Text that Telegram refuses to parse; says where and why in TDLib's words."""


@dataclass(frozen=True, slots=True)
class Formatted:
    """A text and its entities, in Telegram's order."""

    text: str
    entities: list[Entity]


def parse_html(source: str) -> Formatted:
    """Read Telegram HTML. Raises BadMarkup."""
    return _Reader(source).read()


def width_utf16(text: str) -> int:
    return len(text) + sum(char > "\uffff" for char in text)


def named_only(user_id: int) -> dict[str, Any]:
    """Return the Bot API's User object of a person known by number only."""
    return {"id": user_id, "is_bot": False, "first_name": f"Person {user_id}"}


def in_order(entities: list[Entity]) -> list[Entity]:
    """Sort as Telegram does: by where they begin, the longer before the shorter."""
    return sorted(entities, key=lambda e: (e["offset"], -e["length"], PRIORITIES[e["type"]]))


@dataclass(slots=True)
class _Tag:
    name: str
    begin: int  # in the text, UTF-16 units
    attributes: dict[str, str]
    text_index: int


@dataclass(slots=True)
class _Reader:
    """Where reading stands; `width` is that of `text` so far, in UTF-16 units."""

    source: str
    at: int = 0
    text: list[str] = field(default_factory=list)
    width: int = 0
    open_tags: list[_Tag] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)

    def read(self) -> Formatted:
        while self.at < len(self.source):
            if self.source[self.at] != "<":
                self._add(self._character())
            elif self.source.startswith("</", self.at) and self.open_tags:
                self._end_tag()
            elif self.source.startswith("</", self.at):
                self._fail("Unexpected end tag", self.at)
            else:
                self._start_tag()
        if self.open_tags:
            raise BadMarkup(f'Can\'t find end tag corresponding to start tag "{self.open_tags[-1].name}"')
        text = "".join(self.text)
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise BadMarkup(
                "Text contains invalid Unicode characters after decoding HTML entities, "
                "check for unmatched surrogate code units"
            )
        for entity in self.entities:
            if entity["type"] == "code":  # a language counts with pre only
                entity.pop("language", None)
        return Formatted(text, in_order(self.entities))

    def _add(self, text: str) -> None:
        self.text.append(text)
        self.width += width_utf16(text)

    def _character(self) -> str:
        """Take one character, or one reference to a character; a reference that means nothing is plain text."""
        found = _REFERENCE.match(self.source, self.at)
        char = _referenced(found) if found else None
        if found is None or char is None:
            self.at += 1
            return self.source[self.at - 1]
        self.at = found.end()
        return char

    def _start_tag(self) -> None:
        begin = self.at
        self.at += 1
        name = self._until(_SPACE + ">").lower()
        if self.at == len(self.source):
            self._fail("Unclosed start tag", begin)
        if name not in _KINDS:
            self._fail(f'Unsupported start tag "{name}"', begin)
        attributes = self._attributes(name, begin)
        if name == "span" and attributes.get("class") != "tg-spoiler":
            self._fail('Tag "span" must have class "tg-spoiler"', begin)
        self.at += 1
        self.open_tags.append(_Tag(name, self.width, attributes, len(self.text)))

    def _attributes(self, tag: str, begin: int) -> dict[str, str]:
        found: dict[str, str] = {}
        while self._after_space() != ">":
            name = self._until(_SPACE + "=>/\"'")
            if not name:
                if self.at == len(self.source):
                    self._fail("Unclosed start tag", begin)
                self._fail(f'Empty attribute name in the tag "{tag}"', begin)
            value = ""
            if self._after_space() == "=":
                self.at += 1
                value = self._attribute_value(tag, begin)
            elif self.at == len(self.source):
                self._fail(f'Unclosed start tag "{tag}"', begin)
            found[name] = value
        return found

    def _attribute_value(self, tag: str, begin: int) -> str:
        quote = self._after_space()
        if self.at == len(self.source):
            self._fail(f'Unclosed start tag "{tag}"', begin)
        if quote not in "\"'":
            return self._name_token()
        self.at += 1
        value_chars = []
        while self.at < len(self.source) and self.source[self.at] != quote:
            value_chars.append(self._character())
        if self.at == len(self.source):
            self._fail("Unclosed start tag", begin)
        self.at += 1
        return "".join(value_chars)

    def _name_token(self) -> str:
        begin = self.at
        while self.at < len(self.source) and self.source[self.at] in _NAME_TOKEN:
            self.at += 1
        if self.at < len(self.source) and self.source[self.at] not in _SPACE + ">":
            self._fail("Unexpected end of name token", begin)
        return self.source[begin : self.at].lower()

    def _end_tag(self) -> None:
        begin = self.at
        self.at += 2
        name = self._until(_SPACE + ">").lower()
        if self._after_space() != ">":
            self._fail("Unclosed end tag", begin)
        self.at += 1
        tag = self.open_tags.pop()
        if name and name != tag.name:
            self._fail("Unmatched end tag", begin, f', expected "</{tag.name}>", found "</{name}>"')
        if self.width > tag.begin:
            self._close(tag)

    def _close(self, tag: _Tag) -> None:
        match tag.name:
            case "a":
                self._close_link(tag)
            case "code" | "pre":
                self._close_code(tag)
            case "tg-emoji":
                self._put("custom_emoji", tag, custom_emoji_id=_emoji_id(tag.attributes.get("emoji-id", "")))
            case "tg-time":
                moment = _moment(tag.attributes)
                if moment["unix_time"]:
                    self._put("date_time", tag, **moment)
            case "blockquote" if "expandable" in tag.attributes:
                self._put("expandable_blockquote", tag)
            case _:
                self._put(_KINDS[tag.name], tag)

    def _close_link(self, tag: _Tag) -> None:
        """A link to nowhere is plain text; one without a target has its text for a target."""
        link = normalise_link(tag.attributes.get("href") or "".join(self.text[tag.text_index :]))
        if link is None:
            return
        user_id = mentioned_user(link)
        if user_id is None:
            self._put("text_link", tag, url=link)
        else:
            self._put("text_mention", tag, user=named_only(user_id))

    def _close_code(self, tag: _Tag) -> None:
        """Code with a language that fills a pre, or the other way round, is one entity."""
        given = tag.attributes.get("class", "") if tag.name == "code" else ""
        language = given.removeprefix("language-") if given.startswith("language-") else ""
        last = self.entities[-1] if self.entities else {}
        fills = last.get("offset") == tag.begin and last.get("length") == self.width - tag.begin
        if tag.name == "pre" and fills and last["type"] == "code" and "language" in last:
            last["type"] = "pre"
        elif language and fills and last["type"] == "pre" and "language" not in last:
            last["language"] = language
        elif language:
            self._put("code", tag, language=language)
        else:
            self._put(_KINDS[tag.name], tag)

    def _put(self, kind: str, tag: _Tag, **extra: object) -> None:
        self.entities.append({"type": kind, "offset": tag.begin, "length": self.width - tag.begin, **extra})

    def _until(self, stops: str) -> str:
        begin = self.at
        while self.at < len(self.source) and self.source[self.at] not in stops:
            self.at += 1
        return self.source[begin : self.at]

    def _after_space(self) -> str:
        """Skip space and return the character there, not taking it; "" at the end."""
        while self.at < len(self.source) and self.source[self.at] in _SPACE:
            self.at += 1
        return self.source[self.at : self.at + 1]

    def _fail(self, reason: str, index: int, detail: str = "") -> NoReturn:
        offset = len(self.source[:index].encode(errors="surrogatepass"))
        raise BadMarkup(f"{reason} at byte offset {offset}{detail}")


def _referenced(reference: re.Match[str]) -> str | None:
    """Return the character that a reference names, None if there is no such character."""
    hexadecimal, decimal, name = reference.groups()
    if name:
        return _CHARACTERS[name]
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return chr(code) if 0 < code < 0x110000 else None


def _emoji_id(given: str) -> str:
    if not re.fullmatch(r"-?\d{1,19}", given, re.ASCII) or not -(2**63) <= int(given) < 2**63 or not int(given):
        raise BadMarkup("Invalid custom emoji identifier specified")
    return given


def _moment(attributes: dict[str, str]) -> dict[str, Any]:
    """Read the attributes of tg-time: seconds since 1970, and r, or any of w, d or D, t or T."""
    unix, form = attributes.get("unix", ""), attributes.get("format", "")
    unix_time = int(unix) if re.fullmatch(r"\d{1,10}", unix, re.ASCII) else 0
    if form in {"r", "R"}:
        return {"unix_time": unix_time, "date_time_format": "r"}
    if not set(form) <= set("wWdDtT"):
        raise BadMarkup("Invalid date format used")
    wanted = "".join(next((char for char in form if char in pair), "") for pair in ("wW", "dD", "tT")).replace("W", "w")
    return {"unix_time": unix_time} | ({"date_time_format": wanted} if wanted else {})
