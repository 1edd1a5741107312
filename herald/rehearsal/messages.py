"""The methods that put messages into a chat, change them and take them out."""

from __future__ import annotations

import time
from typing import Any

from herald.rehearsal.call import Call
from herald.rehearsal.chat import Chat, ChatMessage
from herald.rehearsal.cloud import Cloud
from herald.rehearsal.files import StoredFile, message_fields
from herald.rehearsal.keyboard import check_button_data, read_keyboard
from herald.rehearsal.markup import Formatted
from herald.rehearsal.refusal import Refused, bad_request
from herald.rehearsal.text import CAPTION_LIMIT, MESSAGE_LIMIT, check_text, read_text

_PHOTO_LIMIT_BYTES = 10 * 1024 * 1024
_IMAGE_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM")


async def send_message(cloud: Cloud, call: Call) -> object:
    if not call.text("text"):
        raise bad_request("message text is empty")
    formatted = read_text(call, "text", "entities")
    keyboard = read_keyboard(call)
    chat, frame = _find_destination(cloud, call)
    shown = check_text(formatted, MESSAGE_LIMIT, "message is too long", may_be_empty=False)
    check_button_data(keyboard)
    return _post(cloud, chat, call, frame | _text_fields(shown) | _optional("reply_markup", keyboard))


async def send_document(cloud: Cloud, call: Call) -> object:
    return _send_file(cloud, call, "document")


async def send_photo(cloud: Cloud, call: Call) -> object:
    return _send_file(cloud, call, "photo")


def _send_file(cloud: Cloud, call: Call, kind: str) -> object:
    given = call.files.get(call.text(kind).removeprefix("attach://") or kind)
    if given is None and not call.text(kind):
        raise bad_request(f"there is no {kind} in the request")
    formatted = read_text(call, "caption", "caption_entities")
    keyboard = read_keyboard(call)
    chat, frame = _find_destination(cloud, call)
    caption = check_text(formatted, CAPTION_LIMIT, "message caption is too long")
    check_button_data(keyboard)
    stored = cloud.files.get(call.text(kind)) if given is None else cloud.files.put(kind, given.name, given.content)
    if stored is None or stored.kind != kind:
        raise bad_request("wrong file identifier/HTTP URL specified")
    _check_file(stored)
    frame |= message_fields(stored) | _optional("reply_markup", keyboard)
    frame |= _optional("caption", caption.text) | _optional("caption_entities", caption.entities)
    return _post(cloud, chat, call, frame)


def _check_file(stored: StoredFile) -> None:
    if not stored.content:
        raise bad_request("file must be non-empty")
    if stored.kind == "photo" and len(stored.content) > _PHOTO_LIMIT_BYTES:
        raise Refused(413, "Request Entity Too Large")
    if stored.kind == "photo" and not stored.content.startswith(_IMAGE_STARTS):
        raise bad_request("IMAGE_PROCESS_FAILED")


async def edit_message_text(cloud: Cloud, call: Call) -> object:
    if not call.text("text"):
        raise bad_request("message text is empty")
    formatted = read_text(call, "text", "entities")
    keyboard = read_keyboard(call)
    chat, message = _find_own_message(cloud, call)
    if "text" not in message.fields:
        raise bad_request("there is no text in the message to edit")
    shown = check_text(formatted, MESSAGE_LIMIT, "message is too long", may_be_empty=False)
    kept = {name: value for name, value in message.fields.items() if name not in {"text", "entities", "reply_markup"}}
    return _edit(chat, message, kept | _text_fields(shown) | _optional("reply_markup", keyboard))


async def edit_message_caption(cloud: Cloud, call: Call) -> object:
    formatted = read_text(call, "caption", "caption_entities")
    keyboard = read_keyboard(call)
    chat, message = _find_own_message(cloud, call)
    if "document" not in message.fields and "photo" not in message.fields:
        raise bad_request("there is no caption in the message to edit")
    caption = check_text(formatted, CAPTION_LIMIT, "message caption is too long")
    replaced = {"caption", "caption_entities", "reply_markup"}
    fields = {name: value for name, value in message.fields.items() if name not in replaced}
    fields |= _optional("caption", caption.text) | _optional("caption_entities", caption.entities)
    return _edit(chat, message, fields | _optional("reply_markup", keyboard))


