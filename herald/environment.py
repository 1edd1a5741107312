"""What the machine says about the settings: the environment, the .env files, the systemd credential."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from herald.errors import HeraldError

_CREDENTIAL = "telegram_bot_token"


def gather(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Merge the settings: `environ`, `folder`/.env, the .env in the user's config folder; the first value wins.

    The bot token may also be the systemd credential `telegram_bot_token`, which comes before the files.
    https://systemd.io/CREDENTIALS/
    """
    merged: dict[str, str] = {}
    for path in (_user_config(environ) / "herald" / ".env", folder / ".env"):
        if path.is_file():
            # interpolation is off: a token or a prompt may well hold "${"
            merged |= {name: value for name, value in dotenv_values(path, interpolate=False).items() if value}
    credential = Path(environ.get("CREDENTIALS_DIRECTORY", "/nonexistent"), _CREDENTIAL)
    if credential.is_file():
        merged["TELEGRAM_BOT_TOKEN"] = credential.read_text().strip()
    return merged | {name: value for name, value in environ.items() if value}


def missing(env: Mapping[str, str]) -> list[HeraldError]:
    """Tell which things that the settings in `env` name are not on this machine."""
    problems = []
    claude = env.get("CLAUDE_BIN", "claude")
    if shutil.which(claude, path=env.get("PATH")) is None:
        hint = "install it with `npm install -g @anthropic-ai/claude-code`, or set CLAUDE_BIN to its full path"
        problems.append(HeraldError(f"the Claude CLI is not found: {claude}", hint))
    folder = env.get("CLAUDE_WORK_DIR", "")
    if folder.startswith("/") and not Path(folder).is_dir():
        problems.append(HeraldError(f"CLAUDE_WORK_DIR is not a folder: {folder}", f"mkdir -p {folder}"))
    return problems


def _user_config(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/"), ".config"))
