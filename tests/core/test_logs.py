"""Whatever is logged, the bot token is not in it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

TOKEN = "123456789:AAE-abcdefghijklmnopqrstuvwxyz_0123"
CRASH = f"""
import logging
from herald import logs
logs.begin("info", {{format!r}})
logging.info("asking https://api.telegram.org/bot%s/getMe", "{TOKEN}")
raise RuntimeError("no answer from https://api.telegram.org/bot{TOKEN}/getMe")
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_neither_a_message_nor_a_crash_shows_the_token(log_format: str) -> None:
    code = CRASH.format(format=log_format)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "RuntimeError" in ended.stderr
    assert TOKEN not in ended.stderr
    assert ended.stderr.count("bot<token>") >= 2
    if log_format == "json":
        assert [json.loads(line)["level"] for line in ended.stderr.splitlines()] == ["info", "critical"]
