"""The settings: `load(env)` turns names and strings into a Config, and reports every problem at once.

Reads nothing but the mapping it is given; `herald/environment.py` gathers that from the machine.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from herald.errors import ConfigError, HeraldError

T = TypeVar("T")

PUBLIC_BOT_API = "https://api.telegram.org"
# The names that `claude --help` lists; "manual" is the newer name of "default".
PERMISSION_MODES = ("default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions", "manual")
_BOT_TOKEN = re.compile(r"\d{3,}:[A-Za-z0-9_-]{30,}")
_USER_ID = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Config:
    """All settings, checked. Durations are seconds; None and () mean "not set, the CLI decides"."""

    bot_token: str
    allowed_users: frozenset[int]
    api_base: str
    claude_bin: str
    work_dir: Path
    model: str | None
    permission_mode: str
    allowed_tools: tuple[str, ...]
    disallowed_tools: tuple[str, ...]
    idle_s: float
    stall_s: float
    turn_timeout_s: float
    max_processes: int
    state_dir: Path
    drain_s: float
    max_messages: int
    mask_secrets: bool
    rich: bool
    log_level: str
    log_format: Literal["text", "json"]

    @property
    def bot_id(self) -> int:
        """The bot's own user id, which is the part of its token before the colon."""
        return int(self.bot_token.partition(":")[0])

    def __repr__(self) -> str:
        """Leave the token out: a Config may end up in a traceback."""
        return f"Config(bot_id={self.bot_id}, state_dir={str(self.state_dir)!r})"


def load(env: Mapping[str, str]) -> Config:
    """Read all settings from `env`, a mapping such as `environment.gather` returns.

    Raises ConfigError with every problem that was found. An empty value counts as not set.
    """
    reader = _Reader(env)
    home = env.get("HOME", "/")
    config = Config(
        bot_token=reader.take("TELEGRAM_BOT_TOKEN", "", _bot_token),
        allowed_users=reader.take("TELEGRAM_ALLOWED_USERS", "", _user_ids),
        api_base=reader.take("TELEGRAM_API_BASE", PUBLIC_BOT_API, _http_url),
        claude_bin=reader.take("CLAUDE_BIN", "claude", lambda text: expand(text, home)),
        work_dir=reader.take("CLAUDE_WORK_DIR", home, lambda text: _absolute_folder(expand(text, home))),
        model=reader.take("CLAUDE_MODEL", "", str) or None,
        permission_mode=reader.take("CLAUDE_PERMISSION_MODE", "default", _permission_mode),
        allowed_tools=reader.take("CLAUDE_ALLOWED_TOOLS", "", _tools),
        disallowed_tools=reader.take("CLAUDE_DISALLOWED_TOOLS", "", _tools),
        idle_s=reader.take("CLAUDE_IDLE_S", "600", _seconds),
        stall_s=reader.take("CLAUDE_STALL_S", "600", _positive_seconds),
        turn_timeout_s=reader.take("CLAUDE_TURN_TIMEOUT_S", "7200", _positive_seconds),
        max_processes=reader.take("CLAUDE_MAX_PROCESSES", "3", _count),
        state_dir=reader.take(
            "HERALD_STATE_DIR", _default_state_dir(env), lambda text: _absolute_folder(expand(text, home))
        ),
        drain_s=reader.take("HERALD_DRAIN_S", "20", _seconds),
        max_messages=_take_max_messages(reader),
        mask_secrets=reader.take("HERALD_MASK_SECRETS", "1", _switch),
        rich=reader.take("HERALD_RICH", "0", _switch),
        log_level=reader.take("HERALD_LOG_LEVEL", "info", _log_level),
        log_format="json" if reader.take("HERALD_LOG_FORMAT", "text", _log_format) == "json" else "text",
    )
    if reader.problems:
        raise ConfigError(*reader.problems)
    return config


def max_messages(env: Mapping[str, str]) -> int:
    """Read only how many messages an answer may take. Raises ConfigError."""
    reader = _Reader(env)
    count = _take_max_messages(reader)
    if reader.problems:
        raise ConfigError(*reader.problems)
    return count


