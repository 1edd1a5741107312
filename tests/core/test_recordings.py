"""What the real CLI said, recorded from both versions, folded into turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from herald.claude.events import Event, Finished, TaskEnded, TaskStarted, Unknown
from herald.claude.failures import explain
from herald.claude.protocol import Lines, parse_line
from herald.claude.turn import Turn, advance, answers
from herald.errors import SessionExpired

RECORDINGS = Path(__file__).parents[1] / "fixtures" / "stream"
VERSIONS = ("2.1.197", "2.1.328")
HELLO = "Hello from the stub."

# recording -> what the owner reads of each turn in it
ANSWERS = {
    "background": ["Started.", "It ended.", "Yes?"],
    "cleared": [HELLO, "", HELLO],
    "compacted": [HELLO, HELLO, ""],
    "duplicate": [HELLO],
    "duplicate-resumed": [],
    "initialize": [HELLO],
    "interrupted-text": ["on"],
    "interrupted-tool": [""],
    "permission-allowed": [HELLO],
    "permission-denied": [HELLO],
    "permission-withdrawn": [""],
    "plan": [HELLO],
    "question": [HELLO],
    "retry": [HELLO],
    "text": [HELLO],
    "thinking": [HELLO],
    "tool": ["It said hi."],
    "two-prompts": [HELLO, HELLO],
}
# recording -> what the owner is told went wrong
FAILURES = {
    "error-403": "Claude refused this account",
    "error-credit": "Claude refused: Credit balance is too low",
    "error-model": "There's an issue with the selected model",
    "expired": "Claude does not know this session any more",
    "limit": "You've hit your",
    "not-logged-in": "Claude is not logged in on this machine",
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ANSWERS)
def test_a_recording_reads_as_its_answers(version: str, name: str) -> None:
    assert [turn.answer for turn in turns(version, name)] == ANSWERS[name]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_reads_as_one_sentence(version: str, name: str) -> None:
    [turn] = turns(version, name)
    assert turn.finished is not None
    assert turn.answer == ""
    error = explain(turn.failure, turn.finished, began=turn.started is not None)
    assert FAILURES[name] in error.message
    assert "\n" not in error.message
    assert error.hint
    assert isinstance(error, SessionExpired) == (name == "expired")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["interrupted-text", "interrupted-tool", "permission-withdrawn"])
def test_an_interrupted_turn_counts_as_stopped_with_no_tool_running(version: str, name: str) -> None:
    [turn] = turns(version, name)
    assert turn.finished is not None
    assert turn.finished.was_stopped
    assert not turn.tool_runs


@pytest.mark.parametrize("version", VERSIONS)
def test_the_turn_that_nobody_asked_for_answers_no_prompt(version: str) -> None:
    asked, unasked, last = turns(version, "background")
    assert [finished.unasked for finished in (asked.finished, unasked.finished, last.finished) if finished] == [
        False,
        True,
        False,
    ]
    assert unasked.finished is not None
    assert not answers(Turn("any"), unasked.finished)


@pytest.mark.parametrize("version", VERSIONS)
def test_background_tasks_that_start_also_end(version: str) -> None:
    running: set[str] = set()
    most = 0
    for event in events(version, "background"):
        if isinstance(event, TaskStarted):
            running.add(event.task_id)
        if isinstance(event, TaskEnded):
            running.discard(event.task_id)
        most = max(most, len(running))
    assert most == 1
    assert running == set()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_duplicate_is_recognised_and_a_first_delivery_is_not(version: str) -> None:
    [event] = [event for event in events(version, "duplicate-resumed") if not isinstance(event, Unknown)]
    prompt_uuid = getattr(event, "uuid", "")
    assert advance(Turn(prompt_uuid), event).given_before
    assert not advance(Turn("another"), event).given_before
    assert not any(turn.given_before for turn in turns(version, "text"))


@pytest.mark.parametrize(
    "path", sorted(RECORDINGS.glob("*/*.jsonl")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_no_line_of_a_recording_is_of_an_unexpected_shape(path: Path) -> None:
    strange = [event.kind for event in events(path.parent.name, path.stem) if isinstance(event, Unknown)]
    assert [kind for kind in strange if ":" in kind or kind in ("not JSON", "not an object")] == []


def events(version: str, name: str) -> list[Event]:
    # fed in odd pieces, as a pipe would
    content = (RECORDINGS / version / f"{name}.jsonl").read_bytes()
    lines = Lines()
    cut = [line for start in range(0, len(content), 997) for line in lines.feed(content[start : start + 997])]
    return [event for line in [*cut, lines.rest()] for event in parse_line(line)]


def turns(version: str, name: str) -> list[Turn]:
    turn, finished = Turn(), []
    for event in events(version, name):
        turn = advance(turn, event)
        if isinstance(event, Finished):
            finished.append(turn)
            turn = Turn()
    return finished
