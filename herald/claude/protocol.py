"""The stream-json language of the Claude Code CLI: lines to events, and herald's requests to lines.

Pure. Whatever the CLI says that is not understood becomes Unknown, never an exception.
Source: the CLI itself, versions 2.1.197 and 2.1.328; `tests/real_cli/` keeps these facts true.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

import orjson

from herald.claude.events import (
    Event,
    Finished,
    PermissionAsked,
    PermissionWithdrawn,
    RequestUnknown,
    Retrying,
    Started,
    Taken,
    TaskEnded,
    TaskStarted,
    Text,
    TextDelta,
    Thinking,
    ToolFinished,
    ToolStarted,
    Unknown,
)
from herald.model import Decision

T = TypeVar("T")

# A picture that Claude reads is a line of over a megabyte; a line beyond this is dropped.
_LINE_LIMIT_BYTES = 64 * 2**20
# A UUID in every version so far; what it may become must still fit into an argument and a file.
_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


class Lines:
    """Cuts a stream of bytes into lines, at \\n only; one that exceeds `limit_bytes` comes out empty."""

    def __init__(self, limit_bytes: int = _LINE_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes and return the lines that they complete."""
        *ended, rest = chunk.split(b"\n")
        lines = []
        for end in ended:
            self._keep(end)
            lines.append(self.rest())
        self._keep(rest)
        return lines

    def rest(self) -> bytes:
        """Return what has come since the last line ended, and forget it."""
        line = b"".join(self._parts)
        self._parts, self._size = [], 0
        return line

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._limit_bytes:
            self._parts.append(part)
        else:
            self._parts = []


def parse_line(line: bytes) -> list[Event]:
    """Turn one line of the CLI's standard output into events: none for an empty line, Unknown for a strange one."""
    if not line.strip():
        return []
    try:
        message = _loads(line)
    except (ValueError, RecursionError):
        return [Unknown("not JSON")]
    if not isinstance(message, dict):
        return [Unknown("not an object")]
    kind = message.get("type")
    if not isinstance(kind, str):
        return [Unknown("no type")]
    try:
        return _parse(kind, message)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        # a known type in an unknown shape: tolerated like an unknown type
        return [Unknown(f"{kind}: {type(exc).__name__}")]


