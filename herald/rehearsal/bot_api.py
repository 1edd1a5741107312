"""A Bot API on 127.0.0.1, with the phone at its other end: what `herald try` and the tests run against.

It answers like the real one: the same checks in the same order, the same words in the errors, updates kept until
they are confirmed. It does not enforce rate limits by itself; `refuse` orders a 429 where one is wanted.
https://core.telegram.org/bots/api, https://github.com/tdlib/telegram-bot-api
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from herald.rehearsal.call import Call
from herald.rehearsal.chat import ChatMessage, Draft
from herald.rehearsal.cloud import Cloud
from herald.rehearsal.faults import Faults, Silence, refusal
from herald.rehearsal.files import message_fields
from herald.rehearsal.markup import width_utf16
from herald.rehearsal.refusal import Refused
from herald.rehearsal.server import Server

OWNER = 4242
TOKEN = "4200000001:REHEARSAL-only-not-a-real-token-0000000"  # noqa: S105 - made up, and refused by the real Bot API

_COMMAND = re.compile(r"(?<!\S)/\w{1,64}(?:@\w+)?(?!\S)", re.ASCII)
_BY_THE_CLOCK_S = 0.1  # drafts and chat actions also end without any call


class BotApi:
    """The server, from `async with` to its end. `app` takes further routes until then; `url` is known from then on.

    The phone's side may be used before the server listens: updates wait for the first poll.
    """

    def __init__(self, token: str = TOKEN, *, port: int = 0) -> None:
        self.revision = 0  # grows with every change, for those who wait for the next one
        self._changed = asyncio.Event()
        self.token = token
        self._cloud = Cloud(int(token.partition(":")[0]), OWNER)
        self._faults = Faults()
        self._server = Server(token, self._cloud, self._faults, self._change)
        self._port = port

    async def __aenter__(self) -> Self:
        await self._server.start(self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop()

    @property
    def url(self) -> str:
        """Where the server listens, which is what TELEGRAM_API_BASE gets."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def app(self) -> web.Application:
        """What serves the Bot API; more routes may be added until it listens."""
        return self._server.app

    @property
    def calls(self) -> list[Call]:
        """Every request so far, in the order of arrival."""
        return self._server.calls

    # What the person with the phone does

    def text(
        self,
        text: str,
        *,
        user_id: int = OWNER,
        chat_id: int | None = None,
        topic_id: int | None = None,
        **message_fields: Any,
    ) -> int:
        """Write a text of any length (a phone would split it at 4096 characters); return the update's number."""
        commands = [
            {"type": "bot_command", "offset": width_utf16(text[: found.start()]), "length": len(found[0])}
            for found in _COMMAND.finditer(text)
        ]
        fields = {"text": text, **({"entities": commands} if commands else {}), **message_fields}
        return self.send(fields, user_id=user_id, chat_id=chat_id, topic_id=topic_id)

    def send(
        self,
        message_fields: dict[str, Any],
        *,
        user_id: int = OWNER,
        chat_id: int | None = None,
        topic_id: int | None = None,
    ) -> int:
        """Send any message, given as the fields of a Bot API Message beyond its number, sender, chat and date.

        `chat_id` None is the private chat of the sender. Returns the update's number.
        """
        update_id = self._cloud.receive(message_fields, user_id, user_id if chat_id is None else chat_id, topic_id)
        self._change()
        return update_id

    def upload(
        self,
        name: str,
        content: bytes,
        *,
        kind: str = "document",
        caption: str = "",
        user_id: int = OWNER,
        chat_id: int | None = None,
        topic_id: int | None = None,
    ) -> int:
        """Send a file and return the update's number.

        `kind` is document, photo, voice, audio, video, animation or video_note.
        """
        files = self._cloud.files
        thumbnail = files.put("photo", name, content) if kind == "photo" else None
        fields = message_fields(files.put(kind, name, content), thumbnail)
        fields |= {"caption": caption} if caption else {}
        return self.send(fields, user_id=user_id, chat_id=chat_id, topic_id=topic_id)

    def update(self, fields: dict[str, Any]) -> int:
        """Queue any update, right or wrong, under a new number, and return that."""
        update_id = self._cloud.updates.put(fields)
        self._change()
        return update_id

    def tap(self, message_id: int, data: str, *, user_id: int = OWNER) -> int:
        """Press an inline button, also one that an edit has just removed; return the update's number."""
        update_id = self._cloud.tap(message_id, data, user_id)
        self._change()
        return update_id

    def redeliver(self, update_id: int) -> None:
        """Deliver an old update once more, as Telegram does when it lost a confirmation."""
        self._cloud.updates.put_again(update_id)
        self._change()

    # What the phone shows

    def texts(self, chat_id: int = OWNER) -> list[str]:
        """Return the texts and captions of the bot's messages that are in the chat now, oldest first."""
        return [message.text for message in self.messages(chat_id) if message.from_bot and message.text]

    def messages(self, chat_id: int = OWNER) -> list[ChatMessage]:
        """Return the messages of both sides that are in the chat now, oldest first."""
        chat = self._cloud.chats.get(chat_id)
        return [] if chat is None else list(chat.messages.values())

    def typing(self, chat_id: int = OWNER, topic_id: int | None = None) -> str | None:
        """Return the chat action shown now: it lives 5 seconds and ends when a message of the bot arrives."""
        chat = self._cloud.chats.get(chat_id)
        return None if chat is None else chat.action(topic_id, time.monotonic())

    def draft(self, chat_id: int = OWNER, topic_id: int | None = None) -> Draft | None:
        """Return the draft shown now: it lives 30 seconds and ends when a message arrives."""
        chat = self._cloud.chats.get(chat_id)
        return None if chat is None else chat.draft(topic_id, time.monotonic())

    def content(self, file_id: str) -> bytes:
        """Return a file that either side sent. Raises KeyError if there is none of this id."""
        stored = self._cloud.files.get(file_id)
        if stored is None:
            raise KeyError(file_id)
        return stored.content

    @property
    def commands(self) -> list[dict[str, Any]]:
        """The command menu the owner sees."""
        return self._cloud.menu(OWNER)

    # Faults, each counted down per matching call; "file" is the download of a file

    def refuse(
        self,
        method: str,
        code: int,
        description: str = "",
        *,
        times: int = 1,
        retry_after: int | None = None,
        html_only: bool = False,
    ) -> None:
        """Answer the next calls of `method` with an error; `html_only` spares those without parse_mode.

        `retry_after` is in seconds and 1 with code 429 unless given.
        """
        self._faults.order(method, refusal(code, description, retry_after), times, html_only=html_only)

    def drop(self, method: str, *, times: int = 1) -> None:
        """Close the connection of the next calls instead of answering; they have no effect."""
        self._faults.order(method, Silence.DROP, times)

    def hang(self, method: str, *, times: int = 1) -> None:
        """Leave the next calls without an answer until the client gives up or the server stops."""
        self._faults.order(method, Silence.HANG, times)

    def lose(self, method: str, *, times: int = 1) -> None:
        """Carry the next calls out, but close their connection instead of answering."""
        self._faults.order(method, Silence.LOSE, times)

    def relent(self) -> None:
        """Forget the faults that are still ordered."""
        self._faults.clear()

    def disturb(self, choose: Callable[[Call], Refused | Silence | None]) -> None:
        """Ask `choose` about every call from now on for which no fault was ordered; None lets it through."""
        self._faults.chance = choose

    # Waiting

    async def until(self, predicate: Callable[[BotApi], object], timeout_s: float = 20.0) -> None:
        """Wait until `predicate` is true of this object. Raises TimeoutError that says what the chats show."""
        deadline_s = time.monotonic() + timeout_s
        while not predicate(self):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"not within {timeout_s} s\n{self._picture()}")
            try:
                await asyncio.wait_for(self._changed.wait(), min(left_s, _BY_THE_CLOCK_S))
            except TimeoutError:
                continue

    def _change(self) -> None:
        self.revision += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def _picture(self) -> str:
        lines = [f"chat {chat_id}: {self.texts(chat_id)}" for chat_id in self._cloud.chats]
        lines += [f"call {call.method} {call.status} {dict(call.params)}" for call in self.calls[-10:]]
        return "\n".join(lines)
