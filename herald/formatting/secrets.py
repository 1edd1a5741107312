"""Secrets that Claude read or wrote: none leaves the machine, in prose or in code, in a finished text or a growing one.

Laws: masking twice changes nothing; the time is linear in the length; nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from herald.formatting.clean import clean
from herald.formatting.secret_shapes import IN_TOKENS, MIN_TOKEN, PLACES, TOKENS, Shape

_HIDDEN = "•••"
# Shorter ones would be found in harmless words.
_MIN_SECRET = 8
_SPACES_AROUND_TOKENS = bytes(byte if chr(byte).isalnum() or chr(byte) in IN_TOKENS else 0x20 for byte in range(256))

# Between the lines of a key: line ends, also as `\n` in JSON, and what editors, diffs and code put around them.
_GAP = r"(?:\\[nrt]|\d{1,5}[\t\u2192.:)]|- |<br\s{0,3}/?>|&#10;|%0[AD]|[\s\"'+>|,\\`*\u00a0])"
_LINE_END = r"[\"'+,\\`*| \t]*(?:\n|\\[nr]|<br|&#10;|%0[AD]|-----|\Z)"
_BASE64 = "[A-Za-z0-9+/=]"
_HEADER = "(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset):"
# RFC 7468, RFC 1421, RFC 9580; https://tartarus.org/~simon/putty-snapshots/htmldoc/AppendixC.html
_BEGIN = r"(?:-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|Private-Lines: \d++(?=\n|\\[nr]))"
_END = "(?:-----END|Private-MAC)"
# Prose about keys goes on in the same line, and not with base64.
_STARTS = rf"(?={_LINE_END}|{_GAP}*+{_BASE64}{{24}})({_GAP}*+)(?={_BASE64}{{24}}|{_HEADER}|{_BASE64}++{_LINE_END})"
_KEY_LINE = rf"(?:{_HEADER}[^\n\\]*+|{_BASE64}++(?={_LINE_END}))"
# A key goes on up to its end; one that was cut short, up to the last line that is one of a key.
_BODY = r"(?:[^-P]|-(?!----)|P(?!rivate-(?:MAC|Lines)))"
_KEY = rf"({_BEGIN}){_STARTS}{_BODY}*+(?={_END})"
_KEY_CUT_SHORT = (
    rf"({_BEGIN}){_STARTS}(?:{_KEY_LINE}|{_BASE64}++)(?:{_GAP}++{_KEY_LINE})*+"
    rf"(?:{_BODY}{{0,20000}}(?:\n|\\n){_GAP}{{0,9}}+{_BASE64}{{24,}}+(?={_LINE_END})(?:{_GAP}++{_KEY_LINE})*+)?"
)
_OPEN_KEY = rf"-----BEGIN [A-Z0-9 ]{{0,40}}-{{0,5}}\Z|Private-Lines: \d*\Z|{_BEGIN}(?:{_GAP}*+[!-~]*\Z|{_STARTS})"


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """Clean Markdown and hide what in it is a secret: `ghp_•••`, `https://user:•••@host`; one of `secrets` is `•••`.

    Strings in `secrets` shorter than 8 characters are ignored; the others are also found percent-encoded.
    """
    shaped = _hide_shapes(clean(text))
    masked = _hide_exact(shaped, secrets)
    # A token may begin right where one of `secrets` ended.
    return masked if masked == shaped else _hide_shapes(masked)


def unfinished(text: str) -> int:
    """Count the characters at the end of a growing text that may become a secret: the last word, or a key without end.

    `mask` of what is before them is how `mask` of the whole text will begin, and whole lines before them can be masked
    on their own. Only strings given to `mask` that have spaces or letters beyond ASCII are not waited for.
    """
    if clean(text) == text:
        return len(text) - _decided(text)
    # Places in the two differ. A colour code ends with its line, so whole lines can be shown.
    lines = text[: text.rfind("\n") + 1]
    before = clean(lines)
    return len(text) - (len(lines) if _decided(before) == len(before) else 0)


def _decided(text: str) -> int:
    """Say how much of a growing text stays as it is, whatever follows: it ends before a word, or before a key."""
    end = _before_word(text, len(text))
    # A key is open until the line with its end is complete, since that may still be a line of another one.
    complete = text.rfind("\n") + 1
    while True:
        closed = max(text.rfind(mark, 0, complete) for mark in ("-----END", "Private-MAC"))
        found = re.compile(_OPEN_KEY, re.ASCII).search(text, closed + 1)
        if found is None or found.start() >= end:
            return end
        complete = text.rfind("\n", 0, found.start()) + 1
        if closed < complete:
            return _before_word(text, found.start())


def _before_word(text: str, end: int) -> int:
    while end and "!" <= text[end - 1] <= "~":
        end -= 1
    return end


def _hide_shapes(text: str) -> str:
    if "PRIVATE KEY" in text or "Private-Lines" in text:
        text = re.sub(_KEY, rf"\1\2{_HIDDEN}\2", text, flags=re.ASCII)
        text = re.sub(_KEY_CUT_SHORT, rf"\1\2{_HIDDEN}", text, flags=re.ASCII)
    words = text.encode("ascii", "replace").translate(_SPACES_AROUND_TOKENS).decode().split()
    text = _hide_marked(text, TOKENS, " ".join({word for word in words if len(word) >= MIN_TOKEN}))
    return _hide_marked(text, PLACES, text.lower())


def _hide_marked(text: str, shapes: Iterable[Shape], searched: str) -> str:
    """Hide `shapes` that have a mark in `searched`: looking for a mark is much faster than looking for a pattern."""
    for shape in shapes:
        for mark in shape.marks:
            if mark in searched:
                text = re.sub(shape.pattern, rf"\1{_HIDDEN}", text, flags=re.ASCII)
                break
    return text


def _hide_exact(text: str, secrets: Iterable[str]) -> str:
    known = {secret for secret in secrets if len(secret) >= _MIN_SECRET}
    if "%" in text:
        known |= {_percent_encoded(secret) for secret in known}
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text


def _percent_encoded(secret: str) -> str:
    """Do what `urllib.parse.quote` does, which takes longer to import than everything here."""
    return re.sub(
        r"[^A-Za-z0-9._~-]",
        lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass")),
        secret,
    )
