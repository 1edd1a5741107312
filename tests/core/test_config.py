"""The settings, and where they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from herald.config import Config, load
from herald.environment import gather, missing
from herald.errors import ConfigError

TOKEN = "123456789:" + "a" * 35
LEAST = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_ALLOWED_USERS": "42", "HOME": "/home/ada"}


def config(**settings: str) -> Config:
    return load({**LEAST, **settings})


def test_the_defaults() -> None:
    defaults = config()
    assert defaults.api_base == "https://api.telegram.org"
    assert defaults.claude_bin == "claude"
    assert defaults.work_dir == Path("/home/ada")
    assert defaults.model is None
    assert defaults.permission_mode == "default"
    assert (defaults.idle_s, defaults.stall_s, defaults.turn_timeout_s, defaults.drain_s) == (600, 600, 7200, 20)
    assert defaults.state_dir == Path("/home/ada/.local/state/herald")
    assert (defaults.max_messages, defaults.mask_secrets, defaults.rich) == (6, True, False)
    assert defaults.bot_id == 123456789


def test_the_state_folder_is_systemds_if_it_made_one() -> None:
    assert config(STATE_DIRECTORY="/var/lib/herald:/var/lib/other").state_dir == Path("/var/lib/herald")
    assert config(XDG_STATE_HOME="/x").state_dir == Path("/x/herald")
    assert config(HERALD_STATE_DIR="/y", STATE_DIRECTORY="/var/lib/herald").state_dir == Path("/y")


@pytest.mark.parametrize(("word", "is_on"), [("1", True), ("0", False), ("yes", True), ("Off", False), ("TRUE", True)])
def test_a_switch_may_be_a_word(word: str, is_on: bool) -> None:
    assert config(HERALD_RICH=word).rich is is_on


def test_lists_are_read_with_commas_spaces_and_parentheses() -> None:
    assert config(TELEGRAM_ALLOWED_USERS=" 42, 43 ,").allowed_users == {42, 43}
    assert config(CLAUDE_ALLOWED_TOOLS="Read Bash(git log:*), mcp__x").allowed_tools == (
        "Read",
        "Bash(git log:*)",
        "mcp__x",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEGRAM_BOT_TOKEN", ""),
        ("TELEGRAM_BOT_TOKEN", "123:short"),
        ("TELEGRAM_ALLOWED_USERS", ""),
        ("TELEGRAM_ALLOWED_USERS", " , "),
        ("TELEGRAM_ALLOWED_USERS", "42, @ada"),
        ("TELEGRAM_ALLOWED_USERS", "-100123"),
        ("TELEGRAM_ALLOWED_USERS", "٤٢"),
        ("TELEGRAM_ALLOWED_USERS", "4" * 5000),
        ("HERALD_MAX_MESSAGES", "0"),
        ("HERALD_MAX_MESSAGES", "six"),
        ("HERALD_MASK_SECRETS", "maybe"),
        ("HERALD_RICH", "2"),
        ("TELEGRAM_API_BASE", "api.telegram.org"),
        ("TELEGRAM_API_BASE", "http://127.0.0.1:99999"),
        ("TELEGRAM_API_BASE", "http://127.0.0.1:abc"),
        ("TELEGRAM_API_BASE", "http://[::1"),
        ("TELEGRAM_API_BASE", "https://"),
        ("TELEGRAM_API_BASE", "https://example.org/?x=1"),
        ("CLAUDE_WORK_DIR", "projects"),
        ("CLAUDE_PERMISSION_MODE", "yolo"),
        ("CLAUDE_ALLOWED_TOOLS", "Bash(git log"),
        ("CLAUDE_IDLE_S", "ten"),
        ("CLAUDE_IDLE_S", "-1"),
        ("CLAUDE_IDLE_S", "nan"),
        ("CLAUDE_STALL_S", "0"),
        ("HERALD_STATE_DIR", "state"),
        ("HERALD_LOG_LEVEL", "loud"),
        ("HERALD_LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_setting_is_named_with_a_hint(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(**{name: value})
    [problem] = caught.value.problems
    assert problem.message.startswith(name)
    assert problem.hint
    assert value not in problem.message or name != "TELEGRAM_BOT_TOKEN" or not value


def test_all_problems_come_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load({"CLAUDE_IDLE_S": "x", "HERALD_LOG_LEVEL": "y"})
    assert len(caught.value.problems) == 4


def test_the_token_is_in_no_description_of_the_settings() -> None:
    assert TOKEN not in repr(config())


def test_the_first_found_value_wins(tmp_path: Path) -> None:
    (tmp_path / "herald").mkdir()
    (tmp_path / "herald" / ".env").write_text("A=user\nB=user\nC=user\nD=user\n")
    (tmp_path / ".env").write_text("A=folder\nB=folder\n# a comment\nexport C='fol${der}'\nEMPTY=\n")
    found = gather({"A": "environment", "B": "", "XDG_CONFIG_HOME": str(tmp_path)}, tmp_path)
    assert (found["A"], found["B"], found["C"], found["D"]) == ("environment", "folder", "fol${der}", "user")
    assert "EMPTY" not in found


def test_the_home_folder_can_be_written_as_a_tilde() -> None:
    settings = config(CLAUDE_BIN="~/bin/claude", CLAUDE_WORK_DIR="~", HERALD_STATE_DIR="~/state")
    assert settings.claude_bin == "/home/ada/bin/claude"
    assert (settings.work_dir, settings.state_dir) == (Path("/home/ada"), Path("/home/ada/state"))


@pytest.mark.parametrize(
    ("content", "named"),
    [(b"A=1\nB='unclosed\n", "line 2"), (b"# caf\xe9", "not UTF-8"), ("A=1".encode("utf-16"), "not UTF-8")],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, named: str) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        gather({"HOME": str(tmp_path)}, tmp_path)
    [problem] = caught.value.problems
    assert str(tmp_path / ".env") in problem.message
    assert named in problem.message
    assert problem.hint


def test_a_folder_of_that_name_is_named_too(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(ConfigError, match=r"\.env cannot be read"):
        gather({"HOME": str(tmp_path)}, tmp_path)


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfA=1\r\nB=2\r\n")
    found = gather({"HOME": str(tmp_path)}, tmp_path)
    assert (found["A"], found["B"]) == ("1", "2")


def test_the_token_can_be_a_systemd_credential(tmp_path: Path) -> None:
    (tmp_path / "telegram_bot_token").write_text(f"{TOKEN}\n")
    assert gather({"CREDENTIALS_DIRECTORY": str(tmp_path)}, tmp_path)["TELEGRAM_BOT_TOKEN"] == TOKEN


def test_what_the_machine_lacks_is_named(tmp_path: Path) -> None:
    problems = missing({"PATH": str(tmp_path), "CLAUDE_WORK_DIR": str(tmp_path / "none")})
    assert [problem.message.split(":")[0] for problem in problems] == [
        "the Claude CLI is not found",
        "CLAUDE_WORK_DIR is not a folder",
    ]
    (tmp_path / "claude").touch(mode=0o644)
    here = {"PATH": "/nowhere", "HOME": str(tmp_path), "CLAUDE_BIN": "~/claude"}
    assert [problem.message.split(":")[0] for problem in missing(here)] == [
        "CLAUDE_BIN is not a program that can be run"
    ]
    (tmp_path / "claude").chmod(0o755)
    assert missing(here) == []
    assert missing({"PATH": str(tmp_path), "CLAUDE_WORK_DIR": str(tmp_path)}) == []
