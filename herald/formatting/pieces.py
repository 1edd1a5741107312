"""Messages: blocks packed so that each message stays within what Telegram accepts, cut where a reader would cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from herald.formatting.clean import is_visible
from herald.formatting.cutting import Cutter
from herald.formatting.runs import Block, Marks, Run, Size, shared, width_utf8, width_utf16

# Telegram allows 4096 code points, so 4096 UTF-16 units are always allowed. Of more than 100 entities it drops some
# without an error; two are slack. It measures the markup before parsing it. From MessageContent.cpp and
# MessageEntity.cpp in https://github.com/tdlib/td/tree/master/td/telegram and Client.cpp of telegram-bot-api.
LIMIT = Size(width_utf16=4096, entities=98, markup_bytes=32_768)
# A better place to end a message is taken only where the message is at least this full.
_WELL_FILLED_UTF16 = LIMIT.width_utf16 // 2
# Where less than this is free, a block that must be cut anyway begins in the next message.
_WORTH_FILLING = Size(width_utf16=1024, entities=8, markup_bytes=16_384)
# More headings than these in a row are a text of their own.
_MOST_LEADING = 4
# The styles and tags of a single character; the longest target of a link is 2048 bytes, each of which may be escaped.
_MOST_MARKS = 5
_MOST_TAGS_BYTES = 13_000
# Telegram trims spaces where a message begins, but not these.
_FIXED_SPACE = "\u00a0"


@dataclass(frozen=True, slots=True)
class Piece:
    """One message: `html` for parse_mode HTML, and `text`, the same without styles, for when that is refused.

    `width_utf16` is the length of `text` as Telegram counts offsets.
    """

    html: str
    text: str
    width_utf16: int


def split(blocks: Iterable[Block]) -> list[Piece]:
    """Pack blocks into messages in order; [] if nothing is visible.

    A message ends between blocks, best before a heading, else between list items. A block that fits into one message
    is not cut; others are cut between lines, else sentences, else words, else characters that a reader sees as one.
    A heading goes with what follows it.
    """
    packer = Packer()
    for block in blocks:
        packer.add(block)
    return packer.finish()


class Packer:
    """The finished messages, and the blocks of the one that is being filled."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._blocks: list[Block] = []
        self._size = Size()

    def copy(self) -> Packer:
        """Return a packer that goes on from here; what it packs does not come into this one."""
        other = Packer()
        other._pieces, other._blocks, other._size = self._pieces.copy(), self._blocks.copy(), self._size
        return other

    @property
    def finished(self) -> int:
        """How many messages are finished."""
        return len(self._pieces)

    def finish(self) -> list[Piece]:
        """End the last message and return all."""
        self._end_message(len(self._blocks))
        return self._pieces

    def add(self, block: Block) -> None:
        """Put a block into the message, or else the next one; it is cut if it is larger than a message."""
        if self._append(block):
            return
        if block.size.fits(LIMIT):
            self._make_room(block)
            if self._append(block):
                return
        if not self._size.plus(_WORTH_FILLING).fits(LIMIT) and not self._only_leads():
            self._end_message(len(self._blocks) - self._leading())
        self.fill_with(block, block.gap)

    def fill_with(self, block: Block, gap: str) -> None:
        """Put a block into as many messages as it takes, beginning in this one behind `gap`."""
        fresh = _left(_size_of_frame(block.frame, ()).plus(Size(len(block.rest), 0, 2 * len(block.rest))))
        rest = Cutter(block, gap)
        while not rest.is_empty:
            room = fresh
            if self._blocks:
                used = self._size.plus(_size_of_frame(block.frame, self._blocks[-1].frame))
                room = _left(used.plus(Size(len(gap), 0, len(gap))))
                if room.width_utf16 < 1 or room.entities < _MOST_MARKS or room.markup_bytes < _MOST_TAGS_BYTES:
                    self._end_message(len(self._blocks))
                    continue
            part = rest.take(room, None if self._only_leads() else fresh)
            if part:
                self._append(part)
            if not rest.is_empty:
                self._end_message(len(self._blocks) - (0 if part else self._leading()))

    def _append(self, block: Block) -> bool:
        """Add a block if it fits. Empty lines where a message begins are left out: Telegram would trim them."""
        if self._blocks:
            size = _sum(self._size, block.size, len(block.gap))
            last = self._blocks[-1].frame
        elif block.text.strip(" \n"):
            block = _at_beginning(block)
            size, last = block.size, ()
        else:
            return True
        if block.frame is not last:
            size = size.plus(_size_of_frame(block.frame, last))
        if not size.fits(LIMIT):
            return False
        self._blocks.append(block)
        self._size = size
        return True

    def _leading(self) -> int:
        """Count the blocks at the end of the message that go with what follows; 0 if that would leave nothing."""
        count = 0
        while count < len(self._blocks) and self._blocks[-1 - count].leads:
            count += 1
        return 0 if count == len(self._blocks) or count > _MOST_LEADING else count

    def _only_leads(self) -> bool:
        """Whether the message has nothing but a heading so far, or nothing at all."""
        return len(self._blocks) <= _MOST_LEADING and all(block.leads for block in self._blocks)

    def _make_room(self, block: Block) -> None:
        """End the message where that is best for a reader, and so that `block` fits into the next."""
        at = ends = len(self._blocks)
        best, best_rank = 0, block.rank + 1
        before = self._size.width_utf16
        carried = block.size.plus(_size_of_frame(block.frame, ()))
        gap = len(block.gap)
        while at and carried.fits(LIMIT) and (before >= _WELL_FILLED_UTF16 or not best):
            if not self._blocks[at - 1].leads:
                rank = block.rank if at == ends else self._blocks[at].rank
                if rank < best_rank:
                    best, best_rank = at, rank
            at -= 1
            moved = self._blocks[at]
            before -= moved.size.width_utf16 + len(moved.gap)
            carried = carried.plus(moved.size).plus(_size_of_frame(moved.frame, ())).plus(Size(gap, 0, gap))
            gap = len(moved.gap)
        # code that needs a whole message leaves even its heading behind; other blocks are cut
        if best or _is_code(block) or not (self._leading() or self._only_leads()):
            self._end_message(best or ends)

    def _end_message(self, count: int) -> None:
        """Make a message of the first `count` blocks; the others begin the next one."""
        blocks, following = self._blocks[:count], self._blocks[count:]
        while blocks and not blocks[-1].text.strip(" \n"):
            blocks.pop()
        self._blocks, self._size = [], Size()
        if blocks:
            blocks[-1] = _at_end(blocks[-1])
            text = "".join([part for block in blocks for part in (block.gap, block.text)])[len(blocks[0].gap) :]
            html = _to_html(blocks)
            if is_visible(text):
                self._pieces.append(Piece(html, text, width_utf16(text)))
        for block in following:
            self._append(block)


