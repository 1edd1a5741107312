"""Buttons, the command menu and files, in the rehearsal as in Telegram."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from herald.rehearsal.bot_api import OWNER, TOKEN, BotApi
from tests.rehearsal.conftest import Ask


def buttons(*data: str) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": each, "callback_data": each} for each in data]]}


async def test_a_tap_is_answered_once(api: BotApi, ask: Ask) -> None:
    api.text("hello")
    sent = await ask("sendMessage", chat_id=OWNER, text="Run?", reply_markup=buttons("yes", "no"))
    assert api.messages()[-1].buttons == {"yes": "yes", "no": "no"}
    api.tap(sent["message_id"], "yes")
    tapped = (await ask("getUpdates"))[-1]["callback_query"]
    assert (tapped["data"], tapped["from"]["id"], tapped["message"]["text"]) == ("yes", OWNER, "Run?")
    assert await ask("answerCallbackQuery", callback_query_id=tapped["id"]) is True
    too_old = "400 Bad Request: query is too old and response timeout expired or query ID is invalid"
    assert await ask("answerCallbackQuery", callback_query_id=tapped["id"]) == too_old
    assert await ask("answerCallbackQuery", callback_query_id="1") == too_old


@pytest.mark.parametrize(
    ("command", "description", "reason"),
    [
        ("", "x", "command must be non-empty"),
        ("x" * 33, "x", "command length must not exceed 32"),
        ("x", "", "command description must be non-empty"),
        ("x", "x" * 257, "command description length must not exceed 256"),
        ("Upper", "x", "BOT_COMMAND_INVALID"),
        ("da-sh", "x", "BOT_COMMAND_INVALID"),
    ],
)
async def test_a_wrong_command_menu_is_refused(
    api: BotApi, ask: Ask, command: str, description: str, reason: str
) -> None:
    commands = [{"command": command, "description": description}]
    assert await ask("setMyCommands", commands=commands) == f"400 Bad Request: {reason}"
    assert api.commands == []


async def test_the_owner_sees_the_narrowest_command_menu(api: BotApi, ask: Ask) -> None:
    general, special = ([{"command": name, "description": "x"}] for name in ("all", "mine"))
    await ask("setMyCommands", commands=general)
    assert api.commands == general
    scope = {"type": "chat", "chat_id": OWNER}
    await ask("setMyCommands", commands=special, scope=scope)
    assert api.commands == special
    assert (await ask("getMyCommands"), await ask("getMyCommands", scope=scope)) == (general, special)


async def test_a_file_is_downloadable_once_it_was_asked_for(api: BotApi, http: aiohttp.ClientSession, ask: Ask) -> None:
    api.upload("report.pdf", b"%PDF", caption="read this")
    message = (await ask("getUpdates"))[0]["message"]
    assert (message["caption"], message["document"]["mime_type"]) == ("read this", "application/pdf")
    file = await ask("getFile", file_id=message["document"]["file_id"])
    assert file["file_size"] == 4
    async with http.get(f"{api.url}/file/bot{TOKEN}/{file['file_path']}") as response:
        assert await response.read() == b"%PDF"


async def test_a_photo_comes_in_sizes_with_the_largest_last(api: BotApi, ask: Ask) -> None:
    api.upload("photo.jpg", b"\xff\xd8\xff", kind="photo")
    small, large = (await ask("getUpdates"))[0]["message"]["photo"]
    assert small["width"] < large["width"]
    assert small["file_id"] != large["file_id"]


async def test_a_file_that_cannot_be_had_says_why(api: BotApi, ask: Ask) -> None:
    api.upload("big.bin", bytes(20 * 1024 * 1024 + 1))
    file_id = api.messages()[0].fields["document"]["file_id"]
    assert await ask("getFile", file_id=file_id) == "400 Bad Request: file is too big"
    assert await ask("getFile", file_id="nope") == "400 Bad Request: invalid file_id"
    assert await ask("getFile") == "400 Bad Request: file_id not specified"


@pytest.mark.parametrize(
    ("method", "params", "answer"),
    [
        ("sendDocument", {}, "400 Bad Request: there is no document in the request"),
        ("sendDocument", {"document": "nope"}, "400 Bad Request: wrong file identifier/HTTP URL specified"),
        ("sendDocument", {"document": "attach://f", "f": b""}, "400 Bad Request: file must be non-empty"),
        ("sendDocument", {"document": b"x", "caption": "x" * 1025}, "400 Bad Request: message caption is too long"),
        ("sendPhoto", {"photo": b"no image"}, "400 Bad Request: IMAGE_PROCESS_FAILED"),
    ],
)
async def test_a_wrong_file_is_refused(
    api: BotApi, http: aiohttp.ClientSession, method: str, params: dict[str, Any], answer: str
) -> None:
    api.text("hello")
    form = aiohttp.FormData({"chat_id": str(OWNER)}, default_to_multipart=True)
    for name, value in params.items():
        form.add_field(name, value, filename="a.bin" if isinstance(value, bytes) else None)
    async with http.post(f"{api.url}/bot{TOKEN}/{method}", data=form) as response:
        assert f"{response.status} {(await response.json())['description']}" == answer
