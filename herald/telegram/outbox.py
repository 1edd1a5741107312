"""What goes out to one place: bundles of messages in order, each kept in the journal until Telegram has taken it.

A connection that breaks before the answer leaves open whether the message has arrived, and so does a crash. Telegram
has no key that would make sending idempotent, but it numbers the messages of a chat one after the other: herald then
looks behind the last number it knows whether its message is there, and sends it only if it is not.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
)

from herald.model import Place
from herald.storage.journal import Journal, Stored
from herald.telegram.letters import Letter, Outgoing, pack, unpack

log = logging.getLogger(__name__)

_PATIENCE_S = (1, 2, 4, 8, 15, 30)
# A message that Telegram's servers fail on as often as this, some five minutes, is taken for one that they refuse.
_FAILURES_MAX = 14
# How many numbers beyond the last known one are looked at, and how many in all: what the owners have written meanwhile
# lies between.
_NUMBERS_LOOKED_AT = 5
_NUMBERS_MAX = 200

# "Not found" is what a Bot API server says to a method that it does not know yet, such as sendRichMessage.
_REFUSALS = (TelegramBadRequest, TelegramNotFound, TelegramEntityTooLarge)


@dataclass(slots=True)
class _Bundle:
    """What is sent together; `number` is its key in the journal, None for what a restart may forget."""

    number: int | None
    messages: deque[Outgoing]
    # the highest number in the chat before the first message may have been sent; None if it cannot have been
    sent_behind: int | None = None


class Outbox:
    """Sends what is posted, in order; a flood wait or an outage delays it, and only that of this place."""

    def __init__(
        self, bot: Bot, place: Place, journal: Journal, turn: asyncio.Lock, changed: Callable[[], None]
    ) -> None:
        """`turn` is shared by the outboxes of a chat; `changed` is called when `pending` has changed."""
        self._bot = bot
        self._place = place
        self._journal = journal
        self._turn = turn
        self._changed = changed
        self._posted: asyncio.Queue[_Bundle] = asyncio.Queue()
        self.pending = 0

    def post(self, *messages: Outgoing) -> None:
        """Send these after what was posted before; they outlive a crash from the moment this returns."""
        if messages:
            self._put(_Bundle(self._journal.post(self._place, pack(messages)), deque(messages)))

    def show(self, letter: Letter) -> None:
        """Send, or send again, a message that a restart may forget."""
        self._put(_Bundle(None, deque([letter])))

    def restore(self, stored: Stored) -> None:
        """Take up what the herald before this one had to send."""
        # only the first one may have been on its way
        sent_behind = (stored.behind or None) if self.pending == 0 else None
        self._put(_Bundle(stored.number, deque(unpack(stored.parcel)), sent_behind))

    async def flushed(self) -> None:
        """Return when everything posted so far has been sent or given up."""
        await self._posted.join()

    async def run(self) -> None:
        while True:
            bundle = await self._posted.get()
            try:
                while bundle.messages:
                    await self._deliver(bundle)
            except Exception:  # the boundary: one message that cannot be sent must not hold up the next
                log.exception("a message was not delivered place=%s", self._place)
                self._replace(bundle, [])
            finally:
                self._posted.task_done()
                self.pending -= 1
                self._changed()

    def _put(self, bundle: _Bundle) -> None:
        self._posted.put_nowait(bundle)
        self.pending += 1
        self._changed()

    async def _deliver(self, bundle: _Bundle) -> None:
        """Send the first message of a bundle, or put in its place what is to be sent instead."""
        message, *rest = bundle.messages
        try:
            message_id = await self._persist(message, bundle.sent_behind)
        except (*_REFUSALS, TelegramServerError) as exc:
            others = message.otherwise()
            kinds = " and ".join({type(other).__name__ for other in others}) or "nothing"
            log.warning("%s refused, sending %s place=%s: %s", type(message).__name__, kinds, self._place, exc.message)
            self._replace(bundle, [*others, *rest])
        except TelegramForbiddenError as exc:
            log.error("the chat takes no messages from the bot, dropped place=%s: %s", self._place, exc.message)
            self._replace(bundle, [])
        else:
            self._took(bundle, message, message_id, rest)
        bundle.sent_behind = None

    def _took(self, bundle: _Bundle, message: Outgoing, message_id: int | None, rest: list[Outgoing]) -> None:
        bundle.messages = deque(rest)
        if bundle.number is not None:
            self._journal.sent(bundle.number, self._place, message_id, pack(rest) if rest else None)
        elif message_id is not None:
            self._journal.saw(self._place, message_id)
            if isinstance(message, Letter):
                message.message_id = message_id

    def _replace(self, bundle: _Bundle, messages: list[Outgoing]) -> None:
        bundle.messages = deque(messages)
        if bundle.number is not None:
            self._journal.replace(bundle.number, pack(messages) if messages else None)

    async def _persist(self, message: Outgoing, sent_behind: int | None) -> int | None:
        """Send until Telegram answers, and return the message's number, None for an edit.

        `sent_behind` is there when it may have been sent before. Raises what Telegram refuses the message with, which
        may be an error of its servers that does not go away.
        """
        search = None if sent_behind is None or message.is_edit else _Search(sent_behind)
        failures = attempt = 0
        while True:
            known = self._journal.last_number(self._place)
            try:
                # a search must not meet a message of another topic that is just being sent
                async with self._turn:
                    if search is not None:
                        if (number := await search.find(message, self._bot, self._place, self._journal)) is not None:
                            log.info("a message had arrived before place=%s", self._place)
                            return number
                        search = None
                    known = self._journal.last_number(self._place)
                    return await message.send(self._bot, self._place)
            except TelegramRetryAfter as exc:
                patience_s: float = exc.retry_after
                log.warning("Telegram asks to wait, again in %d s place=%s", patience_s, self._place)
            except (*_REFUSALS, TelegramForbiddenError):
                raise
            except TelegramAPIError as exc:
                if search is None:
                    failures += isinstance(exc, TelegramServerError)
                    if failures >= _FAILURES_MAX:
                        raise
                    if isinstance(exc, TelegramNetworkError | TelegramServerError) and known and not message.is_edit:
                        search = _Search(known)
                elif search.gets_nowhere():
                    search = None  # better twice than never
                else:
                    attempt = min(attempt, search.failures - 1)
                patience_s = _PATIENCE_S[min(attempt, len(_PATIENCE_S) - 1)]
                log.warning("not delivered yet, again in %d s place=%s: %s", patience_s, self._place, exc)
                attempt += 1
            await asyncio.sleep(patience_s)


class _Search:
    """Looks number by number for a message that may have arrived; what interrupts it does not begin it anew."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._end = behind + _NUMBERS_MAX
        self.failures = 0

    async def find(self, message: Outgoing, bot: Bot, place: Place, journal: Journal) -> int | None:
        """Look from where it was interrupted; None if it is not there. Those that are known are others, and spared."""
        while self._behind < min(journal.last_number(place) + _NUMBERS_LOOKED_AT, self._end):
            number = self._behind + 1
            if not journal.knows_number(place, number) and await message.is_there(bot, place, number):
                return number
            self._behind = number
            self.failures = 0
        return None

    def gets_nowhere(self) -> bool:
        """Count a failure, and tell whether there have been too many at one number."""
        self.failures += 1
        return self.failures >= _FAILURES_MAX
