"""One request to the Bot API, read the way the real server reads it: every parameter is a text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from herald.rehearsal.refusal import bad_request


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file in a multipart request."""

    name: str
    content: bytes


@dataclass(slots=True)
class Call:
    """A request; numbers and objects in `params` are their JSON text. `status` is None while there is no answer.

    `at_s` is the monotonic time of its arrival in seconds.
    """

    method: str
    params: dict[str, str]
    files: dict[str, SentFile]
    at_s: float
    status: int | None = field(default=None)

    def text(self, name: str) -> str:
        return self.params.get(name, "")

    def integer(self, name: str, default: int = 0) -> int:
        """Return the number at the start of the parameter, 0 if there is none, `default` if it is not given."""
        given = self.params.get(name, "")
        return _leading_integer(given) if given else default

    def flag(self, name: str) -> bool:
        return self.text(name).strip().lower() in {"true", "yes", "1"}

    def json(self, name: str, what: str) -> Any:
        """Return the parameter read as JSON, None if it is not given. Raises Refused, which says `what` it is."""
        given = self.params.get(name, "")
        try:
            return orjson.loads(given) if given else None
        except orjson.JSONDecodeError:
            raise bad_request(f"can't parse {what} JSON object") from None


async def read_call(request: web.Request, method: str, at_s: float) -> Call:
    """Read query string, form, multipart or JSON body. A body that is none of these has no parameters."""
    call = Call(method, dict(request.query), {}, at_s)
    match request.content_type:
        case "application/json":
            call.params.update(_json_params(await request.read()))
        case "application/x-www-form-urlencoded" | "multipart/form-data":
            for name, value in (await request.post()).items():
                if isinstance(value, web.FileField):
                    call.files[name] = SentFile(value.filename, value.file.read())
                elif isinstance(value, str):
                    call.params[name] = value
    return call


def _json_params(body: bytes) -> dict[str, str]:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(fields, dict):
        return {}
    return {name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in fields.items()}


def _leading_integer(text: str) -> int:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    length = next((i for i, char in enumerate(digits) if not "0" <= char <= "9"), len(digits))
    return sign * int(digits[:length] or 0)
