"""How Claude's answer becomes messages: secrets out, Markdown to HTML, cut to size, or a file where it is too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from herald.formatting import cover, render
from herald.formatting.rich import rich
from herald.telegram.letters import Document, Letter, Outgoing, RichMessage

# Characters; rendering this much takes about 0.1 s.
_LONG_ANSWER = 20_000


@dataclass(frozen=True, slots=True)
class Composer:
    """Makes of an answer what is sent. `hide` takes the secrets out of a text."""

    hide: Callable[[str], str]
    max_messages: int
    use_rich: bool

    async def composed(self, markdown: str) -> Sequence[Outgoing]:
        """Return what is to be sent, in order; [] if nothing of it is visible."""
        if len(markdown) < _LONG_ANSWER:
            return self._compose(markdown)
        # a megabyte takes seconds: polling and /stop must not wait for it
        return await asyncio.to_thread(self._compose, markdown)

    def _compose(self, markdown: str) -> Sequence[Outgoing]:
        # half an emoji is no UTF-8
        markdown = self.hide(markdown.encode(errors="replace").decode())
        pieces = render(markdown)
        covered = cover(pieces, self.hide)
        letters = [Letter.of(piece) for piece in covered]
        messages: list[Letter | Document] = [*letters]
        if len(letters) > self.max_messages:
            caption = f"The whole answer; in the chat it would be {len(letters)} messages."
            content = markdown if covered == pieces else "\n\n".join(piece.text for piece in covered)
            messages = [letters[0], Document(content.encode(), caption, letters[1:])]
        if self.use_rich and covered == pieces and (blocks := rich(markdown)):
            return [RichMessage(blocks, messages)]
        return messages