async def edit_message_reply_markup(cloud: Cloud, call: Call) -> object:
    keyboard = read_keyboard(call)
    chat, message = _find_own_message(cloud, call)
    kept = {name: value for name, value in message.fields.items() if name != "reply_markup"}
    return _edit(chat, message, kept | _optional("reply_markup", keyboard))


def _edit(chat: Chat, message: ChatMessage, fields: dict[str, Any]) -> dict[str, Any]:
    check_button_data(fields.get("reply_markup"))
    if fields == message.fields:
        raise bad_request(
            "message is not modified: specified new message content and reply markup are exactly the same as a "
            "current content and reply markup of the message"
        )
    edited = fields | {"edit_date": int(time.time())}
    chat.change(message.message_id, edited)
    return edited


async def delete_message(cloud: Cloud, call: Call) -> object:
    if not call.text("chat_id"):
        raise bad_request("chat identifier is not specified")
    if not call.integer("message_id"):
        raise bad_request("message identifier is not specified")
    chat, message = find_message(cloud, call, "message to delete")
    del chat.messages[message.message_id]
    return True


def find_message(cloud: Cloud, call: Call, role: str) -> tuple[Chat, ChatMessage]:
    """Return the message that a call is about, which errors name by its role. Raises Refused."""
    chat = cloud.find_chat(call.text("chat_id"))
    message = chat.messages.get(call.integer("message_id"))
    if message is None:
        raise bad_request(f"{role} not found")
    return chat, message


def find_topic(chat: Chat, call: Call) -> int | None:
    """Return the topic that a call names; only topics somebody wrote in are known. Raises Refused."""
    topic_id = call.integer("message_thread_id")
    if topic_id and topic_id not in chat.topics:
        raise bad_request("message thread not found")
    return topic_id or None


def _find_own_message(cloud: Cloud, call: Call) -> tuple[Chat, ChatMessage]:
    chat, message = find_message(cloud, call, "message to edit")
    if not message.from_bot:
        raise bad_request("message can't be edited")
    return chat, message


def _find_destination(cloud: Cloud, call: Call) -> tuple[Chat, dict[str, Any]]:
    """Return the chat to write to, and the fields of the message that say what it answers."""
    reply = call.json("reply_parameters", "reply parameters") or {}
    if not isinstance(reply, dict):
        raise bad_request("object expected as reply parameters")
    chat = cloud.find_writable_chat(call.text("chat_id"))
    find_topic(chat, call)
    answered_id = reply.get("message_id") or call.integer("reply_to_message_id")
    if not answered_id:
        return chat, {}
    answered = chat.messages.get(answered_id)
    if answered is None:
        if reply.get("allow_sending_without_reply") or call.flag("allow_sending_without_reply"):
            return chat, {}
        raise bad_request("message to be replied not found")
    nested = {name: value for name, value in answered.fields.items() if name != "reply_to_message"}
    quote = reply.get("quote")
    if quote and quote not in answered.text:
        raise bad_request("QUOTE_TEXT_INVALID")
    return chat, {"reply_to_message": nested, **({"quote": {"text": quote, "position": 0}} if quote else {})}


def _post(cloud: Cloud, chat: Chat, call: Call, fields: dict[str, Any]) -> dict[str, Any]:
    preview = call.json("link_preview_options", "link preview options")
    fields |= _optional("link_preview_options", preview)
    return cloud.new_message(chat, cloud.bot, find_topic(chat, call), fields).fields


def _text_fields(formatted: Formatted) -> dict[str, Any]:
    return {"text": formatted.text} | _optional("entities", formatted.entities)


def _optional(name: str, value: object) -> dict[str, Any]:
    return {name: value} if value else {}
