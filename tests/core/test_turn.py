"""A turn is folded from events; its deadlines and failures have names."""

from __future__ import annotations

import pytest

from herald.claude.events import (
    Event,
    Finished,
    PermissionAsked,
    Retrying,
    Started,
    Text,
    TextDelta,
    Thinking,
    ToolFinished,
    ToolStarted,
    Unknown,
)
from herald.claude.failures import explain, refusal, retry_notice
from herald.claude.turn import Turn, advance, answers
from herald.config import load
from herald.errors import ClaudeFailed, HeraldError, NotLoggedIn, SessionExpired
from herald.patience import INTERRUPT_PATIENCE_S, Patience

RETRYING = Retrying(attempt=3, max_attempts=10, failure="server_error", http_status=500)


def finished(**fields: object) -> Finished:
    base: dict[str, object] = {
        "session_id": "s",
        "text": "",
        "is_error": False,
        "errors": (),
        "num_turns": 1,
        "terminal_reason": "completed",
        "http_status": None,
        "cost_usd": 0.0,
        "prompt_uuids": (),
        "unasked": False,
    }
    return Finished(**(base | fields))  # type: ignore[arg-type]


def folded(*events: Event) -> Turn:
    turn = Turn("u")
    for event in events:
        turn = advance(turn, event)
    return turn


def test_the_answer_is_every_text_of_the_main_agent() -> None:
    assert folded(Text("One. "), ToolStarted("t", "Read"), Text(" "), Text("Two."), finished(text="Two.")).answer == (
        "One.\n\nTwo."
    )


def test_a_command_that_writes_no_text_answers_with_its_result() -> None:
    assert folded(finished(text="Context: 10 %")).answer == "Context: 10 %"


def test_a_prompt_can_wait_for_a_turn_that_runs_already() -> None:
    turn = advance(Turn(), Text("So far")).awaited_by("u")
    assert (turn.prompt_uuid, turn.answer) == ("u", "So far")


def test_the_words_of_a_failure_are_not_an_answer() -> None:
    turn = folded(Text("so far"), Text("API Error", failure="server_error"), finished(text="API Error", is_error=True))
    assert turn.answer == "so far"
    assert turn.failure == "server_error"


def test_a_tool_runs_from_its_start_to_its_end() -> None:
    assert folded(ToolStarted("a", "Read"), ToolStarted("b", "Read"), ToolFinished("a", is_error=False)).tool_runs
    assert not folded(ToolStarted("a", "Read"), ToolFinished("a", is_error=True)).tool_runs


@pytest.mark.parametrize(
    "event",
    [TextDelta("x"), Thinking(), Text("x"), ToolStarted("a", "Read"), PermissionAsked("r", "Bash", {}), finished()],
)
def test_retrying_is_over_when_claude_speaks(event: Event) -> None:
    assert folded(RETRYING).retrying == RETRYING
    assert folded(RETRYING, event).retrying is None


def test_what_is_not_understood_changes_nothing() -> None:
    assert folded(Unknown("x")) == folded()


def test_the_start_is_kept() -> None:
    started = Started("s", "m", "/", "default", "2")
    assert folded(started).started == started


def test_a_result_answers_the_prompts_it_names_or_else_any_that_was_asked() -> None:
    assert answers(Turn("u"), finished(prompt_uuids=("x", "u")))
    assert not answers(Turn("u"), finished(prompt_uuids=("x",)))
    assert answers(Turn("u"), finished())
    assert not answers(Turn("u"), finished(unasked=True))


