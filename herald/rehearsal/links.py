"""Which link targets Telegram takes, and how it rewrites them. Learned from TDLib's answers, which tests compare."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"(?i)(https?|tg|ton|tonsite)://")
_TG_SHORT = re.compile(r"(?i)tg:(?!//)")
_PARTS = re.compile(r"(?:([^/?#@]*)@)?(\[[0-9a-fA-F:.]+\]|[^/?#:@\[\]]*)(?::(\d+))?([/?#].*)?", re.DOTALL)
_BAD_IN_HOST = re.compile(r'[\x00-\x20\x7f"<>\\^`{|}\[\]]')
_ESCAPED_IN_PATH = re.compile(r"[\x00-\x20\x7f]")
_MENTION = re.compile(r"tg://user/?\?id=([1-9]\d{0,12})")


def normalise_link(target: str) -> str | None:
    """Return the link as Telegram stores it, None if it drops the link and keeps the text.

    Without a scheme it is http; a host needs a dot, except in tg: and ton: links.
    """
    target = _TG_SHORT.sub("tg://", target, count=1) if _TG_SHORT.match(target) else target
    scheme_match = _SCHEME.match(target)
    scheme = scheme_match[1].lower() if scheme_match else "http"
    parts = _PARTS.fullmatch(target[scheme_match.end() :] if scheme_match else target)
    if parts is None or (scheme_match is None and "://" in target.partition("/")[0] + "/"):
        return None
    user, host, port, rest = parts[1], parts[2], parts[3], parts[4] or "/"
    if not host or (not host.startswith("[") and _BAD_IN_HOST.search(host)):
        return None
    if scheme.startswith("http") and "." not in host and not host.startswith("["):
        return None
    if port is not None and not 0 < int(port) < 65536:
        return None
    rest = _ESCAPED_IN_PATH.sub(lambda char: f"%{ord(char[0]):02X}", rest if rest.startswith("/") else f"/{rest}")
    if scheme == "tg":
        rest = rest.removeprefix("/") if rest.startswith("/?") else rest
    address = host.translate(_LOWER_ASCII) + (f":{port}" if port else "")
    return f"{scheme}://{f'{user}@' if user is not None else ''}{address}{rest}"


_LOWER_ASCII = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def mentioned_user(link: str) -> int | None:
    """Return the id of the person that a tg://user link names, None if it is another link."""
    found = _MENTION.fullmatch(link)
    return int(found[1]) if found else None
