"""The queue behind getUpdates: an update stays until a poll with a higher offset confirms it.

Left out, because it would only slow tests: the real server makes a poll with the same offset within 3 seconds wait
3 seconds, answers one update at a time within half a second, and delays a repeated 409 by 3 seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson

from herald.rehearsal.refusal import Refused

_ANSWER_LIMIT_BYTES = 1 << 22  # Client::JsonUpdates, which counts 50 bytes around each update
_NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_FIRST_ID = 700_000_001


class Updates:
    """What the phone did and the bot has not confirmed yet."""

    def __init__(self) -> None:
        self._all: dict[int, dict[str, Any]] = {}
        self._waiting: dict[int, dict[str, Any]] = {}
        self._again: set[int] = set()
        self._allowed: frozenset[str] = frozenset()
        self._poll: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, fields: dict[str, Any]) -> int:
        """Queue an update, unless its kind is not among the allowed ones; return its number."""
        update_id = _FIRST_ID + len(self._all)
        update = {"update_id": update_id, **fields}
        self._all[update_id] = update
        if self._is_allowed(next(iter(fields), "")):
            self._waiting[update_id] = update
            self._wake()
        return update_id

    def put_again(self, update_id: int) -> None:
        """Deliver a confirmed update once more, whatever the offset of the next poll. Raises KeyError if unknown."""
        self._waiting[update_id] = self._all[update_id]
        self._again.add(update_id)
        self._wake()

    def allow(self, kinds: Sequence[str]) -> None:
        """Keep only these kinds of the updates to come; none named means all but the three that must be asked for."""
        self._allowed = frozenset(kinds)

    def clear(self) -> None:
        self._waiting.clear()

    async def get(self, offset: int, limit: int, timeout_s: int) -> list[dict[str, Any]]:
        """Return the next updates, waiting for the first one. Raises Refused(409) if another poll begins meanwhile."""
        if batch := self._take(offset, limit):
            return batch
        if not timeout_s:
            return []
        if self._poll is not None and not self._poll.done():
            reason = "terminated by other getUpdates request; make sure that only one bot instance is running"
            self._poll.set_exception(Refused(409, f"Conflict: {reason}"))
        self._poll = poll = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await poll
        except TimeoutError:
            return []
        return self._take(offset, limit)

    def stop(self) -> None:
        """End a poll that is waiting, as a server that restarts does."""
        if self._poll is not None and not self._poll.done():
            self._poll.set_exception(Refused(500, "Internal Server Error: restart"))

    def _take(self, offset: int, limit: int) -> list[dict[str, Any]]:
        newest = sorted(self._waiting)[offset:] if offset < 0 else None
        for update_id in sorted(self._waiting):
            confirmed = update_id < offset if newest is None else update_id not in newest
            if confirmed and update_id not in self._again:
                del self._waiting[update_id]
        batch: list[dict[str, Any]] = []
        left_bytes = _ANSWER_LIMIT_BYTES
        for update_id in sorted(self._waiting)[:limit]:
            left_bytes -= 50 + len(orjson.dumps(self._waiting[update_id]))
            if left_bytes <= 0:
                break
            batch.append(self._waiting[update_id])
            self._again.discard(update_id)
        return batch

    def _is_allowed(self, kind: str) -> bool:
        return kind in self._allowed if self._allowed else kind not in _NOT_BY_DEFAULT

    def _wake(self) -> None:
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)
