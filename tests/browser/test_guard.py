"""Who may use the chat page: only the page itself, at its own address."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from herald.rehearsal.bot_api import TOKEN, BotApi
from herald.rehearsal.page import Page

ELSEWHERE = {"Origin": "https://elsewhere.example"}


@dataclass(frozen=True)
class Visitor:
    """A client that can pretend anything in its headers."""

    api: BotApi
    page: Page
    http: aiohttp.ClientSession

    async def get(self, path: str = "", **headers: str) -> tuple[int, str]:
        async with self.http.get(self.page.url + path, headers=headers) as response:
            return response.status, await response.text()

    async def post(self, path: str, body: bytes, **headers: str) -> int:
        async with self.http.post(self.page.url + path, data=body, headers=headers) as response:
            return response.status

    async def call(self, method: str, **headers: str) -> int:
        async with self.http.get(f"{self.api.url}/bot{TOKEN}/{method}", headers=headers) as response:
            return response.status


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    api = BotApi()
    page = Page(api, "a <note>")
    async with api, aiohttp.ClientSession() as http:
        yield Visitor(api, page, http)


async def test_the_page_is_reached_by_both_names_of_this_machine(visitor: Visitor) -> None:
    port = visitor.api.url.rpartition(":")[2]
    assert (await visitor.get())[0] == 200
    assert (await visitor.get(Host=f"localhost:{port}"))[0] == 200


async def test_the_note_is_text(visitor: Visitor) -> None:
    assert "a &lt;note&gt;" in (await visitor.get())[1]


@pytest.mark.parametrize("path", ["", "events", "file/x"])
async def test_a_wrong_token_is_answered_like_any_unknown_path(visitor: Visitor, path: str) -> None:
    async with visitor.http.get(f"{visitor.api.url}/{'0' * 48}/{path}") as response:
        wrong = response.status, await response.read()
    async with visitor.http.get(f"{visitor.api.url}/no/such/path/here") as response:
        assert wrong == (response.status, await response.read()) == (404, wrong[1])


async def test_a_wrong_token_cannot_write(visitor: Visitor) -> None:
    async with visitor.http.post(f"{visitor.api.url}/{'ü' * 48}/text", data=b'{"text": "hi"}') as response:
        assert response.status == 404
    assert visitor.api.messages() == []


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1", "localhost:1"])
async def test_a_foreign_host_is_refused(visitor: Visitor, host: str) -> None:
    assert (await visitor.get(Host=host))[0] == 403
    assert await visitor.post("text", b'{"text": "hi"}', Host=host) == 403
    assert visitor.api.messages() == []


@pytest.mark.parametrize(
    "headers",
    [
        ELSEWHERE,
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
async def test_nothing_is_sent_from_another_site(visitor: Visitor, headers: dict[str, str]) -> None:
    assert await visitor.post("text", b'{"text": "hi"}', **headers) == 403
    assert await visitor.post("tap", b'{"message_id": 1, "data": "yes"}', **headers) == 403
    assert await visitor.post("stop", b'{"draft_id": 1}', **headers) == 403
    assert await visitor.post("upload", b"", **headers) == 403
    assert visitor.api.messages() == []


async def test_the_page_itself_may_send(visitor: Visitor) -> None:
    own = {"Origin": visitor.api.url, "Sec-Fetch-Site": "same-origin"}
    assert await visitor.post("text", b'{"text": "hi"}', **own) == 204
    assert [message.text for message in visitor.api.messages()] == ["hi"]


async def test_a_link_on_another_site_opens_the_page_and_nothing_else(visitor: Visitor) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert (await visitor.get(**link))[0] == 200
    assert (await visitor.get("events", **link))[0] == 403
    assert (await visitor.get(**{**link, "Sec-Fetch-Mode": "no-cors"}))[0] == 403


async def test_the_bot_api_behind_the_page_is_guarded_too(visitor: Visitor) -> None:
    assert await visitor.call("getMe") == 200
    assert await visitor.call("getMe", Host="elsewhere.example") == 403
    assert await visitor.call("getMe", **ELSEWHERE) == 403
    assert await visitor.call("getMe", **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}) == 403


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"text": 1}', b"\xff"])
async def test_a_broken_request_is_a_bad_request(visitor: Visitor, body: bytes) -> None:
    assert await visitor.post("text", body) == 400
    assert await visitor.post("upload", body) == 400


async def test_nothing_of_the_page_is_kept_or_told_to_others(visitor: Visitor) -> None:
    async with visitor.http.get(visitor.page.url) as response:
        headers, text = response.headers, await response.text()
    policy = headers["Content-Security-Policy"]
    nonces = set(re.findall(r'nonce="([^"]+)"', text))
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert nonces == set(re.findall(r"'nonce-([^']+)'", policy))
    assert len(nonces) == 1
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert nonces.isdisjoint(re.findall(r'nonce="([^"]+)"', (await visitor.get())[1]))


async def test_a_file_that_is_no_picture_is_only_downloaded(visitor: Visitor) -> None:
    visitor.api.upload("page.html", b"<script>alert(1)</script>")
    document = visitor.api.messages()[0].document
    assert document
    async with visitor.http.get(visitor.page.url + f"file/{document['file_id']}?name=page.html") as response:
        assert response.content_type == "application/octet-stream"
        assert response.headers["Content-Disposition"] == "attachment; filename*=UTF-8''page.html"
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert await response.read() == b"<script>alert(1)</script>"


async def test_an_unknown_file_is_not_found(visitor: Visitor) -> None:
    assert (await visitor.get("file/none"))[0] == 404
