"""The real CLI in a world of its own: the stub it talks to, a fresh home, and nothing of this machine's settings."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from .child import Child
from .messages_api import MessagesApi

HERE = Path(__file__).parent
FOLDER = Path(os.environ.get("HERALD_TEST_CLI_DIR") or HERE.parent.parent / ".cli")
VERSIONS = (HERE / "versions").read_text().split()
OPTIONAL = ["newest"] if (FOLDER / "newest").exists() else []


@pytest.fixture(params=VERSIONS + OPTIONAL)
def cli(request: pytest.FixtureRequest) -> Path:
    """The executable of one installed version; a test that asks for it runs once per version."""
    executable = FOLDER / str(request.param) / "node_modules" / ".bin" / "claude"
    if not executable.exists():
        pytest.skip(f"no CLI {request.param} in {FOLDER}: run tests/real_cli/install")
    return executable


@pytest.fixture
async def messages_api() -> AsyncIterator[MessagesApi]:
    async with MessagesApi() as api:
        yield api


@pytest.fixture
def cli_environment(messages_api: MessagesApi, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The whole environment of a CLI that talks to `messages_api` and leaves its files in a fresh home."""
    return environment(messages_api.url, tmp_path_factory.mktemp("home"))


@pytest.fixture
def child(cli: Path, cli_environment: dict[str, str], tmp_path: Path) -> partial[Child]:
    """`child(*options, resume="")`: the CLI in `tmp_path`, not started yet."""
    return partial(Child, cli, cli_environment, tmp_path)


def environment(api_url: str, home: Path) -> dict[str, str]:
    scratch = home / "tmp"
    scratch.mkdir()
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "ANTHROPIC_API_KEY": "dummy",
        "ANTHROPIC_BASE_URL": api_url,
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "IS_SANDBOX": "1",  # as root the CLI refuses some options without it
    }
