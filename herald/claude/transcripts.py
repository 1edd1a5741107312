"""What became of a prompt, read from the CLI's own transcripts after a crash.

The CLI writes `projects/<folder>/<session>.jsonl` below its configuration folder: the prompt's line when the turn
begins, a message's lines when the message is complete, with the reason why it stopped. It writes in batches: KILL
loses the last tenth of a second, and so at times the whole of a turn whose tool runs already; TERM loses nothing.
Measured on 2.1.197 and 2.1.328, killed at every step.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The clocks of the file system and of the journal are the same, but rounded.
_CLOCK_SLACK_S = 5.0
_DETAIL_LIMIT = 80
# Any other reason, such as "max_tokens", is followed by more of the turn.
_ENDS = ("end_turn", "stop_sequence")
# How the CLI marks what it says in the model's place: an API error, or a filler between a cut turn and the next.
_NOT_THE_MODEL = "<synthetic>"
# What a local command such as /context has printed.
_OUTPUT = re.compile(r"<local-command-(stdout|stderr)>(.*)</local-command-\1>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NotBegun:
    """No transcript holds the prompt. A tool may have run all the same, if the CLI was killed or could not write."""


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

    `session_id` is where it was to run, if that is known. Raises OSError for what cannot be read.
    """
    for path in _candidates(configuration_folder(env), session_id, given_at):
        lines = _turn(path, prompt_uuid)
        if next(lines, None) is not None:
            return _judge(lines)
    # with this set the CLI writes no transcript at all
    return Unfinished("", ()) if env.get("CLAUDE_CODE_SKIP_PROMPT_HISTORY") else NotBegun()


def configuration_folder(env: Mapping[str, str]) -> Path:
    """Return the folder where a CLI with this environment keeps its things."""
    return Path(env.get("CLAUDE_CONFIG_DIR") or Path(env.get("HOME", "/"), ".claude"))


def _candidates(folder: Path, session_id: str | None, given_at: float) -> Iterator[Path]:
    """The session's own transcript, then whatever was written since: the session may be a new one."""
    own = f"{session_id}.jsonl"
    # not glob(), which takes a folder that cannot be read for an empty one
    projects = [project for project in _entries(folder / "projects") if project.is_dir()]
    paths = [path for project in projects for path in _entries(project) if path.suffix == ".jsonl"]
    for path in sorted(paths, key=lambda path: path.name != own):
        if not (path.is_file() or path.is_dir()):
            continue  # a named pipe would block; what is a folder cannot be read, and that is told
        if path.name == own or path.stat().st_mtime >= given_at - _CLOCK_SLACK_S:
            yield path


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _turn(path: Path, prompt_uuid: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of the turn that answers this prompt, the prompt's own first."""
    prompt: dict[str, Any] = {}
    needle = prompt_uuid.encode()
    with path.open("rb") as file:
        for raw in file:
            if not prompt and needle not in raw:
                continue
            line = _parse(raw)
            if line.get("isSidechain"):
                continue  # a sub-agent's words are not the answer
            if not prompt:
                if not _is_prompt(line, prompt_uuid):
                    continue
                prompt = line
            elif _begins_another(line, prompt):
                return
            yield line


def _parse(raw: bytes) -> dict[str, Any]:
    """Return a line as an object; {} for the half of one, which a kill leaves, and for anything else."""
    try:
        line = json.loads(raw.decode(errors="replace"))
    except (ValueError, RecursionError):
        return {}
    return line if isinstance(line, dict) else {}


def _is_prompt(line: dict[str, Any], prompt_uuid: str) -> bool:
    match line:
        case {"type": "user", "uuid": uuid} | {"attachment": {"type": "queued_command", "source_uuid": uuid}}:
            # the attachment is a prompt that was taken into the turn of the one before
            return bool(uuid == prompt_uuid)
        case _:
            return False


def _begins_another(line: dict[str, Any], prompt: dict[str, Any]) -> bool:
    """Tell whether the next prompt follows; the copied part of a forked session has one promptId for all turns."""
    if line.get("type") != "user":
        return False
    return "promptSource" in line or prompt.get("promptId", line.get("promptId")) != line.get("promptId")


def _judge(lines: Iterable[dict[str, Any]]) -> Answered | Unfinished:
    """Read on from the prompt: the last line that matters tells whether Claude was done."""
    texts: list[str] = []
    tools: list[str] = []
    is_finished = False
    for line in lines:
        match line:
            case {"type": "assistant", "message": {"content": list(blocks)} as message}:
                is_failure = bool(line.get("isApiErrorMessage"))
                if message.get("model") == _NOT_THE_MODEL and not is_failure:
                    continue
                texts += [text for block in blocks if (text := _text(block))]
                tools += [tool for block in blocks if (tool := _tool(block))]
                is_finished = message.get("stop_reason") in _ENDS and not is_failure
            case {"type": "system", "subtype": "local_command", "content": str(said)} | {
                "type": "user",
                "message": {"content": str(said)},
            } if output := _OUTPUT.fullmatch(said.strip()):
                texts.append(_characters(output[2]))
                is_finished = True
            case {"type": "user"}:
                # the result of a tool, the mark of an interruption, or the CLI's own word to go on
                is_finished = False
    markdown = "\n\n".join(text.strip() for text in texts if text.strip())
    return Answered(markdown) if is_finished else Unfinished(markdown, tuple(tools))


def _text(block: object) -> str:
    match block:
        case {"type": "text", "text": str(text)}:
            return _characters(text)
        case _:
            return ""


def _tool(block: object) -> str:
    """Name a tool and the first thing it was given, such as a command or a path; "" if it is none."""
    match block:
        case {"type": "tool_use", "name": str(name), **rest}:
            given = rest.get("input")
        case _:
            return ""
    details = [value for value in given.values() if isinstance(value, str)] if isinstance(given, dict) else []
    detail = _characters(" ".join(details[0].split())) if details else ""
    detail = detail if len(detail) <= _DETAIL_LIMIT else detail[:_DETAIL_LIMIT] + "…"
    return f"{_characters(name)}: {detail}" if detail else _characters(name)


def _characters(text: str) -> str:
    """Replace half an emoji, which JSON may hold but no text can."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
