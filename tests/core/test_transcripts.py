"""What a transcript tells of a prompt, and how little of it may be as expected; the lines are like the real CLI's."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from herald.claude.protocol import encode_prompt
from herald.claude.transcripts import Answered, Fate, NotBegun, Unfinished, fate
from herald.rehearsal import stand_in

UUID = "00000000-0000-4000-8000-000000000001"
SESSION = "ffffffff-1111-4111-8111-111111111111"
Line = dict[str, Any]


def user(content: object, prompt_id: str = "first", **fields: object) -> Line:
    return {"type": "user", "message": {"role": "user", "content": content}, "promptId": prompt_id, **fields}


def prompt(uuid: str = UUID, prompt_id: str = "first") -> Line:
    return user("go", prompt_id, uuid=uuid, promptSource="sdk")


def result(output: str = "done") -> Line:
    return user([{"type": "tool_result", "content": output}])


def assistant(*blocks: object, stop_reason: str | None = "end_turn", **fields: object) -> Line:
    message = {"role": "assistant", "model": "claude", "content": list(blocks), "stop_reason": stop_reason}
    return {"type": "assistant", "message": message, **fields}


def says(text: str, stop_reason: str | None = "end_turn", **fields: object) -> Line:
    return assistant({"type": "text", "text": text}, stop_reason=stop_reason, **fields)


def uses(name: str, given: object) -> Line:
    return assistant({"type": "tool_use", "name": name, "input": given}, stop_reason="tool_use")


def synthetic(text: str, **fields: object) -> Line:
    line = says(text, "stop_sequence", **fields)
    line["message"]["model"] = "<synthetic>"
    return line


def local(output: str) -> Line:
    return {"type": "system", "subtype": "local_command", "content": output}


INTERRUPTED = user([{"type": "text", "text": "[Request interrupted by user]"}])


class Home:
    """A home with the CLI's configuration folder in it."""

    def __init__(self, folder: Path) -> None:
        self.env = {"HOME": str(folder)}
        self.projects = folder / ".claude" / "projects"

    def write(self, *lines: Line | bytes, session: str = SESSION, project: str = "-work") -> Path:
        path = self.projects / project / f"{session}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        path.write_bytes(b"\n".join(parts) + b"\n")
        return path

    def fate(self, uuid: str = UUID, session: str | None = SESSION, given_at: float = 0.0) -> Fate:
        return fate(self.env, uuid, session, given_at)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([says("Yes.")], Answered("Yes."), id="an answer"),
        pytest.param([says("One. "), says(" Two.")], Answered("One.\n\nTwo."), id="two blocks"),
        pytest.param(
            [says("First.", "tool_use"), uses("Bash", {"command": "ls"}), result(), says("Then.")],
            Answered("First.\n\nThen."),
            id="text, a tool, text",
        ),
        pytest.param([assistant()], Answered(""), id="an end without words"),
        pytest.param([says("Yes."), {"type": "last-prompt"}, {"type": "hologram"}], Answered("Yes."), id="more lines"),
        pytest.param([says("Yes.", isSidechain=False)], Answered("Yes."), id="no sub-agent"),
        pytest.param([], Unfinished("", ()), id="nothing yet"),
        pytest.param([says("Partly", None), INTERRUPTED], Unfinished("Partly", ()), id="interrupted text"),
        pytest.param(
            [says("Let me see.", "tool_use"), uses("Bash", {"command": "npm test", "description": "Test"})],
            Unfinished("Let me see.", ("Bash: npm test",)),
            id="a tool runs",
        ),
        pytest.param(
            [uses("Read", {"file_path": "/a"}), result(), uses("Bash", {"command": "make"})],
            Unfinished("", ("Read: /a", "Bash: make")),
            id="the second tool runs",
        ),
        pytest.param([uses("Bash", {"command": "ls"}), result()], Unfinished("", ("Bash: ls",)), id="a tool has run"),
        pytest.param([says("Much", "max_tokens")], Unfinished("Much", ()), id="more is to follow"),
        pytest.param([says("I will", "refusal")], Unfinished("I will", ()), id="a refusal"),
        pytest.param(
            [says("One."), user("Stop hook feedback:\nkeep going", isMeta=True)], Unfinished("One.", ()), id="a hook"
        ),
        pytest.param(
            [synthetic("Credit balance is too low", isApiErrorMessage=True, error="billing_error")],
            Unfinished("Credit balance is too low", ()),
            id="an API error",
        ),
        # what 2.1.328 puts between a turn that was cut and the next one
        pytest.param([synthetic("No response requested.")], Unfinished("", ()), id="a filler after nothing"),
        pytest.param([says("Yes."), synthetic("No response requested.")], Answered("Yes."), id="a filler"),
        pytest.param(
            [says("Mine."), prompt("other", "second"), says("Not mine.")], Answered("Mine."), id="another prompt"
        ),
        # a command has no promptSource
        pytest.param([says("Mine."), user("<command-name>", "second"), local("x")], Answered("Mine."), id="a command"),
        # 2.1.328 gives all turns of the copied part of a forked session one promptId
        pytest.param([says("Mine."), prompt("other"), says("Not mine.")], Answered("Mine."), id="a forked session"),
        pytest.param(
            [says("Looking", isSidechain=True), user("look", "agent", isSidechain=True), says("Found.")],
            Answered("Found."),
            id="a sub-agent in the same file",
        ),
        pytest.param(
            [local("<local-command-stdout>## Context\n\nFull</local-command-stdout>")],
            Answered("## Context\n\nFull"),
            id="/context",
        ),
        pytest.param(
            [user("<local-command-stdout>Compacted </local-command-stdout>")], Answered("Compacted"), id="/compact"
        ),
        pytest.param(
            [local("<local-command-stderr>Error: No messages</local-command-stderr>")],
            Answered("Error: No messages"),
            id="a command that fails",
        ),
        pytest.param([local("/model sonnet")], Unfinished("", ()), id="the command itself"),
    ],
)
def test_the_lines_after_the_prompt_tell_what_became_of_it(home: Home, lines: list[Line], expected: Fate) -> None:
    home.write({"type": "queue-operation"}, prompt("before", "zeroth"), says("Before."), prompt(), *lines)
    assert home.fate() == expected


