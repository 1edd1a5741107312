"""The rehearsal's Bot API speaks HTTP like the real one, fails when it is asked to, and can be waited for."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys

import aiohttp
import pytest
from aiohttp import web

from herald.rehearsal.bot_api import OWNER, TOKEN, BotApi
from tests.rehearsal.conftest import Ask


async def test_parameters_may_come_in_any_form(api: BotApi, http: aiohttp.ClientSession) -> None:
    api.text("hello")
    url = f"{api.url}/bot{TOKEN}/SENDmessage"
    fields = {"chat_id": str(OWNER), "text": "x"}
    for way in (
        http.get(url, params=fields),
        http.post(url, params=fields),
        http.post(url, json={"chat_id": OWNER, "text": "x"}),
        http.post(url, data=fields),
        http.post(url, data=aiohttp.FormData(fields, default_to_multipart=True)),
    ):
        async with way as response:
            assert (await response.json())["ok"]
    assert api.texts() == ["x"] * 5
    assert {(call.method, call.status) for call in api.calls} == {("sendMessage", 200)}


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (f"/bot{TOKEN}/nope", "404 Not Found: method not found"),
        ("/bot1:abc/getMe", "401 Unauthorized"),
        ("/bot0:abc/getMe", "401 Unauthorized: invalid token specified"),
        ("/botabc/getMe", "401 Unauthorized: invalid token specified"),
        (f"/bot{TOKEN}", "404 Not Found"),
        ("/", "404 Not Found"),
        (f"/file/bot{TOKEN}/documents/file_1.txt", "404 Not Found"),
    ],
)
async def test_wrong_addresses_are_refused_in_an_envelope(
    api: BotApi, http: aiohttp.ClientSession, path: str, answer: str
) -> None:
    async with http.get(api.url + path) as response:
        envelope = await response.json()
    assert f"{response.status} {envelope['description']}" == answer
    assert envelope == {"ok": False, "error_code": response.status, "description": envelope["description"]}


async def test_an_upload_beyond_fifty_megabytes_is_refused(api: BotApi, http: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData({"document": io.BytesIO(bytes(51 * 1024 * 1024))})
    async with http.post(f"{api.url}/bot{TOKEN}/sendDocument", data=form) as response:
        assert (response.status, (await response.json())["description"]) == (413, "Request Entity Too Large")


async def test_a_page_can_add_its_own_routes(http: aiohttp.ClientSession) -> None:
    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text="hello")

    api = BotApi()
    api.app.router.add_get("/", hello)
    async with api, http.get(api.url) as response:
        assert await response.text() == "hello"


def test_the_rehearsal_never_imports_aiogram() -> None:
    code = "import sys, herald.rehearsal.bot_api; sys.exit('aiogram' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_an_ordered_refusal_is_counted_down(api: BotApi, http: aiohttp.ClientSession, ask: Ask) -> None:
    api.refuse("getme", 502, times=2)
    assert [await ask("getMe"), await ask("getMe")] == ["502 Bad Gateway"] * 2
    assert (await ask("getMe"))["is_bot"]
    api.refuse("getMe", 429, retry_after=9)
    async with http.get(f"{api.url}/bot{TOKEN}/getMe") as response:
        assert response.headers["Retry-After"] == "9"
        assert await response.json() == {
            "ok": False,
            "error_code": 429,
            "description": "Too Many Requests: retry after 9",
            "parameters": {"retry_after": 9},
        }


async def test_html_can_be_refused_alone(api: BotApi, ask: Ask) -> None:
    api.text("hello")
    api.refuse("sendMessage", 400, html_only=True)
    await ask("sendMessage", chat_id=OWNER, text="plain")
    refused = await ask("sendMessage", chat_id=OWNER, text="<b>x</b>", parse_mode="HTML")
    assert refused.startswith("400 Bad Request: can't parse entities")
    assert api.texts() == ["plain"]


async def test_a_dropped_call_has_no_answer_and_no_effect(api: BotApi, ask: Ask) -> None:
    api.text("hello")
    api.drop("sendMessage")
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask("sendMessage", chat_id=OWNER, text="lost")
    assert (api.texts(), api.calls[-1].status) == ([], None)
    await ask("sendMessage", chat_id=OWNER, text="again")
    assert api.texts() == ["again"]


async def test_a_hanging_call_ends_with_the_server(http: aiohttp.ClientSession) -> None:
    async with BotApi() as api:
        api.hang("getMe")
        hanging = asyncio.create_task(http.get(f"{api.url}/bot{TOKEN}/getMe"))
        poll = asyncio.create_task(http.get(f"{api.url}/bot{TOKEN}/getUpdates?timeout=50"))
        await api.until(lambda api: len(api.calls) == 2)
        async with http.get(f"{api.url}/bot{TOKEN}/getMe") as response:  # time enough for an answer to the first
            assert response.status == 200
        assert not hanging.done()
    with pytest.raises(aiohttp.ClientConnectionError):
        await hanging
    assert (await poll).status == 500


async def test_a_download_can_fail_too(api: BotApi, http: aiohttp.ClientSession, ask: Ask) -> None:
    api.upload("a.txt", b"x")
    file = await ask("getFile", file_id=api.messages()[0].fields["document"]["file_id"])
    api.refuse("file", 500)
    for status in (500, 200):
        async with http.get(f"{api.url}/file/bot{TOKEN}/{file['file_path']}") as response:
            assert response.status == status


async def test_waiting_also_looks_at_the_clock(api: BotApi) -> None:
    looks = iter([False, False, True])
    await api.until(lambda _api: next(looks), timeout_s=5)
    assert list(looks) == []


async def test_waiting_in_vain_tells_what_the_chat_shows(api: BotApi, ask: Ask) -> None:
    api.text("hello")
    await ask("sendMessage", chat_id=OWNER, text="something else")
    with pytest.raises(TimeoutError, match=r"\['something else'\](.|\n)*call sendMessage 200"):
        await api.until(lambda api: "expected" in api.texts(), timeout_s=0.01)
