"""What arrives in a chat: messages judged as the Bot API judges them, and what their reader has of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import orjson

from benchmarks.content import Content, link_to, span, words_in
from herald.rehearsal import tdlib
from herald.rehearsal.call import Call
from herald.rehearsal.markup import Entity, Formatted, in_order
from herald.rehearsal.refusal import Refused, bad_request
from herald.rehearsal.text import MESSAGE_LIMIT, check_text, read_text

# The parameters of a sendMessage: text, and parse_mode or entities.
Message = dict[str, Any]

_RAW_LIMIT_BYTES = 1 << 15
_KINDS = {
    "BlockQuote": "blockquote",
    "ExpandableBlockQuote": "expandable_blockquote",
    "PreCode": "pre",
    "TextUrl": "text_link",
}


def arrived(messages: Sequence[Message]) -> tuple[Content, list[str]]:
    """Return what the messages show together, and why some were refused; those show nothing."""
    content, texts, refusals = Content(), [], []
    for message in messages:
        try:
            shown = _sent(message)
        except Refused as refusal:
            refusals.append(refusal.description)
            continue
        texts.append(shown.text)
        content += _content_of(shown)
    content.words.update(_cut_words(texts))
    return content, refusals


def _sent(message: Message) -> Formatted:
    """Return a message as the chat shows it. Raises Refused."""
    text = message["text"]
    if not text:
        raise bad_request("message text is empty")
    if message.get("parse_mode") == "MarkdownV2":
        formatted = _markdown(text)
    else:
        params = {
            name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in message.items()
        }
        formatted = read_text(Call("sendMessage", params, {}, at_s=0.0), "text", "entities")
    return check_text(formatted, MESSAGE_LIMIT, "message is too long", may_be_empty=False)


def _markdown(text: str) -> Formatted:
    if len(text.encode(errors="replace")) > _RAW_LIMIT_BYTES:
        raise bad_request("text is too long")
    mode = {"@type": "textParseModeMarkdown", "version": 2}
    answer = tdlib.execute({"@type": "parseTextEntities", "text": text, "parse_mode": mode})
    if answer["@type"] == "error":
        raise bad_request(f"can't parse entities: {answer['message']}")
    entities: list[Entity] = []
    for given in answer["entities"]:
        name = given["type"]["@type"].removeprefix("textEntityType")
        kind = {"type": _KINDS.get(name, name.lower()), "offset": given["offset"], "length": given["length"]}
        entities.append(kind | {key: given["type"][key] for key in ("url", "language") if key in given["type"]})
    return Formatted(answer["text"], in_order(entities))


def _content_of(shown: Formatted) -> Content:
    content = Content()
    content.words.update(words_in(shown.text))
    units = shown.text.encode("utf-16-le")
    bold = bytearray(" ".encode("utf-16-le") * (len(units) // 2))
    for entity in shown.entities:
        begin, end = 2 * entity["offset"], 2 * (entity["offset"] + entity["length"])
        text = units[begin:end].decode("utf-16-le")
        match entity["type"]:
            case "bold":
                bold[begin:end] = units[begin:end]
            case "code":
                content.code[span(text)] += 1
            case "pre":
                content.add_code_block(text, entity.get("language", ""))
            case "text_link":
                content.links[link_to(entity["url"]) or ""] += 1
                content.words.update(words_in(entity["url"]))
            case _:
                pass
    content.bold.update(words_in(bold.decode("utf-16-le")))
    content.links.update(_links_found(shown, units))
    return content


def _links_found(shown: Formatted, units: bytes) -> Iterator[str]:
    """Yield the web addresses that Telegram links by itself."""
    taken = [
        range(entity["offset"], entity["offset"] + entity["length"])
        for entity in shown.entities
        if entity["type"] in {"code", "pre", "text_link"}
    ]
    for found in tdlib.execute({"@type": "getTextEntities", "text": shown.text})["entities"]:
        at, end = found["offset"], found["offset"] + found["length"]
        if found["type"]["@type"] == "textEntityTypeUrl" and not any(at in place for place in taken):
            yield link_to(units[2 * at : 2 * end].decode("utf-16-le")) or ""


def _cut_words(texts: Sequence[str]) -> Iterator[str]:
    """Yield words that begin in one message and end in the next."""
    for left, right in pairwise(texts):
        tail, head = left.split()[-1:], right.split()[:1]
        yield from words_in("".join((*tail, *head)))
