"""A block that is larger than a message, taken apart from its beginning to its end."""

from __future__ import annotations

import re

from herald.formatting.runs import Block, Run, Size, escape, width_utf8, width_utf16

_SENTENCE_END = re.compile(r"[.!?…:;][\"'”’»)\]]*(?= )|[。！？；][」』”）]*")

_LINE_ENDS = re.compile(r"[ \n]*\n")


class Cutter:
    """What is left of a block. Each part is taken once, so that the time is linear."""

    def __init__(self, block: Block, gap: str) -> None:
        """`gap` separates the first part from what stands before it."""
        self._block = block
        self._gap = gap
        self._at = 0
        self._continues = block.continues
        self._index = 0  # the run in which the rest begins, and where this run begins
        self._passed = 0

    @property
    def is_empty(self) -> bool:
        return self._at >= len(self._block.text)

    def take(self, room: Size, fresh: Size | None = None) -> Block | None:
        """Take as much as fits into `room`, up to the end of a line.

        Where not even a line fits, None if it would fit into `fresh`, the room of a new message; else the line is cut
        at the end of a sentence, if that leaves the message half full, else of a word, else between two characters.
        """
        text, begin = self._block.text, self._at
        end = begin + self._fitting(room)
        if end >= len(text):
            return self._part(len(text), "")
        if (line_end := text.rfind("\n", begin, end + 1)) > begin:
            # empty lines at the edges of a message would be trimmed by Telegram
            last = begin + len(text[begin:line_end].rstrip(" \n"))
            return self._part(last, _LINE_ENDS.match(text, last)[0])  # type: ignore[index]
        if fresh is not None and self._line_fits(fresh):
            return None
        end = _end_within_line(text, begin, end)
        return self._part(end, " " if text[end : end + 1] == " " else "")

    def _line_fits(self, room: Size) -> bool:
        end = self._at + self._fitting(room)
        return end >= len(self._block.text) or self._block.text.find("\n", self._at, end + 1) >= 0

    def _part(self, end: int, separator: str) -> Block:
        """Take the text up to `end`; the separator behind it becomes the gap of the next part."""
        block = self._block
        runs = []
        while self._index < len(block.runs):
            text, marks = block.runs[self._index]
            begin = max(0, self._at - self._passed)
            if self._passed < end:
                runs.append(Run(text[begin : end - self._passed], marks))
            if self._passed + len(text) > end:
                break
            self._passed += len(text)
            self._index += 1
        part = Block(runs, block.frame, self._gap, block.rank, rest=block.rest, continues=self._continues)
        self._at = end + len(separator)
        self._gap, self._continues = separator, "\n" not in separator
        return part

    def _fitting(self, room: Size) -> int:
        """Return how many characters of the rest fit; at least one."""
        width, entities, markup = room
        # as a rule a block is cut because of its width only
        is_dense = self._block.size.entities > entities or self._block.size.markup_bytes > markup
        chars = 0
        passed = self._passed
        for index in range(self._index, len(self._block.runs)):
            text, marks = self._block.runs[index]
            begin = max(0, self._at - passed)
            passed += len(text)
            text = text[begin : begin + width + 1]
            if is_dense:
                entities -= len(marks)
                markup -= sum(width_utf8(mark.opening) + len(mark.closing) for mark in marks)
                if entities < 0 or markup < 0:
                    break
            fits = text if len(text) * 2 <= width and not is_dense else _beginning(text, width, markup)
            chars += len(fits)
            if len(fits) < len(text):
                break
            width -= width_utf16(text)
            if is_dense:
                markup -= width_utf8(escape(text))
        return max(chars, 1)


def _beginning(text: str, width: int, markup: int) -> str:
    """Return as much of a text as is `width` UTF-16 units wide and, as markup, so many bytes long."""
    if width_utf16(text) > width:
        text = text.encode("utf-16-le")[: 2 * max(width, 0)].decode("utf-16-le", "ignore")
    while width_utf8(escape(text)) > markup:
        text = text[: len(text) * 3 // 4]
    return text


def _end_within_line(text: str, begin: int, end: int) -> int:
    """Return the best place to cut a line at or before `end`."""
    sentence_end = 0
    for found in _SENTENCE_END.finditer(text, (begin + end) // 2, end + 1):
        sentence_end = found.end()
    if sentence_end:
        return min(sentence_end, end)
    space = text.rfind(" ", begin + 1, end + 1)
    if space > begin and text[begin:space].strip(" "):
        return space
    if text[begin : end + 1].isascii():
        return end
    from wcwidth import grapheme_boundary_before

    return begin + (grapheme_boundary_before(text[begin : end + 1], end - begin + 1) or end - begin)
