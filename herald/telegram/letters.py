"""What goes out: a message, a file, or a rich message; each knows what is sent instead where Telegram refuses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramNotFound
from aiogram.methods.base import TelegramMethod
from aiogram.types import (
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    MessageId,
)

from herald.formatting import DOCUMENT_NAME, Piece, escape
from herald.model import Button, Place

_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
# Where a message with the same content is already, an edit changes nothing, and the Bot API says so.
_SAME = "message is not modified"
_PLAIN_CAPTION = "Telegram has refused this as a message."


@dataclass(slots=True)
class Letter:
    """One message, or, with a `message_id`, the new content of one. `is_html` False sends its plain text."""

    html: str
    text: str
    buttons: tuple[Button, ...] = ()
    message_id: int | None = None
    is_html: bool = True
    is_last_resort: bool = False

    @classmethod
    def of(cls, piece: Piece) -> Letter:
        return cls(piece.html, piece.text)

    @classmethod
    def line(cls, text: str, code: str = "", buttons: tuple[Button, ...] = ()) -> Letter:
        """Make a short message of herald's own; `code` follows it in a form that one tap copies."""
        html = escape(text) + (f"\n<code>{escape(code)}</code>" if code else "")
        return cls(html, text + (f"\n{code}" if code else ""), buttons)

    @property
    def is_edit(self) -> bool:
        """Whether it changes a message, which may well be done twice."""
        return self.message_id is not None

    async def send(self, bot: Bot, place: Place) -> int | None:
        """Send it and return its number; None for an edit."""
        if self.message_id is not None:
            await self._edit(bot, place, self.message_id)
            return None
        message = await bot.send_message(
            place.chat_id,
            message_thread_id=place.topic_id,
            **self._content(),
        )
        return message.message_id

    async def is_there(self, bot: Bot, place: Place, message_id: int) -> bool:
        """Tell whether the message of this number has this content. A message of the bot's gets it, if not."""
        return await _same(self._edit(bot, place, message_id))

    def otherwise(self) -> Sequence[Outgoing]:
        if self.message_id is not None or self.is_last_resort:
            # an edit that is refused: the text is the same as before, or the user has deleted the message
            return ()
        if self.is_html:
            return (Letter(self.html, self.text, self.buttons, is_html=False),)
        return (Document(self.text.encode(), _PLAIN_CAPTION, (_lost(),)),)

    def _content(self) -> dict[str, Any]:
        return {
            "text": self.html if self.is_html else self.text,
            "parse_mode": "HTML" if self.is_html else None,
            "link_preview_options": _NO_PREVIEW,
            "reply_markup": _keyboard(self.buttons),
        }

    async def _edit(self, bot: Bot, place: Place, message_id: int) -> None:
        await bot.edit_message_text(chat_id=place.chat_id, message_id=message_id, **self._content())


@dataclass(slots=True)
class Document:
    """An answer that is too long for the chat, as a file."""

    content: bytes
    caption: str
    instead: Sequence[Letter] = ()
    is_edit: ClassVar[bool] = False

    async def send(self, bot: Bot, place: Place) -> int | None:
        message = await bot.send_document(
            place.chat_id,
            BufferedInputFile(self.content, DOCUMENT_NAME),
            caption=self.caption,
            message_thread_id=place.topic_id,
        )
        return message.message_id

    async def is_there(self, bot: Bot, place: Place, message_id: int) -> bool:
        """Tell whether the message of this number is a file with this caption."""
        return await _same(bot.edit_message_caption(chat_id=place.chat_id, message_id=message_id, caption=self.caption))

    def otherwise(self) -> Sequence[Outgoing]:
        return self.instead


@dataclass(slots=True)
class RichMessage:
    """An answer with tables, math or tasks as Telegram shows them."""

    blocks: list[dict[str, Any]]
    instead: list[Letter | Document] = field(default_factory=list)
    is_edit: ClassVar[bool] = False

    async def send(self, bot: Bot, place: Place) -> int | None:
        # what Telegram finds by itself, such as a mail address, can make it refuse the message
        message = {"blocks": self.blocks, "skip_entity_detection": True}
        sent = await bot(_SendRich(chat_id=place.chat_id, message_thread_id=place.topic_id, rich_message=message))
        return sent.message_id

    async def is_there(self, bot: Bot, place: Place, message_id: int) -> bool:
        """Nothing is known of how to ask this: better twice than never."""
        return False

    def otherwise(self) -> Sequence[Outgoing]:
        return self.instead


class _SendRich(TelegramMethod[MessageId]):
    """sendRichMessage whose blocks are not checked here: aiogram's models take exponential time for nested text."""

    __returning__: ClassVar[Any] = MessageId
    __api_method__: ClassVar[str] = "sendRichMessage"

    chat_id: int
    rich_message: dict[str, Any]
    message_thread_id: int | None = None


Outgoing = Letter | Document | RichMessage


def pack(bundle: Sequence[Outgoing]) -> bytes:
    """Turn a bundle into what the journal keeps."""
    return orjson.dumps([_packed(outgoing) for outgoing in bundle])


def unpack(parcel: bytes) -> list[Outgoing]:
    """Read what `pack` has written."""
    return [_unpacked(fields) for fields in orjson.loads(parcel)]


def _packed(outgoing: Outgoing) -> dict[str, Any]:
    match outgoing:
        case Letter():
            buttons = [[button.label, button.data] for button in outgoing.buttons]
            return {
                "kind": "letter",
                "html": outgoing.html,
                "text": outgoing.text,
                "buttons": buttons,
                "message_id": outgoing.message_id,
                "is_html": outgoing.is_html,
                "is_last_resort": outgoing.is_last_resort,
            }
        case Document():
            # what Claude wrote, so it is text
            content = outgoing.content.decode()
            instead = [_packed(letter) for letter in outgoing.instead]
            return {"kind": "document", "content": content, "caption": outgoing.caption, "instead": instead}
        case RichMessage():
            return {
                "kind": "rich",
                "blocks": outgoing.blocks,
                "instead": [_packed(message) for message in outgoing.instead],
            }


def _unpacked(fields: dict[str, Any]) -> Any:
    kind = fields.pop("kind")
    if "instead" in fields:
        fields["instead"] = [_unpacked(other) for other in fields["instead"]]
    match kind:
        case "document":
            return Document(fields["content"].encode(), fields["caption"], fields["instead"])
        case "rich":
            return RichMessage(**fields)
        case _:
            buttons = tuple(Button(label, data) for label, data in fields.pop("buttons"))
            return Letter(**fields, buttons=buttons)


def _keyboard(buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
    if not buttons:
        return None
    row = [InlineKeyboardButton(text=button.label, callback_data=button.data) for button in buttons]
    return InlineKeyboardMarkup(inline_keyboard=[row])


async def _same(edit: Any) -> bool:
    try:
        await edit
    except (TelegramBadRequest, TelegramNotFound) as exc:
        return _SAME in exc.message
    return True


def _lost() -> Letter:
    text = "Telegram has refused a part of the answer in every form. /status names the session that holds it."
    return Letter(escape(text), text, is_html=False, is_last_resort=True)
