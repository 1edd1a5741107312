"""Names in prose that Telegram would make links, mentions or commands of: `main.py`, `@dataclass`, `$HOME`, `./run.sh`.

It does so outside of code only, so these are shown as code. What it takes for what is in `find_urls`, `find_mentions`
and their neighbours: https://github.com/tdlib/td/blob/master/td/telegram/MessageEntity.cpp
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from herald.formatting import domains

# None of them is anything with a space behind it, as the dots of prose have.
_SUSPECT = re.compile(r"[.@#$/](?=\w)")
_SPACE = re.compile(r"\s")
_LETTERS = r"A-Za-z0-9_\u00c0-\u02af\u0370-\u052f"
_NAME = re.compile(
    # a mention, a hashtag, a variable, a path
    r"(?:(?<!\w)@\w{3,}(?:[./-]\w+)*"
    r"|(?<!\w)\#\w*[^\W\d]\w*"
    r"|(?<!\w)\$[A-Z]\w*(?:/[\w./-]*\w)?"
    r"|(?<![\w/<>])(?:~|\.\.?)?/[A-Za-z0-9_](?:[\w./@+-]*\w)?/?(?:\(\)|(?::\d+)+)?"
    r")(?!\w)"
    # a dotted name of letters that are written with spaces between words; others may stand before and behind it
    rf"|(?<![{_LETTERS}@/.~\\-])"
    rf"(?:[A-Za-z]:\\|\.\.?/|~/|~)*+(?:[{_LETTERS}-]++[/\\])*+[{_LETTERS}-]++(?:\.[{_LETTERS}-]++)*"
    r"\.(?P<top>[A-Za-z]{2,}|\d+)(?P<call>\(\))?(?P<more>(?::\d+)+|[/?#](?:[\w./?#&=%+-]*[\w/])?)?"
    r"(?![\w@-]|\.\w)"
)
_OBJECTS = ("self.", "this.", "cls.")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")


def names_in(text: str) -> Iterator[tuple[int, int]]:
    """Yield where in `text` the names begin and end, in order. Web addresses and mail addresses are none."""
    at = 0
    while suspect := _SUSPECT.search(text, at):
        begin = max(at, text.rfind(" ", at, suspect.start()) + 1, text.rfind("\n", at, suspect.start()) + 1)
        end = space.start() if (space := _SPACE.search(text, suspect.end())) else len(text)
        word = text[begin:end]
        if not word.startswith("www."):
            for found in _NAME.finditer(word):
                if _is_meant_as_code(found):
                    yield begin + found.start(), begin + found.end()
        at = end


def _is_meant_as_code(name: re.Match[str]) -> bool:
    """Say whether a dotted name is a file, an attribute or a number and not a web site; other names always are."""
    top: str | None = name["top"]
    if top is None:
        return True
    if top.isdigit():
        return _ADDRESS.match(name[0]) is not None
    if top.lower() not in domains.ALL or not (top.islower() or top.isupper()):
        return False
    return top.lower() not in domains.WEB or name["call"] is not None or name[0].startswith(_OBJECTS)
