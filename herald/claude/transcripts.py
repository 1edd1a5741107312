"""What became of a prompt, read from the CLI's own transcripts after a crash.

The CLI writes `projects/<folder>/<session>.jsonl` below its configuration folder: the prompt's line when the turn
begins, a message's lines when the message is complete, with the reason why it stopped. Measured on 2.1.197 and
2.1.328, killed at every step: a tool never runs before the prompt's line is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The clocks of the file system and of the journal are the same, but rounded.
_CLOCK_SLACK_S = 5.0
_DETAIL_LIMIT = 80
# What a local command such as /context has printed stands between these.
_OUTPUT_TAGS = ("<local-command-stdout>", "</local-command-stdout>")


@dataclass(frozen=True, slots=True)
class NotBegun:
    """No transcript holds the prompt."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Claude came to its end; `markdown` is all that it wrote in this turn."""

    markdown: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The turn was cut: what Claude had written, and which tools it had used, the last one being the newest."""

    text: str
    tools: tuple[str, ...]


Fate = NotBegun | Answered | Unfinished


def fate(env: Mapping[str, str], prompt_uuid: str, session_id: str | None, given_at: float) -> Fate:
    """Find out what became of a prompt that a CLI with this environment was given at that time.

    `session_id` is where it was to run, if that is known. Raises OSError for a transcript that cannot be read.
    """
    for path in _candidates(configuration_folder(env), session_id, given_at):
        if lines := list(_turn(path, prompt_uuid)):
            return _judge(lines)
    return NotBegun()


def configuration_folder(env: Mapping[str, str]) -> Path:
    """Return the folder where a CLI with this environment keeps its things."""
    return Path(env.get("CLAUDE_CONFIG_DIR") or Path(env.get("HOME", "/"), ".claude"))


def _candidates(folder: Path, session_id: str | None, given_at: float) -> Iterator[Path]:
    """The session's own transcript, then whatever was written since: the session may be a new one."""
    own = f"{session_id}.jsonl"
    paths = sorted((folder / "projects").glob("*/*.jsonl"), key=lambda path: path.name != own)
    for path in paths:
        if path.name == own or path.stat().st_mtime >= given_at - _CLOCK_SLACK_S:
            yield path


def _turn(path: Path, prompt_uuid: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of the turn that this prompt began, the prompt's own first."""
    prompt: dict[str, Any] = {}
    needle = prompt_uuid.encode()
    with path.open("rb") as file:
        for raw in file:
            if not prompt and needle not in raw:
                continue
            line = _parse(raw)
            if not prompt:
                if line.get("type") != "user" or line.get("uuid") != prompt_uuid:
                    continue
                prompt = line
            elif line.get("type") == "user" and line.get("promptId") != prompt.get("promptId"):
                return
            if not line.get("isSidechain"):  # a sub-agent's words are not the answer
                yield line


def _parse(raw: bytes) -> dict[str, Any]:
    """Return a line as an object; {} for the half of one, which a kill leaves, and for anything else."""
    try:
        # half an emoji is legal in JSON, but no text
        line = json.loads(raw.decode(errors="replace"))
    except (ValueError, RecursionError):
        return {}
    return line if isinstance(line, dict) else {}


def _judge(lines: list[dict[str, Any]]) -> Fate:
    texts: list[str] = []
    tools: list[str] = []
    is_finished = False
    for line in lines:
        match line:
            case {"type": "assistant", "message": {"content": list(blocks)} as message}:
                texts += [text for block in blocks if (text := _text(block))]
                tools += [
                    _tool(block) for block in blocks if isinstance(block, dict) and block.get("type") == "tool_use"
                ]
                is_finished = message.get("stop_reason") not in (None, "tool_use") and not line.get("isApiErrorMessage")
            case {"type": "system", "subtype": "local_command", "content": str(output)}:
                texts.append(output.removeprefix(_OUTPUT_TAGS[0]).removesuffix(_OUTPUT_TAGS[1]).strip())
                is_finished = True
            case {"type": "user"}:
                # the result of a tool, or the mark of an interruption
                is_finished = False
    markdown = "\n\n".join(text.strip() for text in texts if text.strip())
    return Answered(markdown) if is_finished else Unfinished(markdown, tuple(tools))


def _text(block: object) -> str:
    match block:
        case {"type": "text", "text": str(text)}:
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case _:
            return ""


def _tool(block: dict[str, Any]) -> str:
    """Name a tool and the first thing it was given, such as a command or a path."""
    given = block.get("input")
    details = [value for value in given.values() if isinstance(value, str)] if isinstance(given, dict) else []
    detail = " ".join(details[0].split()) if details else ""
    detail = detail if len(detail) <= _DETAIL_LIMIT else detail[:_DETAIL_LIMIT] + "…"
    name = str(block.get("name", "a tool"))
    return f"{name}: {detail}" if detail else name
