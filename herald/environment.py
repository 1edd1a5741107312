"""What the machine says about the settings: the environment, the .env files, the systemd credential."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from herald.config import expand
from herald.errors import ConfigError, HeraldError

_CREDENTIAL = "telegram_bot_token"


def gather(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Merge the settings: `environ`, `folder`/.env, the .env in the user's config folder; the first value wins.

    The bot token may also be the systemd credential `telegram_bot_token`, which comes before the files.
    https://systemd.io/CREDENTIALS/ Raises ConfigError for a file that cannot be read.
    """
    merged: dict[str, str] = {}
    problems: list[HeraldError] = []
    for path in (_user_config(environ) / "herald" / ".env", folder / ".env"):
        merged |= _read(path, problems)
    credential = _text(Path(environ.get("CREDENTIALS_DIRECTORY", "/nonexistent"), _CREDENTIAL), problems)
    if credential is not None:
        merged["TELEGRAM_BOT_TOKEN"] = credential.strip()
    if problems:
        raise ConfigError(*problems)
    return merged | {name: value for name, value in environ.items() if value}


def missing(env: Mapping[str, str]) -> list[HeraldError]:
    """Tell which things that the settings in `env` name are not on this machine, or cannot be used."""
    problems = []
    home = env.get("HOME", "/")
    claude = expand(env.get("CLAUDE_BIN", "claude"), home)
    if shutil.which(claude, path=env.get("PATH")) is None:
        if Path(claude).is_file():
            problems.append(HeraldError(f"CLAUDE_BIN is not a program that can be run: {claude}", f"chmod +x {claude}"))
        else:
            hint = "install it with `npm install -g @anthropic-ai/claude-code`, or set CLAUDE_BIN to its full path"
            problems.append(HeraldError(f"the Claude CLI is not found: {claude}", hint))
    folder = expand(env.get("CLAUDE_WORK_DIR", home), home)
    if folder.startswith("/") and not Path(folder).is_dir():
        problems.append(HeraldError(f"CLAUDE_WORK_DIR is not a folder: {folder}", f"mkdir -p {folder}"))
    elif folder.startswith("/") and not os.access(folder, os.R_OK | os.X_OK):
        problems.append(HeraldError(f"CLAUDE_WORK_DIR cannot be entered: {folder}", "whose folder is it?"))
    return problems


def _read(path: Path, problems: list[HeraldError]) -> dict[str, str]:
    """Read a .env file; {} where there is none."""
    text = _text(path, problems)
    if text is None:
        return {}
    found = {}
    # no interpolation: a token may well hold "${"
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            line = binding.original.line
            problems.append(HeraldError(f"{path} has something unreadable in line {line}", "it wants NAME=value"))
        elif binding.key and binding.value:
            found[binding.key] = binding.value
    return found


def _text(path: Path, problems: list[HeraldError]) -> str | None:
    """Return the content of a file, without a byte order mark; None where there is none or it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        problems.append(HeraldError(f"{path} cannot be read: {exc.strerror}", "is it a file, and yours?"))
    except UnicodeDecodeError:
        problems.append(HeraldError(f"{path} is not UTF-8 text", "save it again as UTF-8"))
    return None


def _user_config(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/"), ".config"))
