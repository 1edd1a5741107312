"""What the stand-in for `claude` leaves in its configuration folder, as the real CLI does. Standard library only."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any


class Transcript:
    """One session's file; every line is on disk when the call returns."""

    def __init__(self, session_id: str) -> None:
        folder = Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude")
        project = re.sub(r"[^a-zA-Z0-9]", "-", str(Path.cwd()))
        self._path = folder / "projects" / project / f"{session_id}.jsonl"
        self._prompt_id = ""

    def prompt(self, uuid: str, content: object) -> None:
        """A turn begins."""
        self._prompt_id = uuid
        self._write("user", uuid=uuid, message={"role": "user", "content": content}, promptSource="sdk")

    def block(self, block: dict[str, Any], stop_reason: str) -> None:
        self._write("assistant", message={"role": "assistant", "content": [block], "stop_reason": stop_reason})

    def back(self, block: dict[str, Any]) -> None:
        """A tool's result, or the mark of an interruption."""
        self._write("user", message={"role": "user", "content": [block]})

    def failure(self, words: str, category: str) -> None:
        """The turn ends with an API failure."""
        message = {"role": "assistant", "model": "<synthetic>", "content": [{"type": "text", "text": words}]}
        self._write("assistant", message=message, isApiErrorMessage=True, error=category)

    def end(self) -> None:
        """The turn ends with what it has."""
        self._write("assistant", message={"role": "assistant", "content": [], "stop_reason": "end_turn"})

    def _write(self, kind: str, **fields: object) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        line = {"type": kind, "isSidechain": False, "promptId": self._prompt_id, **fields}
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
