"""The rules every text has to pass on its way into a chat, in Telegram's order and with Telegram's refusals.

Raw size, markup, cleaning, trimming, emptiness, length, number of entities: Client::get_formatted_text of
tdlib/telegram-bot-api and fix_formatted_text of tdlib/td. What Telegram links on its own (addresses, @names, #tags)
is not found here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from herald.rehearsal import markup, tdlib
from herald.rehearsal.call import Call
from herald.rehearsal.links import normalise_link
from herald.rehearsal.markup import BadMarkup, Entity, Formatted, in_order, width_utf16
from herald.rehearsal.refusal import Refused, bad_request

MESSAGE_LIMIT = 4096  # Unicode code points, after parsing and trimming
CAPTION_LIMIT = 1024
_RAW_LIMIT_BYTES = 1 << 15
_ENTITY_LIMIT = 100

_STYLES = ("bold", "italic", "underline", "strikethrough", "spoiler")
_CODE = frozenset({"code", "pre"})
_QUOTES = frozenset({"blockquote", "expandable_blockquote"})
_DROPPED = re.compile("[\r\u202a-\u202e\u0333\u033f\u030a]")
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")
# What Telegram shows as nothing; the Hangul filler U+3164 counts as visible
_INVISIBLE = re.compile(
    "[\\s\u00a0\u00ad\u115f\u1160\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\ufeff\U000e0000-\U000e007f]*"
)


def read_text(call: Call, name: str, entities_name: str) -> Formatted:
    """Read a text as it comes with a call, up to the point where the real server turns to the chat. Raises Refused."""
    text, mode = call.text(name), call.text("parse_mode").lower()
    if len(text.encode(errors="replace")) > _RAW_LIMIT_BYTES:
        raise bad_request("text is too long")
    if text and mode not in {"", "none"}:
        if mode != "html":
            raise bad_request("unsupported parse_mode")
        try:
            return tdlib.parse_html(text) if tdlib.INSTALLED else markup.parse_html(text)
        except BadMarkup as error:
            raise bad_request(f"can't parse entities: {error}") from None
    return Formatted(text, _given_entities(call, entities_name))


def check_text(formatted: Formatted, limit: int, too_long: str, *, may_be_empty: bool = True) -> Formatted:
    """Return the text as the chat shows it; `limit` is in code points. Raises Refused."""
    shown = _trim(_clean(formatted))
    if _INVISIBLE.fullmatch(shown.text):
        if not may_be_empty:
            raise bad_request("text must be non-empty")
        return Formatted("", [])
    if len(shown.text) > limit:
        raise bad_request(too_long)
    return Formatted(shown.text, _capped(_nested(shown.entities)))


def _given_entities(call: Call, name: str) -> list[Entity]:
    try:
        given = call.json(name, "entities") or []
    except Refused:
        return []  # the real server sends the text plain
    entities = []
    for entity in given if isinstance(given, list) else []:
        kind, offset, length = (entity.get(key) for key in ("type", "offset", "length"))
        if kind not in markup.PRIORITIES or not isinstance(offset, int) or not isinstance(length, int):
            continue
        if kind == "text_link":
            link = normalise_link(str(entity.get("url", "")))
            if link is None:
                raise bad_request(f"entity URL '{entity.get('url', '')}' is invalid: Wrong HTTP URL")
            entity = entity | {"url": link}
        if length > 0:
            entities.append(entity)
    return in_order(entities)


def _clean(formatted: Formatted) -> Formatted:
    """Take out what Telegram never shows, and move the entities with the text."""
    kept: list[str] = []
    moved = [0]  # new offset of every old one, in UTF-16 units
    for char in formatted.text:
        new = "" if _DROPPED.match(char) else _CONTROL.sub(" ", char)
        kept.append(new)
        moved += [moved[-1] + width_utf16(new)] * width_utf16(char)
    return _cut(Formatted("".join(kept), formatted.entities), moved)


def _trim(formatted: Formatted) -> Formatted:
    """Take off spaces and line feeds around the text, in front only up to the first entity."""
    text = formatted.text.rstrip(" \n")
    leading = len(text) - len(text.lstrip(" \n"))
    leading = min([leading, *(entity["offset"] for entity in formatted.entities)])
    end = width_utf16(text)
    moved = [min(max(old, leading), end) - leading for old in range(width_utf16(formatted.text) + 1)]
    return _cut(Formatted(text[leading:], formatted.entities), moved)


def _cut(formatted: Formatted, moved: list[int]) -> Formatted:
    entities = []
    for entity in formatted.entities:
        begin, end = (min(at, len(moved) - 1) for at in (entity["offset"], entity["offset"] + entity["length"]))
        if moved[end] > moved[begin]:
            entities.append(entity | {"offset": moved[begin], "length": moved[end] - moved[begin]})
    return Formatted(formatted.text, entities)


def _nested(entities: list[Entity]) -> list[Entity]:
    """Make a tree of them, as TDLib does.

    Code swallows styles, quotes and links do not nest; equal styles are merged, then all are cut where one begins.
    """
    quotes = _side_by_side(entity for entity in entities if entity["type"] in _QUOTES)
    others = _side_by_side(entity for entity in entities if entity["type"] not in _QUOTES.union(_STYLES))
    placed = quotes + [entity for entity in others if not _is_cut(entity, quotes)]
    code = [_range(entity) for entity in placed if entity["type"] in _CODE]
    styled = {style: _merged(_range(entity) for entity in entities if entity["type"] == style) for style in _STYLES}
    cuts = {at for entity in placed for at in _range(entity)}
    cuts |= {begin for ranges in styled.values() for begin, _ in ranges if not _within(begin, code)}
    for style, ranges in styled.items():
        for begin, end in ranges:
            for a, b in pairwise([begin, *sorted(at for at in cuts if begin < at < end), end]):
                if not _within(a, code):
                    placed.append({"type": style, "offset": a, "length": b - a})
    return in_order(placed)


def _side_by_side(entities: Iterable[Entity]) -> list[Entity]:
    """Keep the outermost of those that overlap."""
    kept: list[Entity] = []
    for entity in in_order(list(entities)):
        if not kept or entity["offset"] >= _range(kept[-1])[1]:
            kept.append(entity)
    return kept


def _is_cut(entity: Entity, quotes: list[Entity]) -> bool:
    """Say whether a quotation begins or ends within the entity."""
    begin, end = _range(entity)
    return any(begin < a < end or begin < b < end or (begin < a and b < end) for a, b in map(_range, quotes))


def _capped(entities: list[Entity]) -> list[Entity]:
    """Keep 100 entities: the styles go first, even at the top of the message; custom emoji are not counted."""
    free = [entity for entity in entities if entity["type"] == "custom_emoji"]
    counted = [entity for entity in entities if entity["type"] != "custom_emoji"]
    counted.sort(key=lambda entity: entity["type"] in _STYLES)
    return in_order(free + counted[:_ENTITY_LIMIT])


def _range(entity: Entity) -> tuple[int, int]:
    return entity["offset"], entity["offset"] + entity["length"]


def _within(at: int, ranges: list[tuple[int, int]]) -> bool:
    return any(begin <= at < end for begin, end in ranges)


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(ranges):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
