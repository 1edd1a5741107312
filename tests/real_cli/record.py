"""Record what the CLI prints in each scene, as the fixtures of the protocol's tests.

    python -m tests.real_cli.record VERSION     writes tests/fixtures/stream/VERSION/*.jsonl

Each file is the standard output of one process. Folders are replaced by /home/user and the stub's port by 8080.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

import orjson

from .conftest import FOLDER, HERE
from .messages_api import MessagesApi
from .scenes import SCENES, Scene


async def record(version: str) -> None:
    folder = HERE.parent / "fixtures" / "stream" / version
    folder.mkdir(parents=True, exist_ok=True)
    cli = FOLDER / version / "node_modules" / ".bin" / "claude"
    for name, play in SCENES.items():
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            async with MessagesApi() as api:
                scene = Scene(cli, api, Path(home))
                await play(scene)
            lines = b"".join(orjson.dumps(line) + b"\n" for line in scene.last.lines).decode()
        (folder / f"{name}.jsonl").write_text(anonymous(lines, home))


def anonymous(lines: str, home: str) -> str:
    folder_name = re.sub("[^a-zA-Z0-9]", "-", home)  # how the CLI names a project's folder
    lines = lines.replace(home, "/home/user").replace(folder_name, "-home-user")
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8080", lines)


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1]))