def test_a_prompt_taken_into_the_turn_of_another_is_answered_by_what_follows(home: Home) -> None:
    taken = {"type": "attachment", "attachment": {"type": "queued_command", "source_uuid": UUID}}
    before = [prompt("other"), uses("Bash", {"command": "ls"}), result()]
    home.write(*before, taken, uses("Read", {}), result(), says("Both."), prompt("third", "third"), says("Not mine."))
    assert home.fate() == Answered("Both.")


def test_a_prompt_that_looks_like_a_commands_output_is_none(home: Home) -> None:
    home.write(user("<local-command-stdout>x</local-command-stdout>", uuid=UUID))
    assert home.fate() == Unfinished("", ())


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'{"type":"assistant","message":{"content":[{"type":"te', id="half a line"),
        pytest.param(b"(node:1) Warning", id="no JSON"),
        pytest.param(b"[1, 2]", id="no object"),
        pytest.param(b"[" * 100_000, id="too deep"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b"", id="empty"),
        pytest.param(b'{"type":"assistant","message":"words"}', id="no message"),
        pytest.param(b'{"type":"assistant","message":{"content":"words"}}', id="no blocks"),
        pytest.param(b'{"type":7}', id="no type"),
    ],
)
def test_a_line_that_is_not_as_expected_is_passed_over(home: Home, line: bytes) -> None:
    home.write(line, UUID.encode() + line, prompt(), line, says("Yes."), line)
    assert home.fate() == Answered("Yes.")


@pytest.mark.parametrize("block", [7, {}, {"type": "text"}, {"type": "text", "text": 7}, {"type": "tool_use"}])
def test_a_block_that_is_not_as_expected_is_passed_over(home: Home, block: object) -> None:
    home.write(prompt(), assistant(block, {"type": "text", "text": "Yes."}))
    assert home.fate() == Answered("Yes.")


def test_a_line_with_a_broken_character_is_read(home: Home) -> None:
    home.write(prompt(), json.dumps(says("Y?s.")).encode().replace(b"?", b"\xff"))
    assert home.fate() == Answered("Y\ufffds.")


def test_a_last_line_without_its_end_is_read(home: Home) -> None:
    path = home.write(prompt(), says("Yes."))
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert home.fate() == Answered("Yes.")


