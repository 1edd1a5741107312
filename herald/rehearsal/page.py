"""The chat page of `herald try`: the owner's side of the rehearsal Bot API, in a browser on the same machine.

Only this page on this machine gets in: the path cannot be guessed, and a request with another Host (DNS rebinding) or
from another site is refused, for the Bot API too, whose token is no secret here. A message never becomes markup:
page.html builds what it shows from text and entities.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from herald.rehearsal.bot_api import OWNER, BotApi
from herald.rehearsal.chat import ChatMessage, Draft

_Kind = TypeVar("_Kind")

_HEARTBEAT_S = 15.0
_MESSAGE_LIMIT = 4096  # where a phone begins the next message, in characters
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# Pictures a browser shows without running anything in them, by how their content begins
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
_FILE_KINDS = ("document", "audio", "video", "animation", "voice", "video_note")


class Page:
    """The routes of the page, added to a Bot API that does not listen yet; `note` is one line at its top."""

    def __init__(self, api: BotApi, note: str) -> None:
        self._api = api
        # hex, because a token that began with "bot" would lead to the Bot API's own routes
        self._token = secrets.token_hex(24)
        self._html = Path(__file__).with_name("page.html").read_text().replace("{{note}}", html.escape(note))
        self._ended = False
        api.app.middlewares.append(self._guard)
        api.app.on_response_prepare.append(_add_headers)
        api.app.on_shutdown.append(self._end)
        self._opening = self._add("GET", "", self._show)
        self._add("GET", "events", self._stream)
        self._add("GET", "file/{file_id}", self._download)
        self._add("POST", "text", self._write)
        self._add("POST", "upload", self._upload)
        self._add("POST", "tap", self._tap)
        self._add("POST", "stop", self._stop)

    @property
    def url(self) -> str:
        """Where a browser finds the page once the Bot API listens."""
        return f"{self._api.url}/{self._token}/"

    def _add(
        self, method: str, path: str, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.AbstractRoute:
        async def checked(request: web.Request) -> web.StreamResponse:
            given = request.match_info["token"].encode(errors="replace")
            if not secrets.compare_digest(given, self._token.encode()):
                raise web.HTTPNotFound
            return await answer(request)

        return self._api.app.router.add_route(method, f"/{{token}}/{path}", checked)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        port = self._api.url.rpartition(":")[2]
        if request.host not in {f"127.0.0.1:{port}", f"localhost:{port}"}:
            raise web.HTTPForbidden(text="not an address of this server")
        # browsers name the origin wherever something is sent, and programs that are no browsers name none
        if request.headers.get("Origin", f"http://{request.host}") != f"http://{request.host}":
            raise web.HTTPForbidden(text="sent from another site")
        # a link on another site may open the page, and nothing else
        opens_page = request.match_info.route is self._opening and request.headers.get("Sec-Fetch-Mode") == "navigate"
        if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"} and not opens_page:
            raise web.HTTPForbidden(text="sent from another site")
        return await handler(request)

    async def _end(self, _app: web.Application) -> None:
        self._ended = True

    async def _show(self, _request: web.Request) -> web.Response:
        nonce = secrets.token_urlsafe(16)
        allowed = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
            "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return web.Response(
            text=self._html.replace("{{nonce}}", nonce),
            content_type="text/html",
            headers={"Content-Security-Policy": allowed},
        )

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Send what the phone shows, then every change of it.

        https://html.spec.whatwg.org/multipage/server-sent-events.html
        """
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        shown: _Screen | None = None
        while not self._ended:
            screen = _look(self._api)
            await response.write(b"data: " + orjson.dumps(screen.since(shown)) + b"\n\n")
            shown = screen
            try:
                await self._api.until(self._differs_from(shown), _HEARTBEAT_S)
            except TimeoutError:
                continue  # an event without news shows the page that somebody is there
        return response

    def _differs_from(self, shown: _Screen) -> Callable[[BotApi], bool]:
        return lambda api: self._ended or _look(api) != shown

    async def _download(self, request: web.Request) -> web.Response:
        try:
            content = self._api.content(request.match_info["file_id"])
        except KeyError:
            raise web.HTTPNotFound from None
        if kind := _picture_type(content):
            return web.Response(body=content, content_type=kind)
        disposition = f"attachment; filename*=UTF-8''{quote(request.query.get('name', 'file'), safe='')}"
        return web.Response(
            body=content, content_type="application/octet-stream", headers={"Content-Disposition": disposition}
        )

    async def _write(self, request: web.Request) -> web.Response:
        text = _field(await _read(request), "text", str).strip()
        for start in range(0, len(text), _MESSAGE_LIMIT):
            self._api.text(text[start : start + _MESSAGE_LIMIT])
        return _done()

    async def _upload(self, request: web.Request) -> web.Response:
        fields = await request.post()
        file, caption = fields.get("file"), fields.get("caption")
        if not isinstance(file, web.FileField) or not isinstance(caption, str):
            raise web.HTTPBadRequest(text="file and caption expected")
        content = file.file.read()
        # phones send an animation as a file, and every other picture as a photo
        kind = "photo" if _picture_type(content) in {"image/png", "image/jpeg", "image/webp"} else "document"
        self._api.upload(file.filename, content, kind=kind, caption=caption.strip())
        return _done()

    async def _tap(self, request: web.Request) -> web.Response:
        fields = await _read(request)
        self._api.tap(_field(fields, "message_id", int), _field(fields, "data", str))
        return _done()

    async def _stop(self, request: web.Request) -> web.Response:
        draft_id = _field(await _read(request), "draft_id", int)
        stopped = {"chat": {"id": OWNER, "type": "private"}, "draft_id": draft_id}
        self._api.update({"stopped_message_generation": stopped})
        return _done()


