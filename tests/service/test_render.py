"""`herald render` prints what Telegram would be sent."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from herald.formatting import render

LONG = "\n\n".join(f"Part {number}: " + "word " * 700 for number in range(8))


def run(
    *arguments: str, given: str | bytes = "", folder: Path | None = None, **env: str
) -> subprocess.CompletedProcess[bytes]:
    data = given.encode() if isinstance(given, str) else given
    return subprocess.run(
        [sys.executable, "-m", "herald.cli", "render", *arguments],
        input=data,
        capture_output=True,
        cwd=folder,
        env={"PYTHONWARNINGS": "error", **env},
        timeout=60,
        check=False,
    )


def test_markdown_from_standard_input_becomes_html() -> None:
    done = run(given="# Hi\n\n**there** < you")
    assert done.returncode == 0
    assert done.stdout.decode() == "--- -: message 1 of 1, 15 characters\n<b>Hi</b>\n\n<b>there</b> &lt; you\n"


def test_json_has_a_line_for_every_piece_of_every_file(tmp_path: Path) -> None:
    for name, text in (("one.md", "*a*"), ("two.md", LONG), ("nothing.md", " ")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = run("--json", "one.md", "two.md", "nothing.md", folder=tmp_path)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0] == {"file": "one.md", "index": 0, "html": "<i>a</i>", "text": "a"}
    assert [line["index"] for line in lines[1:]] == list(range(8))
    assert [line["html"] for line in lines[1:]] == [piece.html for piece in render(LONG)]


def test_a_text_too_long_for_the_chat_is_a_message_and_a_document() -> None:
    first, note = run(given=LONG).stdout.decode().split("\n--- ")
    assert first.count("Part") == 1
    assert note.startswith("-: document answer.md, ")
    assert run(given=LONG, HERALD_MAX_MESSAGES="8").stdout.count(b"--- -: message") == 8


def test_secrets_are_not_masked() -> None:
    key = "AKIA" + "A2B3" * 4
    assert key in run(given=key).stdout.decode()


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert json.loads(run("--json", given=b"\xef\xbb\xbfa\xffb").stdout)["text"] == "a\ufffdb"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    done = run("missing.md", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.decode().startswith("error: missing.md cannot be read: No such file or directory\nhint: ")


def test_a_wrong_setting_is_named() -> None:
    done = run(given="x", HERALD_MAX_MESSAGES="none")
    assert done.returncode == 78
    assert b"HERALD_MAX_MESSAGES is 'none'" in done.stderr


def test_a_reader_who_has_had_enough_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "long.md").write_text(LONG * 40, encoding="utf-8")
    command = f"{sys.executable} -m herald.cli render --json long.md | head -c 10"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"}, capture_output=True, timeout=60
    )
    assert (done.stdout[:9], done.stderr) == (b'{"file":"', b"")


def test_a_full_disk_and_a_closed_input_are_told_in_a_sentence() -> None:
    herald = f"{sys.executable} -m herald.cli render"
    for command, words in (
        (f"echo hi | {herald} > /dev/full", b"error: the output cannot be written: No space left on device\n"),
        (f"{herald} <&-", b"error: standard input is closed\n"),
    ):
        done = subprocess.run(["bash", "-c", command], env={"PATH": "/usr/bin:/bin"}, capture_output=True, timeout=60)
        assert done.returncode == 1
        assert done.stderr.startswith(words)


def test_rendering_needs_no_telegram_library() -> None:
    code = (
        "import sys; from herald import cli; sys.argv[1:] = ['render']; cli.main();"
        " assert not {'aiogram', 'aiohttp', 'pydantic'} & sys.modules.keys()"
    )
    subprocess.run(
        [sys.executable, "-c", code], input=b"**x**\n\n| a |\n|---|\n", check=True, capture_output=True, timeout=60
    )
