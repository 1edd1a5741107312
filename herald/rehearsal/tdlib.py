"""TDLib's own HTML reader, which the real Bot API calls, where the tdjson package is installed."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import orjson

from herald.rehearsal.markup import BadMarkup, Entity, Formatted, in_order, named_only

INSTALLED = importlib.util.find_spec("tdjson") is not None

_TYPES = {
    "textEntityTypeBlockQuote": "blockquote",
    "textEntityTypeBold": "bold",
    "textEntityTypeCode": "code",
    "textEntityTypeCustomEmoji": "custom_emoji",
    "textEntityTypeDateTime": "date_time",
    "textEntityTypeExpandableBlockQuote": "expandable_blockquote",
    "textEntityTypeItalic": "italic",
    "textEntityTypeMentionName": "text_mention",
    "textEntityTypePre": "pre",
    "textEntityTypePreCode": "pre",
    "textEntityTypeSpoiler": "spoiler",
    "textEntityTypeStrikethrough": "strikethrough",
    "textEntityTypeTextUrl": "text_link",
    "textEntityTypeUnderline": "underline",
}


def parse_html(source: str) -> Formatted:
    """Read Telegram HTML. Raises BadMarkup; ImportError if tdjson is not installed."""
    answer = execute(
        {"@type": "parseTextEntities", "text": source, "parse_mode": {"@type": "textParseModeHTML"}},
    )
    if answer["@type"] == "error":
        raise BadMarkup(answer["message"].removeprefix("Can't parse entities: "))
    return Formatted(answer["text"], in_order([_entity(given) for given in answer["entities"]]))


def execute(request: dict[str, Any]) -> dict[str, Any]:
    """Run one of TDLib's functions that need neither account nor network."""
    answer = _library()(orjson.dumps(request))
    assert answer is not None, "TDLib answers every request that is JSON"
    return dict(orjson.loads(answer))


@functools.cache
def _library() -> Callable[[bytes], bytes | None]:
    from tdjson import td_execute

    td_execute(b'{"@type": "setLogVerbosityLevel", "new_verbosity_level": 0}')
    return td_execute


def _entity(given: dict[str, Any]) -> Entity:
    kind = given["type"]
    entity: Entity = {"type": _TYPES[kind["@type"]], "offset": given["offset"], "length": given["length"]}
    for name in ("url", "language", "custom_emoji_id", "unix_time"):
        if kind.get(name):
            entity[name] = kind[name]
    if "user_id" in kind:
        entity["user"] = named_only(kind["user_id"])
    if "formatting_type" in kind:
        entity["date_time_format"] = _date_format(kind["formatting_type"])
    return entity


def _date_format(kind: dict[str, Any]) -> str:
    if kind["@type"] == "dateTimeFormattingTypeRelative":
        return "r"
    letters = "w" if kind["show_day_of_week"] else ""
    for name, short in (("date_precision", "d"), ("time_precision", "t")):
        letters += {"Short": short, "Long": short.upper(), "None": ""}[
            kind[name]["@type"][len("dateTimePartPrecision") :]
        ]
    return letters
