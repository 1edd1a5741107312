"""Lines of the CLI become events, whatever they are; herald's requests become lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from herald.claude import protocol
from herald.claude.events import Finished, PermissionAsked, RequestUnknown, Text, TextDelta, Thinking, Unknown
from herald.claude.protocol import Lines, parse_line
from herald.model import Decision

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
KINDS = ("system", "stream_event", "assistant", "user", "result", "control_request", "control_cancel_request")


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize("text", [b"", b"   ", b"\r"])
def test_an_empty_line_says_nothing(text: bytes) -> None:
    assert parse_line(text) == []


@pytest.mark.parametrize(
    "text",
    [b"Warning: not JSON", b"[1, 2]", b"17", b"null", b"\xff\xfe", b"[" * 100_000, b'{"type": "hologram"}', b"{}"],
)
def test_a_strange_line_is_unknown(text: bytes) -> None:
    [event] = parse_line(text)
    assert isinstance(event, Unknown)


@given(kind=st.sampled_from(KINDS), fields=st.dictionaries(st.text() | st.sampled_from(["message", "event"]), JSON))
def test_a_known_type_in_any_shape_never_raises(kind: str, fields: dict[str, Any]) -> None:
    parse_line(json.dumps({**fields, "type": kind}).encode())


def test_half_an_emoji_does_not_lose_the_text() -> None:
    delta = b'{"type":"text_delta","text":"hi \\ud83d"}'
    half = b'{"type":"stream_event","event":{"type":"content_block_delta","delta":' + delta + b"}}"
    assert parse_line(half) == [TextDelta("hi \N{REPLACEMENT CHARACTER}")]


def test_bytes_that_are_not_utf8_do_not_lose_the_text() -> None:
    broken = b'{"type":"assistant","message":{"content":[{"type":"text","text":"caf\xe9!"}]}}'
    assert parse_line(broken) == [Text("caf\N{REPLACEMENT CHARACTER}!")]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"type": "assistant", "message": {"content": [{"type": "hologram"}]}}, "assistant/hologram"),
        ({"type": "assistant", "message": {"content": [{"type": "text", "text": None}]}}, "assistant: TypeError"),
        ({"type": "system", "subtype": "init", "session_id": "../../x y"}, "system: ValueError"),
        ({"type": [1]}, "no type"),
    ],
)
def test_an_odd_shape_is_named_and_nothing_else(fields: dict[str, Any], kind: str) -> None:
    assert parse_line(line(**fields)) == [Unknown(kind)]


def test_a_result_of_odd_shape_still_ends_a_turn() -> None:
    odd: dict[str, Any] = {
        "session_id": "--flag",
        "result": [],
        "errors": "x",
        "num_turns": None,
        "user_message_uuids": 5,
    }
    [event] = parse_line(line(type="result", is_error=1, total_cost_usd="much", **odd))
    assert isinstance(event, Finished)
    assert (event.session_id, event.text, event.errors, event.is_error) == ("", "", (), True)


def test_thinking_is_told() -> None:
    message = {"content": [{"type": "thinking", "thinking": "hm"}]}
    assert parse_line(line(type="assistant", message=message)) == [Thinking()]


def test_an_interrupt_is_a_request_of_its_own() -> None:
    assert json.loads(protocol.encode_interrupt("r1")) == {
        "type": "control_request",
        "request_id": "r1",
        "request": {"subtype": "interrupt"},
    }


def test_what_a_subagent_writes_is_not_the_answer() -> None:
    message = {"content": [{"type": "text", "text": "inner"}]}
    assert parse_line(line(type="assistant", message=message, parent_tool_use_id="toolu_1")) == [
        Unknown("assistant/subagent")
    ]


def test_lines_are_cut_at_newlines_only() -> None:
    lines = Lines()
    assert lines.feed("a\u2028b\rc\n\nd".encode()) == ["a\u2028b\rc".encode(), b""]
    assert lines.feed(b"e\n") == [b"de"]
    assert lines.rest() == b""


def test_a_line_of_many_megabytes_comes_out_whole() -> None:
    picture = b"x" * (20 * 2**20)
    assert Lines().feed(picture + b"\n") == [picture]


def test_a_line_beyond_the_limit_comes_out_empty_and_the_next_whole() -> None:
    lines = Lines(limit_bytes=5)
    assert lines.feed(b"123456") == []
    assert lines.feed(b"789\nnext\n") == [b"", b"next"]


@given(st.lists(st.binary(max_size=40)), st.integers(1, 7))
def test_lines_do_not_depend_on_how_the_bytes_arrive(parts: list[bytes], size: int) -> None:
    whole = b"\n".join(parts)
    lines = Lines()
    cut = [found for start in range(0, len(whole), size) for found in lines.feed(whole[start : start + size])]
    assert [*cut, lines.rest()] == whole.split(b"\n")


def test_a_prompt_has_its_uuid_and_a_turn_of_its_own() -> None:
    written = protocol.encode_prompt("--help\nme", "u-1")
    assert written.count(b"\n") == 1
    assert json.loads(written) == {
        "type": "user",
        "message": {"role": "user", "content": "--help\nme"},
        "uuid": "u-1",
        "priority": "later",
    }


def test_an_allowed_tool_gets_its_input_back_and_a_refused_one_the_reason() -> None:
    asked = PermissionAsked("r1", "Bash", {"command": "ls"})
    allowed = json.loads(protocol.encode_decision(asked, Decision(allow=True)))
    assert allowed["response"]["response"] == {"behavior": "allow", "updatedInput": {"command": "ls"}}
    refused = json.loads(protocol.encode_decision(asked, Decision(allow=False, message="no")))
    assert refused["response"]["request_id"] == "r1"
    assert refused["response"]["response"] == {"behavior": "deny", "message": "no"}


def test_a_request_that_is_not_understood_is_answered() -> None:
    [event] = parse_line(line(type="control_request", request_id="r2", request={"subtype": "sing"}))
    assert event == RequestUnknown("r2", "sing")
    answer = json.loads(protocol.encode_refusal(event))
    assert answer["response"]["subtype"] == "error"
    assert answer["response"]["request_id"] == "r2"