@pytest.mark.parametrize(
    ("failure", "fields", "kind", "message"),
    [
        ("authentication_failed", {"text": "Invalid API key · Fix external API key"}, NotLoggedIn, "the API key"),
        ("authentication_failed", {"text": "API Error: 403 no"}, NotLoggedIn, "refused this account"),
        ("authentication_failed", {"text": "Not logged in"}, NotLoggedIn, "not logged in"),
        ("server_error", {"http_status": 500}, ClaudeFailed, "servers failed (500)"),
        ("overloaded", {"http_status": 529}, ClaudeFailed, "overloaded"),
        ("server_error", {}, ClaudeFailed, "cannot be reached"),
        ("invalid_request", {"text": "Prompt is too long"}, ClaudeFailed, "too long for Claude"),
        ("invalid_request", {"text": "flagged"}, ClaudeFailed, "Claude stopped with an error: flagged"),
        ("", {"errors": ("Reached maximum number of turns (1)",)}, ClaudeFailed, "Reached maximum number of turns (1)"),
        ("", {}, ClaudeFailed, "it ended without an answer"),
        # the words of an expired session in a turn that ran are not an expiry
        ("", {"errors": ("No conversation found with session ID: x",), "num_turns": 2}, ClaudeFailed, "stopped"),
        ("", {"errors": ("Error: No conversation found with session ID: x",), "num_turns": 0}, ClaudeFailed, "stopped"),
    ],
)
def test_failures_have_names(failure: str, fields: dict[str, object], kind: type[HeraldError], message: str) -> None:
    error = explain(failure, finished(is_error=True, **fields), began=False)
    assert type(error) is kind
    assert message in error.message
    assert error.hint


def test_a_turn_that_began_is_never_an_expired_session() -> None:
    words = finished(is_error=True, num_turns=0, errors=("No conversation found with session ID: x",))
    assert isinstance(explain("", words, began=False), SessionExpired)
    assert not isinstance(explain("", words, began=True), SessionExpired)


def test_a_retry_says_why_and_how_far_it_is() -> None:
    assert retry_notice(RETRYING) == (
        "Claude's servers do not answer (error 500). Trying again, 3 of 10. /stop ends it."
    )
    assert "(no connection)" in retry_notice(Retrying(1, 10, "server_error", None))
    assert "(login refused)" in retry_notice(Retrying(1, 10, "authentication_failed", 401))


@pytest.mark.parametrize("tool", ["Bash", "AskUserQuestion", "ExitPlanMode"])
def test_a_refusal_is_one_line(tool: str) -> None:
    assert "\n" not in refusal(tool)


class TestPatience:
    config = load(
        {
            "TELEGRAM_BOT_TOKEN": "123456789:" + "a" * 35,
            "TELEGRAM_ALLOWED_USERS": "1",
            "CLAUDE_STALL_S": "10",
            "CLAUDE_TURN_TIMEOUT_S": "100",
        }
    )

    def test_silence_counts_from_the_last_word(self) -> None:
        patience = Patience(self.config, now=0)
        patience.heard(5)
        assert patience.left_s(8, tool_runs=False) == 7
        assert "has said nothing for 10 s" in patience.exceeded(tool_runs=False).message

    def test_a_running_tool_may_be_silent_until_the_turn_must_end(self) -> None:
        patience = Patience(self.config, now=0)
        assert patience.left_s(50, tool_runs=True) == 50
        assert "CLAUDE_TURN_TIMEOUT_S" in patience.exceeded(tool_runs=True).message

    def test_a_herald_that_stops_gives_less_time(self) -> None:
        patience = Patience(self.config, now=0)
        patience.drain(3)
        assert patience.left_s(1, tool_runs=True) == 2
        assert "herald is stopping" in patience.exceeded(tool_runs=True).message

    def test_after_an_interrupt_two_seconds_are_left_and_the_first_cause_stands(self) -> None:
        patience = Patience(self.config, now=0)
        patience.interrupt(HeraldError("stopped"), 4)
        patience.interrupt(HeraldError("later"), 5)
        patience.heard(5)
        assert patience.left_s(5, tool_runs=False) == INTERRUPT_PATIENCE_S - 1
        assert patience.exceeded(tool_runs=False).message == "stopped"

    def test_no_time_is_never_less_than_none(self) -> None:
        assert Patience(self.config, now=0).left_s(1000, tool_runs=False) == 0