def _loads(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        # JavaScript cuts strings between the two halves of an emoji and writes a half as \ud83d, which orjson refuses
        text = json.dumps(json.loads(line.decode(errors="replace")), ensure_ascii=False)
        return orjson.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _parse(kind: str, message: dict[str, Any]) -> list[Event]:
    match kind:
        case "system":
            return [_system(message)]
        case "stream_event":
            return [_stream_event(message)]
        case "assistant":
            return _assistant(message)
        case "user":
            return _user(message)
        case "result":
            return [_result(message)]
        case "control_request":
            return [_control_request(message)]
        case "control_cancel_request":
            return [PermissionWithdrawn(_text(message["request_id"]))]
        case _:
            return [Unknown(kind)]


def _system(message: dict[str, Any]) -> Event:
    match message.get("subtype"):
        case "init":
            return Started(
                session_id=_session_id(message["session_id"]),
                model=_text(message.get("model") or ""),
                cwd=_text(message.get("cwd") or ""),
                permission_mode=_text(message.get("permissionMode") or ""),
                version=_text(message.get("claude_code_version") or ""),
            )
        case "api_retry":
            return Retrying(
                attempt=int(message["attempt"]),
                max_attempts=int(message["max_retries"]),
                failure=_text(message.get("error") or ""),
                http_status=_number(message.get("error_status")),
            )
        case "task_started":
            return TaskStarted(_text(message["task_id"]))
        case "task_notification":
            return TaskEnded(_text(message["task_id"]))
        # 2.1.197 sends no notification for a task that ends while a tool runs
        case "task_updated" if message["patch"].get("status") not in (None, "running", "pending"):
            return TaskEnded(_text(message["task_id"]))
        case subtype:
            return Unknown(f"system/{subtype}")


def _stream_event(message: dict[str, Any]) -> Event:
    event = message["event"]
    kind = event["type"]
    if kind != "content_block_delta" or message.get("parent_tool_use_id"):
        return Unknown(f"stream_event/{kind}")
    match event["delta"]["type"]:
        case "text_delta":
            return TextDelta(_text(event["delta"]["text"]))
        case "thinking_delta":
            return Thinking()
        case delta:
            return Unknown(f"stream_event/{delta}")


def _assistant(message: dict[str, Any]) -> list[Event]:
    if message.get("parent_tool_use_id"):
        return [Unknown("assistant/subagent")]
    events: list[Event] = []
    for block in message["message"]["content"]:
        match block["type"]:
            case "text":
                events.append(Text(_text(block["text"]), failure=_text(message.get("error") or "")))
            case "thinking":
                events.append(Thinking())
            case "tool_use":
                events.append(ToolStarted(_text(block["id"]), _text(block["name"])))
            case kind:
                events.append(Unknown(f"assistant/{kind}"))
    return events


def _user(message: dict[str, Any]) -> list[Event]:
    if message.get("isReplay"):
        # a prompt that is recognised, and not run again, is acknowledged without the time
        return [Taken(_text(message["uuid"]), again="timestamp" not in message)]
    content = message["message"]["content"]
    if message.get("parent_tool_use_id") or isinstance(content, str):
        return [Unknown("user")]
    return [
        ToolFinished(_text(block["tool_use_id"]), bool(block.get("is_error")))
        if block["type"] == "tool_result"
        else Unknown(f"user/{block['type']}")
        for block in content
    ]


def _result(message: dict[str, Any]) -> Finished:
    """A turn must end even if its result is odd: every field that is not as expected counts as absent."""

    def field(name: str, kind: type[T], default: T) -> T:
        value = message.get(name)
        return value if isinstance(value, kind) else default

    session_id = field("session_id", str, "")
    return Finished(
        session_id=session_id if _SESSION_ID.fullmatch(session_id) else "",
        text=field("result", str, ""),
        is_error=bool(message.get("is_error")),
        errors=tuple(str(error) for error in field("errors", list, [])),
        num_turns=field("num_turns", int, 0),
        terminal_reason=field("terminal_reason", str, ""),
        http_status=_number(message.get("api_error_status")),
        cost_usd=field("total_cost_usd", float, 0.0),
        prompt_uuids=tuple(str(uuid) for uuid in field("user_message_uuids", list, [])),
        unasked=bool(message.get("origin")),
    )


def _control_request(message: dict[str, Any]) -> Event:
    request = message["request"]
    if request["subtype"] != "can_use_tool":
        return RequestUnknown(_text(message["request_id"]), _text(request["subtype"]))
    return PermissionAsked(_text(message["request_id"]), _text(request["tool_name"]), dict(request.get("input") or {}))


def _text(value: object) -> str:
    """Raise TypeError for anything but a string."""
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _session_id(value: object) -> str:
    """Raise ValueError for what cannot be given back to the CLI as an id."""
    if not _SESSION_ID.fullmatch(text := _text(value)):
        raise ValueError("session id")
    return text


def encode_prompt(text: str, uuid: str) -> bytes:
    """Write a prompt; the CLI runs each uuid at most once per session, also after a resume.

    Priority "later" gives every prompt a turn, and so a result, of its own.
    """
    message = {"role": "user", "content": text}
    return _line({"type": "user", "message": message, "uuid": uuid, "priority": "later"})


def encode_interrupt(request_id: str) -> bytes:
    """Ask the CLI to stop the running turn; its process and session live on."""
    return _line({"type": "control_request", "request_id": request_id, "request": {"subtype": "interrupt"}})


def encode_decision(asked: PermissionAsked, decision: Decision) -> bytes:
    """Answer a permission request."""
    if decision.allow:
        # 2.1.197 refuses an "allow" without updatedInput
        answer: dict[str, Any] = {"behavior": "allow", "updatedInput": dict(asked.tool_input)}
    else:
        answer = {"behavior": "deny", "message": decision.message}
    return _response({"subtype": "success", "request_id": asked.request_id, "response": answer})


def encode_refusal(request: RequestUnknown) -> bytes:
    """Answer a control request that herald does not understand, so that the CLI does not wait for ever."""
    error = f"herald does not support {request.subtype} requests"
    return _response({"subtype": "error", "request_id": request.request_id, "error": error})


def _response(response: dict[str, Any]) -> bytes:
    return _line({"type": "control_response", "response": response})


def _line(message: dict[str, Any]) -> bytes:
    return orjson.dumps(message) + b"\n"