def _at_beginning(block: Block) -> Block:
    """Return the block as it is where a message begins: indented by spaces that Telegram does not trim."""
    if (block.text[:1] not in (" ", "\n") and not block.continues) or _is_code(block):
        return block
    runs = [run for run in block.runs if run.text]
    while not runs[0].text.strip("\n"):
        del runs[0]
    (text, marks), *others = runs
    text = (block.rest if block.continues else "") + text.lstrip("\n")
    begun = text.lstrip(" ")
    first = Run(_FIXED_SPACE * (len(text) - len(begun)) + begun, marks)
    return Block([first, *others], block.frame, block.gap, block.rank, leads=block.leads, rest=block.rest)


def _at_end(block: Block) -> Block:
    """Return the block as it is where a message ends: Telegram trims what nobody sees."""
    if block.text[-1:] not in (" ", "\n"):
        return block
    runs = list(block.runs)
    while not runs[-1].text.strip(" \n"):
        runs.pop()
    runs[-1] = Run(runs[-1].text.rstrip(" \n"), runs[-1].marks)
    return Block(runs, block.frame, block.gap, block.rank)


def _is_code(block: Block) -> bool:
    return bool(block.frame) and block.frame[-1].opening.startswith("<pre")


def _sum(size: Size, other: Size, gap: int) -> Size:
    width, entities, markup = size
    return Size(width + other[0] + gap, entities + other[1], markup + other[2] + gap)


def _left(used: Size) -> Size:
    return Size(*(limit - taken for limit, taken in zip(LIMIT, used, strict=True)))


def _size_of_frame(frame: Marks, around: Marks) -> Size:
    """Return what the marks of `frame` that are not open in `around` add to a message."""
    if frame is around:
        return Size()
    opened = frame[shared(frame, around) :]
    return Size(0, len(opened), sum(width_utf8(mark.opening) + len(mark.closing) for mark in opened))


def _to_html(blocks: Sequence[Block]) -> str:
    parts: list[str] = []
    last: Marks = ()
    for block in blocks:
        gap = block.gap if parts else ""
        if block.frame is last:
            parts += (gap, block.html)
            continue
        kept = shared(last, block.frame)
        parts += [mark.closing for mark in reversed(last[kept:])]
        parts.append(gap)
        parts += [mark.opening for mark in block.frame[kept:]]
        parts.append(block.html)
        last = block.frame
    parts += [mark.closing for mark in reversed(last)]
    return "".join(parts)
