"""How the CLI reports what goes wrong at the API, checked against the CLI itself in every pinned version."""

from __future__ import annotations

from functools import partial

import pytest

from .child import Child
from .messages_api import (
    BROKEN,
    INVALID_KEY,
    NO_ACCESS,
    NO_CREDIT,
    NO_MODEL,
    OVERLOADED,
    TOO_MANY,
    Failure,
    MessagesApi,
)

pytestmark = pytest.mark.real_cli

NewChild = partial[Child]


@pytest.mark.parametrize(
    ("failure", "category"),
    [(NO_ACCESS, "authentication_failed"), (NO_CREDIT, "billing_error"), (NO_MODEL, "model_not_found")],
)
async def test_a_failed_turn_names_its_cause_in_the_assistant_line(
    child: NewChild, messages_api: MessagesApi, failure: Failure, category: str
) -> None:
    messages_api.fail(failure, times=2)  # after a 404 the CLI asks once more without streaming
    async with child() as cli:
        cli.prompt("go")
        assistant = await cli.until(lambda line: line["type"] == "assistant")
        result = await cli.result()
    assert assistant["error"] == category
    assert (result["is_error"], result["subtype"]) == (True, "success")
    assert result["result"] == assistant["message"]["content"][0]["text"]


async def test_without_a_login_the_turn_fails_with_a_request_to_log_in(
    child: NewChild, cli_environment: dict[str, str], messages_api: MessagesApi
) -> None:
    del cli_environment["ANTHROPIC_API_KEY"]
    async with child() as cli:
        cli.prompt("go")
        assistant = await cli.until(lambda line: line["type"] == "assistant")
        assert assistant["error"] == "authentication_failed"
        assert "Please run /login" in (await cli.result())["result"]
    assert messages_api.requests == []


@pytest.mark.parametrize(
    ("failure", "category"),
    [
        (INVALID_KEY, "authentication_failed"),
        (TOO_MANY, "rate_limit"),
        (BROKEN, "server_error"),
        (OVERLOADED, "overloaded"),
    ],
)
async def test_a_retry_is_announced_and_can_be_interrupted(
    child: NewChild, messages_api: MessagesApi, failure: Failure, category: str
) -> None:
    messages_api.fail(failure, times=5)
    async with child() as cli:
        cli.prompt("go")
        retry = await cli.until(lambda line: line.get("subtype") == "api_retry")
        assert (retry["error_status"], retry["error"]) == (failure.status, category)
        cli.request("interrupt")
        assert (await cli.result())["terminal_reason"] == "aborted_streaming"
