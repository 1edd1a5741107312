"""The rehearsal takes, changes and refuses messages like Telegram, and the phone shows what is left of them."""

from __future__ import annotations

from typing import Any

import pytest

from herald.rehearsal.bot_api import OWNER, BotApi
from herald.rehearsal.chat import Chat, ChatMessage, Draft
from herald.rehearsal.cloud import person
from tests.rehearsal.conftest import Ask

NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)


async def said(api: BotApi, ask: Ask, text: str = "hi") -> Any:
    """Let the owner write, so that the bot may, and the bot answer."""
    api.text("hello")
    return await ask("sendMessage", chat_id=OWNER, text=text)


def buttons(*data: str) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": each, "callback_data": each} for each in data]]}


@pytest.mark.parametrize(
    ("params", "answer"),
    [
        ({"chat_id": OWNER}, "400 Bad Request: message text is empty"),
        ({"text": "x"}, "400 Bad Request: chat_id is empty"),
        ({"chat_id": 7, "text": "x"}, "400 Bad Request: chat not found"),
        ({"chat_id": "@somebody", "text": "x"}, "400 Bad Request: chat not found"),
        (
            {"chat_id": 7, "text": "<b", "parse_mode": "html"},
            "400 Bad Request: can't parse entities: Unclosed start tag",
        ),
        ({"chat_id": OWNER, "text": " "}, "400 Bad Request: text must be non-empty"),
        ({"chat_id": OWNER, "text": "x" * 4097}, "400 Bad Request: message is too long"),
        ({"chat_id": OWNER, "text": "x", "message_thread_id": 5}, "400 Bad Request: message thread not found"),
        (
            {"chat_id": OWNER, "text": "x", "reply_parameters": {"message_id": 99}},
            "400 Bad Request: message to be replied not found",
        ),
        (
            {"chat_id": OWNER, "text": "x", "reply_parameters": {"message_id": 1, "quote": "never said"}},
            "400 Bad Request: QUOTE_TEXT_INVALID",
        ),
        ({"chat_id": OWNER, "text": "x", "reply_markup": buttons("ы" * 33)}, "400 Bad Request: BUTTON_DATA_INVALID"),
        (
            {"chat_id": OWNER, "text": "x", "reply_markup": {"inline_keyboard": [[{"text": "x"}]]}},
            "400 Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        ({"chat_id": OWNER, "text": "x", "reply_markup": "{"}, "400 Bad Request: can't parse reply keyboard markup"),
    ],
)
async def test_a_wrong_message_is_refused(api: BotApi, ask: Ask, params: dict[str, Any], answer: str) -> None:
    api.text("hello")
    assert (await ask("sendMessage", **params)).startswith(answer)
    assert api.texts() == []


async def test_a_bot_cannot_write_first(api: BotApi, ask: Ask) -> None:
    refused = "403 Forbidden: bot can't initiate conversation with a user"
    assert await ask("sendMessage", chat_id=OWNER, text="x") == refused
    assert await ask("sendChatAction", chat_id=OWNER, action="typing") == refused


async def test_a_lost_reply_target_can_be_forgiven(api: BotApi, ask: Ask) -> None:
    await said(api, ask)
    forgiving = {"message_id": 99, "allow_sending_without_reply": True}
    sent = await ask("sendMessage", chat_id=OWNER, text="alone", reply_parameters=forgiving)
    assert (sent["text"], "reply_to_message" in sent) == ("alone", False)


async def test_messages_go_to_their_topic(api: BotApi, ask: Ask) -> None:
    api.text("in a topic", chat_id=-1001, topic_id=5)
    sent = await ask("sendMessage", chat_id=-1001, text="x", message_thread_id=5)
    assert (sent["message_thread_id"], sent["is_topic_message"], sent["chat"]["type"]) == (5, True, "supergroup")
    assert api.texts(-1001) == ["x"]
    assert api.texts() == []


async def test_the_phone_shows_edits_and_not_what_was_deleted(api: BotApi, ask: Ask) -> None:
    kept, gone = await said(api, ask, "one"), await said(api, ask, "two")
    await ask("editMessageText", chat_id=OWNER, message_id=kept["message_id"], text="<b>1</b>", parse_mode="HTML")
    assert await ask("deleteMessage", chat_id=OWNER, message_id=gone["message_id"])
    assert api.texts() == ["1"]
    shown = api.messages()[1]
    assert (shown.edited, shown.from_bot, shown.entities) == (True, True, [{"type": "bold", "offset": 0, "length": 1}])


async def test_an_edit_without_buttons_takes_them_away(api: BotApi, ask: Ask) -> None:
    api.text("hello")
    sent = await ask("sendMessage", chat_id=OWNER, text="Run?", reply_markup=buttons("yes"))
    await ask("editMessageReplyMarkup", chat_id=OWNER, message_id=sent["message_id"])
    assert (api.texts(), api.messages()[-1].buttons) == (["Run?"], {})


async def test_an_edit_that_changes_nothing_is_refused(api: BotApi, ask: Ask) -> None:
    api.text("hello")
    html = {"chat_id": OWNER, "parse_mode": "HTML", "reply_markup": buttons("a")}
    sent = await ask("sendMessage", text="<b>x</b>", **html)
    edit = {"message_id": sent["message_id"], "text": "<strong>x</strong>"}
    assert await ask("editMessageText", **edit, **html) == f"400 {NOT_MODIFIED}"
    assert await ask("editMessageReplyMarkup", message_id=sent["message_id"], **html) == f"400 {NOT_MODIFIED}"
    edited = await ask("editMessageText", **edit, chat_id=OWNER, parse_mode="HTML")
    assert (edited["text"], "reply_markup" in edited) == ("x", False)


@pytest.mark.parametrize(
    ("method", "message_id", "reason"),
    [
        ("editMessageText", 99, "message to edit not found"),
        ("editMessageText", 1, "message can't be edited"),
        ("editMessageText", 2, "there is no text in the message to edit"),
        ("editMessageReplyMarkup", 99, "message to edit not found"),
        ("deleteMessage", 99, "message to delete not found"),
        ("deleteMessage", 0, "message identifier is not specified"),
        ("setMessageReaction", 99, "message to react not found"),
    ],
)
async def test_a_message_that_cannot_be_changed_says_why(
    api: BotApi, ask: Ask, method: str, message_id: int, reason: str
) -> None:
    api.upload("a.txt", b"x")
    await ask("sendDocument", chat_id=OWNER, document=api.messages()[0].fields["document"]["file_id"])
    assert await ask(method, chat_id=OWNER, message_id=message_id, text="x") == f"400 Bad Request: {reason}"


async def test_a_reaction_is_one_of_telegrams(api: BotApi, ask: Ask) -> None:
    sent = await said(api, ask)
    target = {"chat_id": OWNER, "message_id": sent["message_id"]}
    eyes, tick = {"type": "emoji", "emoji": "👀"}, {"type": "emoji", "emoji": "✅"}
    assert await ask("setMessageReaction", **target, reaction=[tick]) == "400 Bad Request: REACTION_INVALID"
    assert await ask("setMessageReaction", **target, reaction=[eyes, eyes]) == "400 Bad Request: REACTIONS_TOO_MANY"
    await ask("setMessageReaction", **target, reaction=[eyes])
    assert api.messages()[-1].reaction == "👀"
    await ask("setMessageReaction", **target)
    assert api.messages()[-1].reaction is None


async def test_typing_ends_when_a_message_arrives(api: BotApi, ask: Ask) -> None:
    api.text("hello")
    await ask("sendChatAction", chat_id=OWNER, action="typing")
    assert api.typing() == "typing"
    await ask("sendMessage", chat_id=OWNER, text="done")
    assert api.typing() is None
    refused = "400 Bad Request: wrong parameter action in request"
    assert await ask("sendChatAction", chat_id=OWNER, action="juggling") == refused


async def test_a_draft_shows_until_a_message_arrives_and_is_no_message(api: BotApi, ask: Ask) -> None:
    api.text("hello")
    await ask("sendMessageDraft", chat_id=OWNER, draft_id=1, text="")
    await ask("sendMessageDraft", chat_id=OWNER, draft_id=1, text="<b>so</b> far", parse_mode="HTML", can_stop=True)
    draft = api.draft()
    assert draft is not None
    assert (draft.text, draft.can_stop, draft.entities[0]["type"], api.texts()) == ("so far", True, "bold", [])
    await ask("sendMessage", chat_id=OWNER, text="so far so good")
    assert api.draft() is None


async def test_a_wrong_draft_is_refused(api: BotApi, ask: Ask) -> None:
    api.text("hello")
    api.text("hello", chat_id=-1001)
    group = await ask("sendMessageDraft", chat_id=-1001, draft_id=1, text="x")
    assert group == "400 Bad Request: TEXTDRAFT_PEER_INVALID"
    assert await ask("sendMessageDraft", chat_id=OWNER, text="x") == "400 Bad Request: RANDOM_ID_INVALID"
    too_long = await ask("sendMessageDraft", chat_id=OWNER, draft_id=1, text="x" * 4097)
    assert too_long == "400 Bad Request: message is too long"


def test_typing_lives_5_seconds_and_a_draft_30_each_in_its_topic() -> None:
    chat = Chat(OWNER, {"id": OWNER, "type": "private"})
    chat.act("typing", 7, 100.0)
    chat.show_draft(Draft(1, "x", [], False, 100.0), 7)
    assert (chat.action(7, 104.9), chat.action(7, 105.0), chat.action(None, 100.0)) == ("typing", None, None)
    assert chat.draft(None, 100.0) is None
    assert chat.draft(7, 129.9) is not None
    assert chat.draft(7, 130.0) is None
    chat.add(ChatMessage({"message_id": 1, "from": person(OWNER), "message_thread_id": 7, "text": "stop"}))
    assert chat.draft(7, 100.0) is None
    assert chat.action(7, 100.0) == "typing"
