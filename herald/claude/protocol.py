"""The stream-json language of the Claude Code CLI: lines to events, and herald's requests to lines.

Pure. Whatever the CLI says that is not understood becomes Unknown, never an exception.
Source: the CLI itself, versions 2.1.197 and 2.1.328; `tests/real_cli/` keeps these facts true.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from herald.claude.events import (
    Event,
    Finished,
    Limited,
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

# A picture that Claude reads is a line of over a megabyte; a line beyond this is dropped.
_LINE_LIMIT_BYTES = 64 * 2**20


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
    try:
        return _parse(message)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        # a known type in an unknown shape: tolerated like an unknown type
        return [Unknown(f"{message.get('type')}: {type(exc).__name__}")]


def _loads(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        # JavaScript cuts strings between the two halves of an emoji and writes a half as \ud83d, which orjson refuses
        text = json.dumps(json.loads(line.decode(errors="replace")), ensure_ascii=False)
        return orjson.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _parse(message: dict[str, Any]) -> list[Event]:
    match message.get("type"):
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
            return [PermissionWithdrawn(message["request_id"])]
        case "rate_limit_event":
            limit = message["rate_limit_info"]
            return [Limited(limit["status"], limit.get("resetsAt"))]
        case kind:
            return [Unknown(str(kind))]


def _system(message: dict[str, Any]) -> Event:
    match message.get("subtype"):
        case "init":
            return Started(
                session_id=message["session_id"],
                model=message.get("model") or "",
                cwd=message.get("cwd") or "",
                permission_mode=message.get("permissionMode") or "",
                version=message.get("claude_code_version") or "",
            )
        case "api_retry":
            return Retrying(
                attempt=message["attempt"],
                max_attempts=message["max_retries"],
                delay_s=message["retry_delay_ms"] / 1000,
                failure=message.get("error") or "",
                http_status=message.get("error_status"),
            )
        case "task_started":
            return TaskStarted(message["task_id"])
        case "task_notification":
            return TaskEnded(message["task_id"])
        # 2.1.197 sends no notification for a task that ends while a tool runs
        case "task_updated" if message["patch"].get("status") not in (None, "running", "pending"):
            return TaskEnded(message["task_id"])
        case subtype:
            return Unknown(f"system/{subtype}")


def _stream_event(message: dict[str, Any]) -> Event:
    event = message["event"]
    kind = event["type"]
    if kind != "content_block_delta" or message.get("parent_tool_use_id"):
        return Unknown(f"stream_event/{kind}")
    match event["delta"]["type"]:
        case "text_delta":
            return TextDelta(event["delta"]["text"])
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
                events.append(Text(block["text"], failure=message.get("error") or ""))
            case "thinking":
                events.append(Thinking())
            case "tool_use":
                events.append(ToolStarted(block["id"], block["name"]))
            case kind:
                events.append(Unknown(f"assistant/{kind}"))
    return events


def _user(message: dict[str, Any]) -> list[Event]:
    if message.get("isReplay"):
        # a prompt that is recognised, and not run again, is acknowledged without the time
        return [Taken(message["uuid"], again="timestamp" not in message)]
    content = message["message"]["content"]
    if message.get("parent_tool_use_id") or isinstance(content, str):
        return [Unknown("user")]
    return [
        ToolFinished(block["tool_use_id"], bool(block.get("is_error")))
        if block["type"] == "tool_result"
        else Unknown(f"user/{block['type']}")
        for block in content
    ]


def _result(message: dict[str, Any]) -> Finished:
    text = message.get("result")
    return Finished(
        session_id=message["session_id"],
        text=text if isinstance(text, str) else "",
        is_error=bool(message.get("is_error")),
        errors=tuple(str(error) for error in message.get("errors") or ()),
        num_turns=message.get("num_turns") or 0,
        terminal_reason=message.get("terminal_reason") or "",
        http_status=message.get("api_error_status"),
        cost_usd=message.get("total_cost_usd") or 0.0,
        prompt_uuids=tuple(message.get("user_message_uuids") or ()),
        unasked=bool(message.get("origin")),
    )


def _control_request(message: dict[str, Any]) -> Event:
    request = message["request"]
    if request["subtype"] != "can_use_tool":
        return RequestUnknown(message["request_id"], str(request["subtype"]))
    return PermissionAsked(message["request_id"], request["tool_name"], request.get("input") or {})


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
