"""Which secrets are taken out of everything that goes to the chat: those that herald knows, and those it recognises."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from herald.config import Config
from herald.formatting import mask

# How the settings of programs call what is secret: ANTHROPIC_API_KEY, GH_TOKEN, PGPASSWORD.
_SECRET_NAME = re.compile(r"(?:TOKEN|KEY|SECRET|PASSWORD|PASSWD|CREDENTIALS?)\Z", re.IGNORECASE)
# Shorter values, and the names of files, could stand in any answer.
_SECRET_VALUE = re.compile(r"(?![~/.])\S{12,}")


def hider(config: Config, env: Mapping[str, str]) -> Callable[[str], str]:
    """Return the function that takes secrets out of a text; with HERALD_MASK_SECRETS=0 it knows only the bot token."""
    if not config.mask_secrets:
        return lambda text: text.replace(config.bot_token, "•••")
    named = (value for name, value in env.items() if _SECRET_NAME.search(name) and _SECRET_VALUE.fullmatch(value))
    return partial(mask, secrets=(config.bot_token, *named))
