"""Whatever Telegram, the network or the CLI send, herald goes on and loses nothing."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from herald.claude import orphans
from herald.rehearsal.bot_api import OWNER, BotApi
from tests.conftest import Herald
from tests.processes import is_gone

ODD_EVENTS = [
    {"type": "assistant", "message": {"content": [{"type": "text", "text": None}]}},
    {"type": "assistant", "message": {"content": [{"type": "tool_use", "id": [1], "name": "Bash"}]}},
    {"type": "system", "subtype": "task_started", "task_id": [1]},
    {"type": "system", "subtype": "api_retry", "attempt": [], "max_retries": 1, "retry_delay_ms": 1},
    {"type": "system", "subtype": "init", "session_id": 5},
    {"type": "system", "subtype": "init", "session_id": "a\u0000b"},
    {"type": "system", "subtype": "init", "session_id": "--dangerously-skip-permissions"},
    {"type": "control_request", "request_id": "r", "request": {"subtype": "can_use_tool", "tool_name": [1]}},
    {"type": [[[]]]},
]

JUNK = {
    "a hotel's page": web.Response(body="<h1>Gäste</h1>".encode("latin-1"), content_type="text/html"),
    "no description": web.Response(status=502, text='{"ok": false}', content_type="application/json"),
    "no result": web.Response(text='{"ok": true, "result": null}', content_type="application/json"),
    "not found": web.Response(status=404, text='{"ok": false, "error_code": 404, "description": "Not Found: hm"}'),
}


async def test_odd_events_in_a_turn_and_between_turns_change_nothing(herald: Herald) -> None:
    odd = "\n".join(f"raw {json.dumps(event)}" for event in ODD_EVENTS)
    async with herald(f"{odd}\ntext one\nunasked\n{odd}\nresult two\n---\nresult three") as h:
        h.api.text("go")
        await h.says("one", "two")
        h.api.text("on")
        await h.says("three")
        [session_file] = (h.claude_folder / "sessions").iterdir()
        assert h.sessions() == {str(OWNER): session_file.name}
        assert len(h.record("pid")) == 1


async def test_a_result_of_odd_shape_still_ends_its_turn(herald: Herald) -> None:
    odd = {"type": "result", "terminal_reason": [1], "result": {"a": 1}, "user_message_uuids": 7, "is_error": False}
    async with herald(f"text one\nraw {json.dumps(odd)}") as h:
        h.api.text("go")
        await h.says("one")


@pytest.mark.parametrize("answer", ["\u200b\u200d", "#", "```\\n```"])
async def test_an_answer_that_nobody_could_see_is_said_to_be_one(herald: Herald, answer: str) -> None:
    async with herald(f"result {answer}") as h:
        h.api.text("go")
        await h.says("Done, without a word from Claude.")


@pytest.mark.parametrize(
    ("method", "name"),
    # to getMe, "not found" says that the token is wrong
    [
        (method, name)
        for method in ("getUpdates", "sendMessage", "getMe")
        for name in JUNK
        if (method, name) != ("getMe", "not found")
    ],
)
async def test_an_answer_that_is_not_the_bot_apis_only_delays(herald: Herald, method: str, name: str) -> None:
    api = BotApi()
    api.app.middlewares.append(once(f"/{method}", JUNK[name]))
    async with api, herald("result the answer", api=api) as h:
        h.api.text("go")
        await h.says("the answer")
        assert h.service.exit_status is None


async def test_updates_without_a_number_do_not_hold_up_the_others(herald: Herald) -> None:
    junk = web.Response(text='{"ok": true, "result": [17, {"message": {}}, {"update_id": true}, {"update_id": 7}]}')
    api = BotApi()
    api.app.middlewares.append(once("/getUpdates", junk))
    async with api, herald("result the answer", api=api) as h:
        h.api.text("go")
        await h.says("the answer")


async def test_a_message_with_parts_of_a_kind_yet_unknown_is_still_read(herald: Herald) -> None:
    async with herald("result read") as h:
        h.api.send({"text": "hello", "external_reply": {"origin": {"type": "alien"}}})
        await h.says("read")
        assert h.prompts() == ["hello"]


async def test_a_forward_of_a_kind_yet_unknown_is_still_marked(herald: Herald) -> None:
    async with herald("result read") as h:
        h.api.send({"text": "/stop", "forward_origin": {"type": "alien"}})
        await h.says("read")
        assert h.prompts() == ["Forwarded message:\n\n/stop"]


async def test_a_kind_of_message_yet_unknown_gets_one_sentence(herald: Herald) -> None:
    async with herald("result read") as h:
        h.api.send({"hologram": {"beams": 3}})
        await h.says("I can only read text so far")


async def test_a_forwarded_command_is_not_obeyed(herald: Herald) -> None:
    async with herald("result one\n---\nresult two") as h:
        h.api.text("first")
        await h.says("one")
        sessions = h.sessions()
        h.api.text("/new", forward_origin={"type": "hidden_user", "sender_user_name": "Mallory", "date": 1})
        await h.says("two")
        assert h.sessions() == sessions


async def test_the_end_of_the_terminal_is_an_orderly_end(herald: Herald) -> None:
    async with herald("spawn\nhang", HERALD_DRAIN_S="0") as h:
        h.api.text("go")
        await h.service.until(lambda _: h.record("spawned"))
        h.service.send_signal(signal.SIGHUP)
        await h.service.until(lambda service: service.ended)
        assert h.service.exit_status == 0
        assert is_gone(h.record("spawned")[0])


async def test_a_herald_that_claude_itself_starts_does_not_end_itself(herald: Herald, tmp_path: Path) -> None:
    own_mark = orphans.child_mark(orphans.herald_mark(tmp_path / "state"))
    async with herald("result hi", **{orphans.MARK: own_mark}) as h:
        h.api.text("go")
        await h.says("hi")


def once(path_end: str, junk: web.Response) -> Middleware:
    """A middleware that answers the first request to a path with junk."""
    left = [junk]

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith(path_end) and left:
            first = left.pop()
            return web.Response(status=first.status, body=first.body, headers={"Content-Type": first.content_type})
        return await handler(request)

    return middleware
