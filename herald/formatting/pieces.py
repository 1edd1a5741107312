"""Messages: blocks packed so that each message stays within what Telegram accepts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from unicodedata import category

from herald.formatting.clean import is_visible
from herald.formatting.runs import Block, Marks, Run, Size, size_of, to_html, width_utf16

# Telegram allows 4096 code points, so 4096 UTF-16 units are always allowed. Of more than 100 entities it drops some
# without an error; two are slack. It measures the markup before parsing it. From MessageContent.cpp and
# MessageEntity.cpp in https://github.com/tdlib/td/tree/master/td/telegram and Client.cpp of telegram-bot-api.
LIMIT = Size(width_utf16=4096, entities=98, markup_bytes=32_768)
# Where less than this is free, a block that must be cut anyway begins in the next message.
_WORTH_FILLING_UTF16 = 1024
# What cannot be cut at a space is cut into portions of this size; the smaller, the fuller a message gets.
_PORTION_CHARS = 64

_JOINER = "\u200d"
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_SKIN_TONES_AND_TAGS = "".join(map(chr, (*range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080))))


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

    A block that fits into one message is not cut. Others are cut between lines, else between words, else between
    characters that a reader sees as one. A heading goes with what follows it where both fit.
    """
    packer = _Packer()
    for block in blocks:
        packer.add(block)
    packer.end_message()
    return packer.pieces


class _Packer:
    """The finished messages, and the blocks of the one that is being filled."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._blocks: list[Block] = []
        self._size = Size()
        self._open_marks: Marks = ()

    def add(self, block: Block) -> None:
        if not self._place(block):
            if LIMIT.width_utf16 - self._size.width_utf16 < _WORTH_FILLING_UTF16:
                self._begin_message(following=Size())
            for line in _cut_at("\n", block):
                self._add_line(line)

    def end_message(self) -> None:
        runs = _trimmed([run for block in self._blocks for run in (block.gap, *block.runs)][1:])
        text = "".join(run.text for run in runs)
        if is_visible(text):
            self.pieces.append(Piece(to_html(runs), text, width_utf16(text)))
        self._blocks, self._size, self._open_marks = [], Size(), ()

    def _add_line(self, line: Block) -> None:
        if not self._place(line):
            for word in _cut_at(" ", line):
                if not self._place(word):
                    for portion in _portions(word):
                        self._place(portion)

    def _place(self, block: Block) -> bool:
        """Add a block to this message or else to a new one; say False if it is too large for any."""
        if not (self._size + size_of(self._runs_added_by(block), self._open_marks)).fits(LIMIT):
            alone = size_of(block.runs)
            if not alone.fits(LIMIT):
                return False
            self._begin_message(alone)
        self._append(block)
        return True

    def _append(self, block: Block) -> None:
        runs = self._runs_added_by(block)
        self._size += size_of(runs, self._open_marks)
        self._open_marks = runs[-1].marks
        self._blocks.append(block)

    def _runs_added_by(self, block: Block) -> tuple[Run, ...]:
        return (block.gap, *block.runs) if self._blocks else block.runs

    def _begin_message(self, following: Size) -> None:
        """End this message without the headings at its end: they go with what follows, unless that leaves no room."""
        headings = list(takewhile(lambda block: block.is_heading, reversed(self._blocks)))[::-1]
        size = sum((size_of((block.gap, *block.runs)) for block in headings), following)
        if not size.fits(LIMIT):
            headings = []
        self._blocks = self._blocks[: len(self._blocks) - len(headings)]
        self.end_message()
        for heading in headings:
            self._append(heading)


def _cut_at(separator: str, block: Block) -> Iterator[Block]:
    """Cut a block at every separator, which becomes the gap of the part behind it."""
    gap, runs = block.gap, list[Run]()
    for run in block.runs:
        first, *others = run.text.split(separator)
        runs.append(Run(first, run.marks))
        for other in others:
            yield Block(tuple(runs), gap)
            gap, runs = Run(separator, run.marks), [Run(other, run.marks)]
    yield Block(tuple(runs), gap)


def _portions(word: Block) -> Iterator[Block]:
    """Cut a word that is larger than a message."""
    gap = word.gap
    for run in word.runs:
        start = 0
        while start < len(run.text):
            end = _portion_end(run.text, start)
            yield Block((Run(run.text[start:end], run.marks),), gap)
            start, gap = end, Run("", run.marks)


def _portion_end(text: str, start: int) -> int:
    """Return where a portion may end: not inside an emoji or an accented letter, unless that is as long as a word."""
    end = start + _PORTION_CHARS
    if end >= len(text):
        return len(text)
    for place in range(end, start, -1):
        flag_letters = place - start - len(text[start:place].rstrip(_FLAG_LETTERS))
        is_inside_flag = text[place] in _FLAG_LETTERS and flag_letters % 2 == 1
        if not (_joins_the_one_before(text[place]) or text[place - 1] == _JOINER or is_inside_flag):
            return place
    return end


def _joins_the_one_before(char: str) -> bool:
    return char == _JOINER or category(char) in ("Mn", "Mc", "Me") or char in _SKIN_TONES_AND_TAGS


def _trimmed(runs: list[Run]) -> list[Run]:
    """Drop what Telegram trims: line ends where a message begins, line ends and spaces where it ends."""
    begin, end = 0, len(runs)
    while begin < end and not runs[begin].text.strip("\n"):
        begin += 1
    while begin < end and not runs[end - 1].text.strip(" \n"):
        end -= 1
    kept = runs[begin:end]
    if kept:
        kept[0] = Run(kept[0].text.lstrip("\n"), kept[0].marks)
        kept[-1] = Run(kept[-1].text.rstrip(" \n"), kept[-1].marks)
    return kept
