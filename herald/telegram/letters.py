"""What goes out: a message, a file, or a rich message, and how an answer becomes these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from aiogram import Bot
from aiogram.methods.base import TelegramMethod
from aiogram.types import BufferedInputFile, LinkPreviewOptions, MessageId

from herald.formatting import DOCUMENT_NAME, Piece, cover, render
from herald.formatting.rich import rich
from herald.model import Place

_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


@dataclass(slots=True)
class Letter:
    """One message. `message_id` is there once Telegram has taken it; sending it again then edits it."""

    piece: Piece
    message_id: int | None = None

    async def send(self, bot: Bot, place: Place, *, html: bool = True) -> None:
        text = self.piece.html if html else self.piece.text
        parse_mode = "HTML" if html else None
        if self.message_id is not None:
            await bot.edit_message_text(
                text,
                chat_id=place.chat_id,
                message_id=self.message_id,
                parse_mode=parse_mode,
                link_preview_options=_NO_PREVIEW,
            )
            return
        message = await bot.send_message(
            place.chat_id,
            text,
            message_thread_id=place.topic_id,
            parse_mode=parse_mode,
            link_preview_options=_NO_PREVIEW,
        )
        self.message_id = message.message_id


@dataclass(frozen=True, slots=True)
class Document:
    """An answer that is too long for the chat, as a file; `otherwise` is sent where Telegram refuses it."""

    content: bytes
    caption: str
    otherwise: Sequence[Letter]

    async def send(self, bot: Bot, place: Place) -> None:
        await bot.send_document(
            place.chat_id,
            BufferedInputFile(self.content, DOCUMENT_NAME),
            caption=self.caption,
            message_thread_id=place.topic_id,
        )


@dataclass(frozen=True, slots=True)
class RichMessage:
    """An answer with tables, math or tasks as Telegram shows them; `otherwise` is sent where it refuses to."""

    blocks: list[dict[str, Any]]
    otherwise: Sequence[Letter | Document]

    async def send(self, bot: Bot, place: Place) -> None:
        # what Telegram finds by itself, such as a mail address, can make it refuse the message
        message = {"blocks": self.blocks, "skip_entity_detection": True}
        await bot(_SendRich(chat_id=place.chat_id, message_thread_id=place.topic_id, rich_message=message))


class _SendRich(TelegramMethod[MessageId]):
    """sendRichMessage whose blocks are not checked here: aiogram's models take exponential time for nested text."""

    __returning__: ClassVar[Any] = MessageId
    __api_method__: ClassVar[str] = "sendRichMessage"

    chat_id: int
    rich_message: dict[str, Any]
    message_thread_id: int | None = None


Outgoing = Letter | Document | RichMessage


@dataclass(frozen=True, slots=True)
class Answer:
    """Claude's Markdown; `otherwise` is sent if nothing of it is visible."""

    markdown: str
    otherwise: Piece


@dataclass(frozen=True, slots=True)
class Composer:
    """Makes of an answer what is sent. `hide` takes the secrets out of a text."""

    hide: Callable[[str], str]
    max_messages: int
    use_rich: bool

    def compose(self, answer: Answer) -> Sequence[Outgoing]:
        """Return what is to be sent, in order. Takes about a millisecond for 1000 characters."""
        markdown = self.hide(answer.markdown)
        pieces = render(markdown)
        covered = cover(pieces, self.hide)
        letters = [Letter(piece) for piece in covered]
        messages: list[Letter | Document] = [*letters] or [Letter(answer.otherwise)]
        if len(letters) > self.max_messages:
            caption = f"The whole answer; in the chat it would be {len(letters)} messages."
            content = markdown if covered == pieces else "\n\n".join(piece.text for piece in covered)
            messages = [letters[0], Document(content.encode(), caption, letters[1:])]
        if self.use_rich and covered == pieces and (blocks := rich(markdown)):
            return [RichMessage(blocks, messages)]
        return messages
