"""Telegram's own parser of message markup: TDLib, called offline through the `tdjson` package."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

tdjson = pytest.importorskip("tdjson", reason="TDLib (the tdjson package) is not installed for this platform")

# By default it prints every call.
tdjson.td_execute(b'{"@type": "setLogVerbosityLevel", "new_verbosity_level": 0}')


class RefusedByTelegram(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Entity:
    """One style as Telegram understood it; `kind` is its name in TDLib without `textEntityType`."""

    kind: str
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    text: str
    entities: tuple[Entity, ...]


def parse_html(html: str) -> Parsed:
    """Parse as the Bot API does for parse_mode HTML; raises RefusedByTelegram with its words.

    The entities are those that are sent: split where they overlap, merged where they touch.
    """
    formatted = _execute({"@type": "parseTextEntities", "text": html, "parse_mode": {"@type": "textParseModeHTML"}})
    # TDLib does that splitting in every call but the one above. This one would read Markdown too, so none is left in.
    without_markdown = formatted["text"].translate(dict.fromkeys(map(ord, "_*~|`["), "x"))
    sent = _execute({"@type": "parseMarkdown", "text": {**formatted, "text": without_markdown}})
    return Parsed(formatted["text"], tuple(_entity(formatted["text"], entity) for entity in sent["entities"]))


def links_found_in(text: str) -> list[str]:
    """Return what Telegram would turn into links, mentions or commands by itself."""
    found = _execute({"@type": "getTextEntities", "text": text})["entities"]
    return [_slice(text, entity) for entity in found]


def linked_by_telegram(html: str) -> list[str]:
    """Return what Telegram would make links and the like of in a message, outside of its code and links."""
    formatted = _execute({"@type": "parseTextEntities", "text": html, "parse_mode": {"@type": "textParseModeHTML"}})
    text = formatted["text"]
    covered = [
        entity for entity in formatted["entities"] if entity["type"]["@type"].endswith(("Code", "Pre", "TextUrl"))
    ]
    found = _execute({"@type": "getTextEntities", "text": text})["entities"]
    return [_slice(text, entity) for entity in found if not any(_overlap(entity, other) for other in covered)]


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    begin: int = max(one["offset"], other["offset"])
    return begin < int(min(one["offset"] + one["length"], other["offset"] + other["length"]))


def _execute(request: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(tdjson.td_execute(json.dumps(request).encode()) or b"{}")
    if answer.get("@type") == "error":
        raise RefusedByTelegram(answer["message"])
    return answer


def _entity(text: str, entity: dict[str, Any]) -> Entity:
    kind = entity["type"]
    detail = kind.get("url") or kind.get("language") or ""
    return Entity(kind["@type"].removeprefix("textEntityType"), _slice(text, entity), detail)


def _slice(text: str, entity: dict[str, Any]) -> str:
    """Cut out an entity; Telegram counts in UTF-16 units."""
    units = text.encode("utf-16-le")
    return units[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode("utf-16-le")
