"""The HTTP side of the Bot API: routes, tokens, envelopes, and the faults that keep a call from its effect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from herald.rehearsal.call import Call, read_call
from herald.rehearsal.cloud import Cloud
from herald.rehearsal.faults import Faults, Silence
from herald.rehearsal.methods import METHODS, Answer
from herald.rehearsal.refusal import Refused

_UPLOAD_LIMIT_BYTES = 50 * 1024 * 1024
_FORM_LIMIT_BYTES = 65_536  # what the other fields of an upload may add


class Server:
    """Answers calls out of a Cloud; `changed` is called after everything that can be seen from outside."""

    def __init__(self, token: str, cloud: Cloud, faults: Faults, changed: Callable[[], None]) -> None:
        self.calls: list[Call] = []
        self.app = web.Application(
            client_max_size=_UPLOAD_LIMIT_BYTES + _FORM_LIMIT_BYTES, middlewares=[_errors_in_envelopes]
        )
        self.app.router.add_get("/file/bot{token}/{path:.+}", self._answer_download)
        self.app.router.add_route("*", "/bot{token}/{method}", self._answer_call)
        self._token = token
        self._cloud = cloud
        self._faults = faults
        self._changed = changed
        self._stopping = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        assert self._runner is not None, "the server has no port before it is started"
        return int(self._runner.addresses[0][1])

    async def start(self, port: int) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one."""
        # a client that gives up must not leave its long poll or its hanging call behind
        self._runner = web.AppRunner(self.app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()

    async def stop(self) -> None:
        self._stopping.set()
        self._cloud.updates.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer_call(self, request: web.Request) -> web.Response:
        name = request.match_info["method"]
        method = next((known for known in METHODS if known.lower() == name.lower()), name)
        return await self._answer(request, await read_call(request, method, time.monotonic()))

    async def _answer_download(self, request: web.Request) -> web.Response:
        call = Call("file", {"file_path": request.match_info["path"]}, {}, time.monotonic())
        return await self._answer(request, call)

    async def _answer(self, request: web.Request, call: Call) -> web.Response:
        self.calls.append(call)
        self._changed()
        try:
            self._check_token(request.match_info["token"])
            match self._faults.next_for(call):
                case Silence.LOSE:
                    await self._carry_out(call)
                    return await self._keep_silent(request, Silence.DROP)
                case Silence() as silence:
                    return await self._keep_silent(request, silence)
                case Refused() as ordered:
                    raise ordered
            response = await self._carry_out(call)
        except Refused as refused:
            response = _refusal(refused)
        call.status = response.status
        self._changed()
        return response

    async def _carry_out(self, call: Call) -> web.Response:
        if call.method == "file":
            content = self._cloud.files.download(call.params["file_path"])
            if content is None:
                raise Refused(404, "Not Found")
            return web.Response(body=content, content_type="application/octet-stream")
        if call.method not in METHODS:
            raise Refused(404, "Not Found: method not found")
        result = await METHODS[call.method](self._cloud, call)
        if isinstance(result, Answer):
            return _json({"ok": True, "result": result.result, "description": result.description})
        return _json({"ok": True, "result": result})

    def _check_token(self, token: str) -> None:
        bot_id, colon, _ = token.partition(":")
        if token.startswith("0") or len(token) > 80 or not colon or not bot_id.isdecimal():
            raise Refused(401, "Unauthorized: invalid token specified")
        if token != self._token:
            raise Refused(401, "Unauthorized")

    async def _keep_silent(self, request: web.Request, silence: Silence) -> web.Response:
        if silence is Silence.HANG:
            await self._stopping.wait()
        if request.transport is not None:
            request.transport.abort()
        return web.Response()  # to nobody


def _json(fields: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(fields), status=status, headers=headers, content_type="application/json", charset="utf-8"
    )


def _refusal(refused: Refused) -> web.Response:
    fields: dict[str, Any] = {"ok": False, "error_code": refused.code, "description": refused.description}
    if refused.retry_after_s is None:
        return _json(fields, refused.code)
    fields["parameters"] = {"retry_after": refused.retry_after_s}
    return _json(fields, refused.code, {"Retry-After": str(refused.retry_after_s)})


@web.middleware
async def _errors_in_envelopes(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPNotFound as error:
        return _refusal(Refused(error.status, "Not Found"))
    except web.HTTPRequestEntityTooLarge as error:
        return _refusal(Refused(error.status, "Request Entity Too Large"))
