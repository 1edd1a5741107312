"""The rehearsal's answers have the shapes that a real aiogram Bot reads."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest, TelegramRetryAfter
from aiogram.types import (
    BotCommand,
    BotCommandScopeChat,
    BufferedInputFile,
    InaccessibleMessage,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    Message,
    ReactionTypeEmoji,
    ReplyParameters,
)

import herald.telegram.lean  # noqa: F401 - before aiogram
from herald.rehearsal.bot_api import OWNER, TOKEN, BotApi


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with BotApi() as api:
        api.text("hello")
        yield api


@pytest.fixture
async def bot(api: BotApi) -> AsyncIterator[Bot]:
    async with Bot(TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(api.url))) as bot:
        yield bot


async def test_aiogram_reads_who_the_bot_is_and_whom_it_talks_to(bot: Bot) -> None:
    assert (await bot.me()).username == "herald_rehearsal_bot"
    assert (await bot.get_chat(OWNER)).type == "private"
    assert (await bot.get_webhook_info()).pending_update_count == 1
    assert await bot.delete_webhook(drop_pending_updates=True)
    assert (await bot.get_webhook_info()).pending_update_count == 0
    await bot.set_my_commands([BotCommand(command="new", description="Start over")], BotCommandScopeChat(chat_id=OWNER))
    assert (await bot.get_my_commands(BotCommandScopeChat(chat_id=OWNER)))[0].command == "new"


async def test_aiogram_reads_every_kind_of_update(api: BotApi, bot: Bot) -> None:
    sent = await bot.send_message(OWNER, "Run it?", reply_markup=keyboard("Allow", "yes"))
    for kind in ("document", "photo", "voice", "audio", "video", "animation", "video_note"):
        api.upload("a.bin", b"x", kind=kind, caption="look")
    api.text("in a topic", topic_id=7)
    api.text("in a group", chat_id=-1001, topic_id=8)
    api.tap(sent.message_id, "yes")
    await bot.delete_message(OWNER, sent.message_id)
    api.tap(sent.message_id, "yes")
    updates = await bot.get_updates()
    kinds = [update.message.content_type for update in updates if update.message]
    assert kinds == ["text", "document", "photo", "voice", "audio", "video", "animation", "video_note", "text", "text"]
    in_time, late = (update.callback_query for update in updates if update.callback_query)
    assert (in_time.data, type(in_time.message), type(late.message)) == ("yes", Message, InaccessibleMessage)
    assert await bot.answer_callback_query(in_time.id, "done")


async def test_aiogram_reads_what_it_sent(api: BotApi, bot: Bot) -> None:
    await bot.send_chat_action(OWNER, "typing")
    await bot.send_message_draft(OWNER, draft_id=1, text="<b>so f", parse_mode=None)
    first = await bot.send_message(
        OWNER,
        '<pre><code class="language-py">x</code></pre> <a href="x.com">y</a>',
        parse_mode="HTML",
        reply_parameters=ReplyParameters(message_id=1),
        reply_markup=keyboard("Stop", "stop"),
        link_preview_options=LinkPreviewOptions(is_disabled=True),
    )
    assert [(e.type, e.language, e.url) for e in first.entities or []] == [
        ("pre", "py", None),
        ("text_link", None, "http://x.com/"),
    ]
    assert first.reply_to_message is not None
    edited = await bot.edit_message_text("done", chat_id=OWNER, message_id=first.message_id)
    assert isinstance(edited, Message)
    assert (edited.edit_date is not None, edited.reply_markup) == (True, None)
    await bot.edit_message_reply_markup(chat_id=OWNER, message_id=first.message_id, reply_markup=keyboard("Go", "go"))
    await bot.set_message_reaction(OWNER, 1, [ReactionTypeEmoji(emoji="👀")])
    assert [(message.text, message.reaction) for message in api.messages()] == [("hello", "👀"), ("done", None)]


async def test_aiogram_sends_and_loads_files(api: BotApi, bot: Bot) -> None:
    answer = BufferedInputFile(b"long answer", "answer.md")
    sent = await bot.send_document(OWNER, answer, caption="<i>all</i>", parse_mode="HTML")
    assert sent.document is not None
    assert sent.document.file_name == "answer.md"
    assert api.content(sent.document.file_id) == b"long answer"
    photo = await bot.send_photo(OWNER, BufferedInputFile(b"\x89PNG\r\n\x1a\n...", "plot.png"))
    assert photo.photo
    api.upload("voice.ogg", b"OggS", kind="voice")
    update = (await bot.get_updates())[-1]
    assert update.message is not None
    assert update.message.voice is not None
    loaded = await bot.download(update.message.voice)
    assert loaded is not None
    assert loaded.read() == b"OggS"


async def test_aiogram_reads_refusals(api: BotApi, bot: Bot) -> None:
    with pytest.raises(TelegramBadRequest, match='can\'t parse entities: Unsupported start tag "x" at byte offset 0'):
        await bot.send_message(OWNER, "<x>", parse_mode="HTML")
    api.refuse("sendMessage", 429, retry_after=7)
    with pytest.raises(TelegramRetryAfter) as flood:
        await bot.send_message(OWNER, "x")
    assert flood.value.retry_after == 7


def keyboard(label: str, data: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text=label, callback_data=data)]])
