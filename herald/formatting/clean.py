"""Text that Telegram can carry: what its servers would refuse, drop or misread is replaced first.

What Telegram itself does to characters is in `clean_input_string` and `strip_empty_characters`:
https://github.com/tdlib/td/blob/master/td/telegram/misc.cpp
"""

from __future__ import annotations

import re

# Colours and cursor movements, and titles or hyperlinks up to their terminator; a sequence never spans lines.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[()*+][0-9A-Za-z]|\][^\x07\x1b\n]*(?:\x07|\x1b\\))")
_LINE_END = re.compile(r"\r\n?|[\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Telegram deletes these; herald does it first, so that lengths and the plain text agree with what is shown. The last
# one, the byte order mark, goes too: it would hide the Markdown of a line.
_DELETED = re.compile(r"[\u202a-\u202e\u0333\u033f\u030a\ufeff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# A message of nothing but these is "empty" to Telegram.
_VISIBLE = re.compile(
    r"[^\s\u00ad\u115f\u1160\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\ufeff\ufffc\U000e0000-\U000e007f]"
)


def clean(text: str) -> str:
    """Replace what Telegram cannot carry: control characters become spaces, line ends `\\n`, ANSI codes nothing.

    Halves of a surrogate pair are joined where both are there; a lone one becomes U+FFFD. Tabs stay.
    """
    if text.isascii() and all(map(str.isprintable, text.replace("\t", " ").split("\n"))):
        return text  # the usual case, in a tenth of the time
    if _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = _LINE_END.sub("\n", _ANSI.sub("", text))
    return _DELETED.sub("", _CONTROL.sub(" ", text))


def is_visible(text: str) -> bool:
    """Say whether Telegram would show anything of `text`; it refuses a message where it would not."""
    return _VISIBLE.search(text) is not None