def expand(path: str, home: str) -> str:
    """Replace a leading `~` by `home`, as a shell would have done."""
    return home + path[1:] if path == "~" or path.startswith("~/") else path


class _Reader:
    """Takes settings one by one and collects what is wrong with them."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.problems: list[HeraldError] = []

    def take(self, name: str, default: str, parse: Callable[[str], T]) -> T:
        try:
            return parse(self._env.get(name, "").strip() or default)
        except HeraldError as exc:
            self.problems.append(HeraldError(f"{name} {exc.message}", exc.hint))
            return None  # type: ignore[return-value]  # nobody sees it: load() raises


def _take_max_messages(reader: _Reader) -> int:
    return reader.take("HERALD_MAX_MESSAGES", "6", _count)


def _bot_token(text: str) -> str:
    if not text:
        raise HeraldError("is not set", "put it into .env here; @BotFather gives you one when you send it /newbot")
    if not _BOT_TOKEN.fullmatch(text):
        # the value itself is a secret and must not be repeated
        raise HeraldError(
            "does not look like a bot token", "it reads like 123456789:AAE…, copied whole from @BotFather"
        )
    return text


def _user_ids(text: str) -> frozenset[int]:
    hint = "your numeric Telegram user id goes into .env here; @userinfobot tells it"
    if not text:
        raise HeraldError("is empty: herald would answer nobody", hint)
    ids = frozenset(part.strip() for part in text.split(",") if part.strip())
    if bad := sorted(part for part in ids if not _USER_ID.fullmatch(part)):
        raise HeraldError(f"has {bad[0]!r}, which is not a user id", hint)
    if not ids:
        raise HeraldError("names nobody", hint)
    return frozenset(int(part) for part in ids)


def _http_url(text: str) -> str:
    try:
        address = urllib.parse.urlsplit(text)
        usable = address.scheme in ("http", "https") and address.hostname and (address.port or 80) > 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s?#]", text):
        raise HeraldError(f"is {text!r}, which is not an http(s) address", f"leave it out to use {PUBLIC_BOT_API}")
    return text.rstrip("/")


def _absolute_folder(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute():
        raise HeraldError(f"is {text!r}, which is not an absolute path", "write it in full, beginning with /")
    return path


def _permission_mode(text: str) -> str:
    if text not in PERMISSION_MODES:
        raise HeraldError(f"is {text!r}, which no mode is called", "one of " + ", ".join(PERMISSION_MODES[:-1]))
    return text


def _tools(text: str) -> tuple[str, ...]:
    """Split at commas and spaces outside parentheses: `Read, Bash(git log:*)` are two tools."""
    if text.count("(") != text.count(")"):
        raise HeraldError("has an unpaired parenthesis", "for example: Read, Edit, Bash(git log:*)")
    return tuple(re.findall(r"[^\s,()]+(?:\([^()]*\))?", text))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise HeraldError(f"is {text!r}, which is not a number of seconds", "for example 600")
    return seconds


def _positive_seconds(text: str) -> float:
    if seconds := _seconds(text):
        return seconds
    raise HeraldError("is 0", "for example 600")


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", text, re.ASCII):
        raise HeraldError(f"is {text!r}, which is not a number from 1", "for example 6")
    return int(text)


def _switch(text: str) -> bool:
    """1 is on and 0 is off; other words that people write for these are understood."""
    if (word := text.lower()) in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise HeraldError(f"is {text!r}", "1 or 0")


def _log_level(text: str) -> str:
    if (level := text.lower()) not in ("debug", "info", "warning", "error"):
        raise HeraldError(f"is {text!r}", "one of debug, info, warning, error")
    return level


def _log_format(text: str) -> str:
    if text not in ("text", "json"):
        raise HeraldError(f"is {text!r}", "text or json")
    return text


def _default_state_dir(env: Mapping[str, str]) -> str:
    """`$STATE_DIRECTORY` is what systemd's StateDirectory= made; it may list several, joined by colons."""
    if by_systemd := env.get("STATE_DIRECTORY", "").partition(":")[0]:
        return by_systemd
    return str(Path(env.get("XDG_STATE_HOME") or Path(env.get("HOME", "/"), ".local", "state"), "herald"))
