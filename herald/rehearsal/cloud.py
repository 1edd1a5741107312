"""What Telegram remembers of one bot: its chats, updates, files, commands and unanswered taps."""

from __future__ import annotations

import time
from typing import Any

from herald.rehearsal.chat import Chat, ChatMessage
from herald.rehearsal.files import Files
from herald.rehearsal.markup import named_only
from herald.rehearsal.refusal import Refused, bad_request
from herald.rehearsal.updates import Updates

BOT_USERNAME = "herald_rehearsal_bot"


class Cloud:
    """The state behind the Bot API. `owner_id` is a person the bot can look up before they ever wrote."""

    def __init__(self, bot_id: int, owner_id: int) -> None:
        self.bot: dict[str, Any] = {
            "id": bot_id,
            "is_bot": True,
            "first_name": "Herald rehearsal",
            "username": BOT_USERNAME,
        }
        self.updates = Updates()
        self.files = Files()
        self.chats: dict[int, Chat] = {}
        self.commands: dict[str, list[dict[str, Any]]] = {}  # by scope and language
        self.open_taps: set[str] = set()
        self._last_message_id = 0
        self._last_tap_id = 9_000_000_000
        self.open_chat(owner_id)

    def open_chat(self, chat_id: int) -> Chat:
        """Return the chat, beginning it where it is new: positive ids are people, the others are forum groups."""
        if chat_id not in self.chats:
            fields: dict[str, Any] = {"id": chat_id, "type": "supergroup", "title": "Rehearsal", "is_forum": True}
            if chat_id > 0:
                fields = {"id": chat_id, "type": "private", "first_name": f"Person {chat_id}"}
            self.chats[chat_id] = Chat(chat_id, fields)
        return self.chats[chat_id]

    def find_chat(self, given: str) -> Chat:
        """Return the chat that a call names. Raises Refused."""
        if not given:
            raise bad_request("chat_id is empty")
        chat = self.chats.get(int(given)) if given.removeprefix("-").isdecimal() else None
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def find_writable_chat(self, given: str) -> Chat:
        """Return the chat that a call names, if the bot may write there. Raises Refused."""
        chat = self.find_chat(given)
        if not chat.started:
            raise Refused(403, "Forbidden: bot can't initiate conversation with a user")
        return chat

    def receive(self, fields: dict[str, Any], user_id: int, chat_id: int, topic_id: int | None) -> int:
        """Show a person's message in the chat and queue it for the bot; return the update's number."""
        chat = self.open_chat(chat_id)
        chat.started = True
        message = self.new_message(chat, person(user_id), topic_id, fields)
        return self.updates.put({"message": message.fields})

    def new_message(
        self, chat: Chat, sender: dict[str, Any], topic_id: int | None, fields: dict[str, Any]
    ) -> ChatMessage:
        """Give the message its number and date and show it; `fields` may set these itself."""
        self._last_message_id += 1
        frame: dict[str, Any] = {
            "message_id": self._last_message_id,
            "from": sender,
            "chat": chat.fields,
            "date": int(time.time()),
        }
        if topic_id is not None:
            chat.topics.add(topic_id)
            frame |= {"message_thread_id": topic_id, "is_topic_message": True}
        message = ChatMessage(frame | fields)
        self._last_message_id = max(self._last_message_id, message.message_id)
        chat.add(message)
        return message

    def tap(self, message_id: int, button_data: str, user_id: int) -> int:
        """Queue the press of an inline button; a press that arrives after the message was deleted cannot show it."""
        self._last_tap_id += 1
        tap_id = str(self._last_tap_id)
        self.open_taps.add(tap_id)
        chat = next(
            (chat for chat in list(self.chats.values()) if message_id in chat.messages), self.open_chat(user_id)
        )
        gone = ChatMessage({"chat": chat.fields, "message_id": message_id, "date": 0})
        return self.updates.put(
            {
                "callback_query": {
                    "id": tap_id,
                    "from": person(user_id),
                    "message": chat.messages.get(message_id, gone).fields,
                    "chat_instance": str(chat.chat_id),
                    "data": button_data,
                }
            }
        )

    def menu(self, user_id: int) -> list[dict[str, Any]]:
        """Return the commands this person sees: the narrowest scope with any wins, as on a phone."""
        for scope in (f"chat {user_id}", "all_private_chats", "default"):
            if commands := self.commands.get(scope):
                return commands
        return []


def person(user_id: int) -> dict[str, Any]:
    """Return the Bot API's User object of somebody with a phone."""
    return named_only(user_id) | {"language_code": "en"}