def test_half_an_emoji_becomes_a_replacement_character(home: Home) -> None:
    home.write(prompt(), says("a \ud83d b \ud83d\ude00"), uses("Ba\ud83dsh", {"command": "echo \ude00"}))
    found = home.fate()
    assert found == Unfinished("a \ufffd b \U0001f600", ("Ba\ufffdsh: echo \ufffd",))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "Tool"),
        (None, "Tool"),
        ({"count": 3}, "Tool"),
        ({"count": 3, "path": "/a"}, "Tool: /a"),
        ({"command": "  a\n  b  "}, "Tool: a b"),
        ({"command": "x" * 200}, "Tool: " + "x" * 80 + "…"),
    ],
)
def test_a_tool_is_one_short_line(home: Home, given: object, expected: str) -> None:
    home.write(prompt(), uses("Tool", given))
    assert home.fate() == Unfinished("", (expected,))


def test_a_prompt_that_is_only_mentioned_has_not_begun(home: Home) -> None:
    home.write(prompt("other"), says(f"Your uuid is {UUID}"), {"type": "last-prompt", "leafUuid": UUID})
    assert home.fate() == NotBegun()


def test_the_sessions_own_transcript_counts_first_even_if_it_is_old(home: Home) -> None:
    os.utime(home.write(prompt(), says("Own."), project="-z"), (0, 0))
    home.write(prompt(), says("A copy."), session="a copy", project="-a")
    assert home.fate(given_at=1000.0) == Answered("Own.")


def test_a_session_whose_id_is_not_known_yet_is_found(home: Home) -> None:
    home.write(says("Old."), session="old")
    path = home.write(prompt(), says("Yes."), session="new", project="-elsewhere")
    assert home.fate(session=None, given_at=path.stat().st_mtime) == Answered("Yes.")


def test_what_was_not_written_since_is_not_read(home: Home) -> None:
    path = home.write(prompt(), says("Yes."), session="other")
    assert home.fate(given_at=path.stat().st_mtime + 60) == NotBegun()


def test_the_configuration_folder_may_be_elsewhere(home: Home, tmp_path: Path) -> None:
    home.projects = tmp_path / "config" / "projects"
    home.write(prompt(), says("Yes."))
    assert home.fate() == NotBegun()
    home.env["CLAUDE_CONFIG_DIR"] = str(tmp_path / "config")
    assert home.fate() == Answered("Yes.")


def test_a_folder_that_is_missing_holds_nothing(home: Home) -> None:
    assert home.fate() == NotBegun()
    home.projects.mkdir(parents=True)
    (home.projects / "a-file").touch()
    (home.projects / "empty").mkdir()
    assert home.fate() == NotBegun()


def test_a_folder_that_cannot_be_read_is_an_error(home: Home) -> None:
    home.projects.parent.mkdir()
    home.projects.touch()
    with pytest.raises(NotADirectoryError):
        home.fate()


def test_a_transcript_that_cannot_be_read_is_an_error(home: Home) -> None:
    (home.projects / "-work" / f"{SESSION}.jsonl").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        home.fate()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("result Yes.", Answered("Yes.")),
        ("think\ntext One.\ntool Bash\nresult Two.", Answered("One.\n\nTwo.")),
        ("text One.", Answered("One.")),
        ("text Mine.\nunasked\nresult Not mine.", Answered("Mine.")),
        ("exit 3", Unfinished("", ())),
        ("text One.\ntool Read\nbegin Bash\nexit 3", Unfinished("One.", ("Read", "Bash"))),
        ("error billing_error 400 No credit", Unfinished("No credit", ())),
    ],
)
def test_the_stand_in_leaves_what_the_real_one_leaves(home: Home, tmp_path: Path, script: str, expected: Fate) -> None:
    program = stand_in.install(tmp_path / "claude", script)
    both = encode_prompt("go", UUID) + encode_prompt("again", UUID)
    subprocess.run([program], input=both, env=home.env, cwd=tmp_path, stdout=subprocess.DEVNULL)
    assert home.fate(session=None) == expected


def test_nothing_is_known_where_the_cli_writes_no_transcripts(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "CLAUDE_CODE_SKIP_PROMPT_HISTORY": "1"}
    assert fate(env, "some-uuid", None, 0.0) == Unfinished("", ())
