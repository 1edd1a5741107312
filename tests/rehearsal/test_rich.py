"""Rich messages: a real aiogram Bot sends and reads them, and what Telegram would refuse is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, InputRichMessage, RichBlockList, RichBlockTable

import herald.telegram.lean  # noqa: F401 - before aiogram
from herald.rehearsal.bot_api import OWNER, TOKEN, BotApi
from tests.rehearsal.conftest import Ask

WORD = {"type": "paragraph", "text": "word"}
EMPTY = {"align": "left", "valign": "top"}
CELL = EMPTY | {"text": "x"}


@pytest.fixture
async def bot(api: BotApi) -> AsyncIterator[Bot]:
    api.text("hello")
    async with Bot(TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(api.url))) as bot:
        yield bot


def message(*blocks: dict[str, Any]) -> InputRichMessage:
    return InputRichMessage.model_validate({"blocks": blocks, "skip_entity_detection": True})


def item(*blocks: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {"type": "list", "items": [{"blocks": blocks, **fields}]}


def nested(block: dict[str, Any], levels: int) -> dict[str, Any]:
    for _ in range(levels):
        block = {"type": "blockquote", "blocks": [block]}
    return block


async def test_aiogram_reads_the_rich_message_it_sent(api: BotApi, bot: Bot) -> None:
    api.text("in a topic", topic_id=7)
    button = InlineKeyboardButton(text="Stop", callback_data="stop")
    sent = await bot.send_rich_message(
        OWNER,
        message(
            {"type": "heading", "size": 2, "text": ["Plan ", {"type": "code", "text": "x"}]},
            {"type": "list", "items": [{"blocks": [WORD], "has_checkbox": True, "is_checked": True}]},
            item(WORD, nested(WORD, 1), value=3, type="1"),
            {"type": "table", "cells": [[CELL | {"is_header": True}, CELL], [CELL, EMPTY]], "is_bordered": True},
            {"type": "mathematical_expression", "expression": "x^2"},
            {"type": "divider"},
            {"type": "details", "summary": "More", "blocks": [WORD]},
        ),
        message_thread_id=7,
        reply_markup=InlineKeyboardMarkup(inline_keyboard=[[button]]),
    )
    assert sent.text is None
    assert sent.rich_message is not None
    _, tasks, _, table, *_ = sent.rich_message.blocks
    assert isinstance(tasks, RichBlockList)
    assert (tasks.items[0].label, tasks.items[0].is_checked) == ("•", True)
    assert isinstance(table, RichBlockTable)
    assert table.cells[1][1].align == "left"
    shown = api.messages()[-1]
    assert shown.text == (
        "Plan x\n\n☑ word\n\n3. word\n\n  > word\n\nx │ x\nx │\n\nx^2\n\n────────────\n\n▸ More\n  word"
    )
    assert "rich_message" in shown.fields
    assert (shown.topic_id, shown.buttons) == (7, {"Stop": "stop"})


@pytest.mark.parametrize("source", ["markdown", "html"])
async def test_a_source_that_only_telegram_can_read_is_shown_as_it_is(api: BotApi, bot: Bot, source: str) -> None:
    await bot.send_rich_message(OWNER, InputRichMessage.model_validate({source: "**hi**"}))
    assert api.texts() == ["**hi**"]


@pytest.mark.parametrize(
    ("blocks", "refusal"),
    [
        ([WORD] * 501, "BLOCKS_TOO_MANY"),
        ([{"type": "list", "items": [{"blocks": [WORD]}] * 250}], "BLOCKS_TOO_MANY"),
        ([{"type": "table", "cells": [[CELL]] * 500}], "BLOCKS_TOO_MANY"),
        ([{"type": "table", "cells": [[CELL] * 21]}], "TABLE_COLS_TOO_MANY"),
        ([nested(WORD, 16)], "DEPTH_INVALID"),
        ([nested({"type": "paragraph", "text": {"type": "bold", "text": "x"}}, 15)], "DEPTH_INVALID"),
        ([{"type": "pre", "text": "x" * 32_767}, WORD], "TEXT_TOO_LONG"),
        ([{"type": "heading", "text": "", "size": 1}], "CONTENT_REQUIRED"),
        ([{"type": "blockquote", "blocks": []}], "CONTENT_REQUIRED"),
        ([{"type": "paragraph", "text": {"type": "url", "text": "x", "url": "/x"}}], "URL_INVALID"),
    ],
)
async def test_what_exceeds_a_limit_is_refused(bot: Bot, blocks: list[dict[str, Any]], refusal: str) -> None:
    with pytest.raises(TelegramBadRequest, match=f"Bad Request: RICH_MESSAGE_{refusal}"):
        await bot.send_rich_message(OWNER, message(*blocks))


async def test_what_is_just_within_the_limits_is_taken(api: BotApi, bot: Bot) -> None:
    await bot.send_rich_message(OWNER, message(*[WORD] * 500))
    await bot.send_rich_message(OWNER, message(nested(WORD, 15)))
    await bot.send_rich_message(OWNER, message({"type": "table", "cells": [[CELL] * 20]}))
    await bot.send_rich_message(OWNER, message({"type": "pre", "text": "😀" * 32_768, "language": "py"}))
    assert len(api.texts()) == 4


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ("x", "expected an Object"),
        ({}, 'Can\'t find field "type"'),
        ({"type": "sectionHeading"}, 'type "sectionHeading" is unsupported'),
        ({"type": "heading", "text": "x"}, 'Can\'t find field "size"'),
        ({"type": "heading", "text": "x", "size": "1"}, 'Field "size" must be of another type'),
        ({"type": "paragraph", "text": "x", "header": "y"}, 'field "header" is unknown'),
        ({"type": "paragraph", "text": 1}, "expected an Object"),
        ({"type": "paragraph", "text": [{"type": "plain", "text": "x"}]}, "unsupported rich text type"),
        ({"type": "list", "items": ["x"]}, "expected an Object"),
        ({"type": "table", "cells": ["x"]}, "expected an Array of Arrays of cells"),
        ({"type": "table", "cells": [[{"align": "justify"}]]}, "invalid horizontal alignment"),
        ({"type": "table", "cells": [[{"valign": "center"}]]}, "invalid vertical alignment"),
    ],
)
async def test_a_block_of_the_wrong_form_is_refused_before_the_chat_is_looked_for(
    ask: Ask, block: object, problem: str
) -> None:
    answer = await ask("sendRichMessage", chat_id=1, rich_message={"blocks": [block]})
    assert answer == f"400 Bad Request: can't parse InputRichBlock: {problem}"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("x", "can't parse rich message JSON object"),
        ([], "object expected as rich message"),
        ({}, "rich message must be non-empty"),
        ({"blocks": [WORD], "html": "x"}, "RICH_MESSAGE_CONTENT_AMBIGUOUS"),
        ({"blocks": [{"type": "heading", "text": "x", "size": 7}]}, "invalid section heading size specified"),
        ({"blocks": [{"type": "list", "items": []}]}, "list must be non-empty"),
        ({"blocks": [item(WORD, type="x")]}, "invalid list item type specified"),
        (
            {"blocks": [{"type": "list", "items": [{"blocks": [WORD]}, {"blocks": [WORD], "type": "1", "value": 1}]}]},
            "list must be either ordered or unordered",
        ),
        ({"blocks": [WORD]}, "chat not found"),
    ],
)
async def test_a_message_of_the_wrong_form_is_refused(ask: Ask, given: object, problem: str) -> None:
    assert await ask("sendRichMessage", chat_id=1, rich_message=given) == f"400 Bad Request: {problem}"


async def test_a_numbered_task_shows_its_number_and_its_box(api: BotApi, bot: Bot) -> None:
    await bot.send_rich_message(OWNER, message(item(WORD, value=1, type="1", has_checkbox=True)))
    assert api.texts() == ["1. ☐ word"]
