"""Puts the scripted `claude` into a folder, as an executable that CLAUDE_BIN can name."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

_PROGRAM = Path(__file__).with_name("claude.py")


def install(folder: Path, script: str | None = None) -> Path:
    """Put an executable `claude` into `folder` that plays `script`, and return its path.

    claude.py describes the scripts; without one it answers by itself.
    """
    (folder / "sessions").mkdir(parents=True, exist_ok=True)
    if script is not None:
        (folder / "script").write_text(script)
    program = folder / "claude"
    # -S -E: it needs no packages, and starts in a third of the time
    command = shlex.join([sys.executable, "-S", "-E", str(_PROGRAM), str(folder)])
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    program.chmod(0o700)
    return program
