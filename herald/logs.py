"""The log: to standard error, human or JSON, and never with a bot token in it."""

from __future__ import annotations

import logging
import re
import sys
from types import TracebackType
from typing import Literal

import orjson

# Every API address carries the token, and so do the tracebacks of failed requests.
_BOT_TOKEN = re.compile(r"\d{3,}:[A-Za-z0-9_-]{30,}")


def begin(level: str, log_format: Literal["text", "json"]) -> None:
    """Send everything that is logged to standard error; journald adds the time."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if log_format == "json" else _Redacting("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # a crash is printed by the same formatter
    sys.excepthook = _log_crash
    # it tells of every update at info
    logging.getLogger("aiogram.event").setLevel(logging.WARNING)


def redacted(text: str) -> str:
    """Take every bot token out of `text`."""
    return _BOT_TOKEN.sub("<token>", text)


def _log_crash(kind: type[BaseException], exc: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("herald").critical("herald has crashed", exc_info=(kind, exc, trace))


class _Redacting(logging.Formatter):
    """Takes the token out of the finished line, where messages, arguments and tracebacks have come together."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class _Json(_Redacting):
    def format(self, record: logging.LogRecord) -> str:
        entry = {"level": record.levelname.lower(), "logger": record.name, "message": super().format(record)}
        return orjson.dumps(entry).decode()
