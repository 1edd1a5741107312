"""A loopback stand-in for Anthropic's Messages API that answers from a script.

The CLI makes requests of its own besides those of a turn (titles, quota checks, hints). Only a request that offers
tools is a turn's (or a subagent's, or a compaction's) and takes the next scripted reply. All others get a short text
and are listed apart, so they never eat a reply.
https://docs.claude.com/en/api/messages-streaming
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import ClientConnectionResetError, web

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    text: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    name: str
    input: Json


@dataclass(frozen=True, slots=True)
class Slow:
    """A text that is held open after its first word until `gate` is set; one that nobody sets never ends."""

    text: str
    gate: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Endless:
    """A word every `gap_s` seconds for as long as the client listens."""

    gap_s: float = 0.05


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection is dropped here, in the middle of the stream."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An HTTP error instead of an answer; `kind` is the error type in its body."""

    status: int
    kind: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)


Block = Text | Thinking | ToolUse | Slow | Endless | Cut
Reply = tuple[Block, ...] | Failure

INVALID_KEY = Failure(401, "authentication_error", "invalid x-api-key")
NO_ACCESS = Failure(403, "permission_error", "no access")
NO_CREDIT = Failure(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.")
NO_MODEL = Failure(404, "not_found_error", "model: nothing")
TOO_MANY = Failure(429, "rate_limit_error", "Too many requests")
BROKEN = Failure(500, "api_error", "Internal server error")
OVERLOADED = Failure(529, "overloaded_error", "Overloaded")


class MessagesApi:
    """`async with MessagesApi() as api:` serves on 127.0.0.1 at `api.url`.

    `requests` are the bodies of the turns' requests, oldest first; `side_requests` those of all others.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Json] = []
        self.side_requests: list[Json] = []
        self._replies: deque[Reply] = deque()
        self._ids = itertools.count(1)
        self._arrived = asyncio.Condition()
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/messages", self._messages)
        app.router.add_post("/v1/messages/count_tokens", self._count_tokens)
        app.router.add_head("/", self._alive)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)

    async def __aenter__(self) -> MessagesApi:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def reply(self, *blocks: Block | str) -> None:
        """Queue the answer to the next request of a turn; a plain string is a text block."""
        self._replies.append(tuple(Text(block) if isinstance(block, str) else block for block in blocks))

    def fail(self, failure: Failure, times: int = 1) -> None:
        """Queue an HTTP error as the answer to the next `times` requests of a turn."""
        self._replies.extend([failure] * times)

    async def until(self, predicate: Callable[[MessagesApi], bool], deadline_s: float = 20.0) -> None:
        """Wait until `predicate(self)` holds, looking again at every request; raise TimeoutError after the deadline."""
        async with asyncio.timeout(deadline_s), self._arrived:
            await self._arrived.wait_for(lambda: predicate(self))

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        body: Json = await request.json(loads=orjson.loads)
        reply = self._next_reply(body)
        async with self._arrived:
            self._arrived.notify_all()
        if isinstance(reply, Failure):
            error = {"type": "error", "error": {"type": reply.kind, "message": reply.message}}
            return web.json_response(error, status=reply.status, headers=reply.headers)
        message = self._message(body)
        if not body.get("stream"):
            content = [await _whole(block, self._tool_id()) for block in reply]
            return web.json_response(message | {"content": content, "stop_reason": _stop_reason(reply)})
        return await self._stream(request, message, reply)

    def _next_reply(self, body: Json) -> Reply:
        if not body.get("tools"):
            self.side_requests.append(body)
            return (Text("aside"),)
        self.requests.append(body)
        return self._replies.popleft() if self._replies else (Text("Hello from the stub."),)

    async def _stream(self, request: web.Request, message: Json, reply: tuple[Block, ...]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        try:
            await _send(response, {"type": "message_start", "message": message})
            for index, block in enumerate(reply):
                if isinstance(block, Cut):
                    assert request.transport is not None
                    request.transport.close()
                    return response
                start, deltas = _parts(block, self._tool_id())
                await _send(response, {"type": "content_block_start", "index": index, "content_block": start})
                async for delta in deltas:
                    await _send(response, {"type": "content_block_delta", "index": index, "delta": delta})
                await _send(response, {"type": "content_block_stop", "index": index})
            end = {"stop_reason": _stop_reason(reply), "stop_sequence": None}
            await _send(response, {"type": "message_delta", "delta": end, "usage": {"output_tokens": 16}})
            await _send(response, {"type": "message_stop"})
        except ClientConnectionResetError:
            pass  # the CLI hung up: an interrupt, or its end
        return response

    def _message(self, body: Json) -> Json:
        return {
            "id": f"msg_stub{next(self._ids):04}",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 100, "output_tokens": 1},
        }

    def _tool_id(self) -> str:
        return f"toolu_stub{next(self._ids):04}"

    async def _count_tokens(self, _: web.Request) -> web.Response:
        return web.json_response({"input_tokens": 100})

    async def _alive(self, _: web.Request) -> web.Response:
        return web.Response()


async def _send(response: web.StreamResponse, event: Json) -> None:
    await response.write(b"event: %s\ndata: %s\n\n" % (event["type"].encode(), orjson.dumps(event)))


def _stop_reason(reply: tuple[Block, ...]) -> str:
    return "tool_use" if any(isinstance(block, ToolUse) for block in reply) else "end_turn"


def _parts(block: Block, tool_id: str) -> tuple[Json, AsyncIterator[Json]]:
    """The opening of a block as it stands in content_block_start, and its deltas."""
    match block:
        case Thinking():
            return {"type": "thinking", "thinking": "", "signature": ""}, _deltas(block)
        case ToolUse(name=name):
            return {"type": "tool_use", "id": tool_id, "name": name, "input": {}}, _deltas(block)
        case _:
            return {"type": "text", "text": ""}, _deltas(block)


async def _deltas(block: Block) -> AsyncIterator[Json]:
    match block:
        case Text(text=text):
            for word in _words(text):
                yield {"type": "text_delta", "text": word}
        case Thinking(text=text):
            for word in _words(text):
                yield {"type": "thinking_delta", "thinking": word}
            yield {"type": "signature_delta", "signature": "c3R1Yg=="}
        case ToolUse(input=arguments):
            yield {"type": "input_json_delta", "partial_json": orjson.dumps(arguments).decode()}
        case Slow(text=text, gate=gate):
            first, *rest = _words(text)
            yield {"type": "text_delta", "text": first}
            await gate.wait()
            for word in rest:
                yield {"type": "text_delta", "text": word}
        case Endless(gap_s=gap_s):
            while True:
                yield {"type": "text_delta", "text": "on "}
                await asyncio.sleep(gap_s)


def _words(text: str) -> Iterator[str]:
    return iter(re.findall(r"\S+\s*", text))


async def _whole(block: Block, tool_id: str) -> Json:
    """A block as it stands in an answer that is not streamed."""
    whole, deltas = _parts(block, tool_id)
    async for delta in deltas:
        match delta:
            case {"text": word}:
                whole["text"] += word
            case {"thinking": word}:
                whole["thinking"] += word
            case {"signature": signature}:
                whole["signature"] = signature
    if isinstance(block, ToolUse):
        whole["input"] = block.input
    return whole
