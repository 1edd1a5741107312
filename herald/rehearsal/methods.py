"""The Bot API's methods by their names, and those that are not about messages.

A method takes the Cloud and the Call, and returns what goes into `result`, or raises Refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from herald.rehearsal import messages, presence, rich
from herald.rehearsal.call import Call
from herald.rehearsal.cloud import Cloud
from herald.rehearsal.refusal import bad_request

_LONG_POLL_LIMIT_S = 50


@dataclass(frozen=True, slots=True)
class Answer:
    """A result with a description beside it, as the real API gives with a few methods."""

    result: object
    description: str


async def _get_me(cloud: Cloud, _call: Call) -> object:
    return cloud.bot | {
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
        "has_topics_enabled": True,
        "allows_users_to_create_topics": True,
    }


async def _get_updates(cloud: Cloud, call: Call) -> object:
    kinds = call.json("allowed_updates", "allowed updates")
    if isinstance(kinds, list):
        cloud.updates.allow([str(kind) for kind in kinds])
    limit = min(max(call.integer("limit", 100), 1), 100)
    timeout_s = min(max(call.integer("timeout"), 0), _LONG_POLL_LIMIT_S)
    return await cloud.updates.get(call.integer("offset"), limit, timeout_s)


async def _get_file(cloud: Cloud, call: Call) -> object:
    stored = cloud.files.offer(call.text("file_id"))
    return stored.fields | {"file_path": stored.path}


async def _answer_callback_query(cloud: Cloud, call: Call) -> object:
    tap_id = call.text("callback_query_id")
    if tap_id not in cloud.open_taps:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    if len(call.text("text")) > 200:
        raise bad_request("MESSAGE_TOO_LONG")
    cloud.open_taps.remove(tap_id)
    return True


async def _set_my_commands(cloud: Cloud, call: Call) -> object:
    scope = _command_scope(cloud, call)
    commands = call.json("commands", "commands") or []
    if not isinstance(commands, list):
        raise bad_request("expected an Array of BotCommand")
    for command in commands:
        _check_command(command)
    if len(commands) > 100:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    cloud.commands[scope] = [
        {"command": command["command"].removeprefix("/"), "description": command["description"]} for command in commands
    ]
    return True


def _check_command(command: Any) -> None:
    if not isinstance(command, dict):
        raise bad_request("can't parse BotCommand: expected an Object")
    for name in ("command", "description"):
        if not isinstance(command.get(name), str):
            raise bad_request(f"can't parse BotCommand: Can't find field \"{name}\"")
    name, description = command["command"].removeprefix("/"), command["description"].strip()
    if not name:
        raise bad_request("command must be non-empty")
    if len(name) > 32:
        raise bad_request("command length must not exceed 32")
    if not description:
        raise bad_request("command description must be non-empty")
    if len(description) > 256:
        raise bad_request("command description length must not exceed 256")
    if not all("a" <= char <= "z" or "0" <= char <= "9" or char == "_" for char in name):
        raise bad_request("BOT_COMMAND_INVALID")


def _command_scope(cloud: Cloud, call: Call) -> str:
    scope = call.json("scope", "BotCommandScope") or {"type": "default"}
    if not isinstance(scope, dict) or "type" not in scope:
        raise bad_request("object expected as scope")
    if "chat_id" in scope:
        return f"{scope['type']} {cloud.find_chat(str(scope['chat_id'])).chat_id}{call.text('language_code')}"
    return f"{scope['type']}{call.text('language_code')}"


async def _get_my_commands(cloud: Cloud, call: Call) -> object:
    return cloud.commands.get(_command_scope(cloud, call), [])


async def _delete_webhook(cloud: Cloud, call: Call) -> object:
    if not call.flag("drop_pending_updates"):
        return Answer(True, "Webhook is already deleted")
    cloud.updates.clear()
    return Answer(True, "Webhook was deleted")


async def _get_webhook_info(cloud: Cloud, _call: Call) -> object:
    return {"url": "", "has_custom_certificate": False, "pending_update_count": len(cloud.updates)}


async def _get_chat(cloud: Cloud, call: Call) -> object:
    gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
    return cloud.find_chat(call.text("chat_id")).fields | {
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(gifts, False),
    }


METHODS: dict[str, Callable[[Cloud, Call], Awaitable[object]]] = {
    "answerCallbackQuery": _answer_callback_query,
    "deleteMessage": messages.delete_message,
    "deleteWebhook": _delete_webhook,
    "editMessageCaption": messages.edit_message_caption,
    "editMessageReplyMarkup": messages.edit_message_reply_markup,
    "editMessageText": messages.edit_message_text,
    "getChat": _get_chat,
    "getFile": _get_file,
    "getMe": _get_me,
    "getMyCommands": _get_my_commands,
    "getUpdates": _get_updates,
    "getWebhookInfo": _get_webhook_info,
    "sendChatAction": presence.send_chat_action,
    "sendDocument": messages.send_document,
    "sendMessage": messages.send_message,
    "sendMessageDraft": presence.send_message_draft,
    "sendPhoto": messages.send_photo,
    "sendRichMessage": rich.send_rich_message,
    "setMessageReaction": presence.set_message_reaction,
    "setMyCommands": _set_my_commands,
}