@dataclass(frozen=True, slots=True)
class _Screen:
    """What the owner's phone shows at one moment; `toasts` are all answers to taps so far."""

    messages: list[ChatMessage]
    draft: Draft | None
    action: str | None
    commands: list[dict[str, Any]]
    toasts: list[str]

    def since(self, earlier: _Screen | None) -> dict[str, Any]:
        """Return what page.html needs to get here from `earlier`; None is an empty page."""
        known = {} if earlier is None else {message.message_id: message for message in earlier.messages}
        changed = [message for message in self.messages if known.get(message.message_id) != message]
        return {
            "messages": [_message(message) for message in changed],
            "present": [message.message_id for message in self.messages],
            "draft": self.draft and _draft(self.draft),
            "action": self.action,
            "commands": self.commands,
            "toasts": [] if earlier is None else self.toasts[len(earlier.toasts) :],
        }


def _look(api: BotApi) -> _Screen:
    answers = [call for call in api.calls if call.method == "answerCallbackQuery" and call.status == 200]
    toasts = [call.text("text") for call in answers if call.text("text")]
    return _Screen(api.messages(OWNER), api.draft(OWNER), api.typing(OWNER), api.commands, toasts)


def _message(message: ChatMessage) -> dict[str, Any]:
    files = [{"kind": kind, **message.fields[kind]} for kind in _FILE_KINDS if kind in message.fields]
    return {
        "id": message.message_id,
        "from_bot": message.from_bot,
        "date": message.date,
        "edited": message.edited,
        "text": message.text,
        "entities": message.entities,
        "photo": message.photo and message.photo[-1],
        "file": files[0] if files else None,
        "keyboard": (message.reply_markup or {}).get("inline_keyboard", []),
        "reaction": message.reaction,
    }


def _draft(draft: Draft) -> dict[str, Any]:
    return {"id": draft.draft_id, "text": draft.text, "entities": draft.entities, "can_stop": draft.can_stop}


def _picture_type(content: bytes) -> str | None:
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _PICTURES.items() if content.startswith(start)), None)


async def _read(request: web.Request) -> dict[str, Any]:
    try:
        fields = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        raise web.HTTPBadRequest(text="a JSON object expected")
    return fields


def _field(fields: dict[str, Any], name: str, kind: type[_Kind]) -> _Kind:
    value = fields.get(name)
    if not isinstance(value, kind):
        raise web.HTTPBadRequest(text=f"{name} expected")
    return value


def _done() -> web.Response:
    return web.Response(status=204)


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
