"""One child CLI with herald's own command line, spoken to line by line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

Json = dict[str, Any]

ARGUMENTS = [
    "-p",
    "--input-format=stream-json",
    "--output-format=stream-json",
    "--verbose",
    "--include-partial-messages",
    "--replay-user-messages",
    "--permission-prompt-tool=stdio",
]


class Child:
    """`async with Child(cli, environment, cwd) as child:` runs the CLI; it is killed at the end if it still lives.

    `lines` is everything it has printed. `until` reads on from where the last `until` stopped.
    """

    def __init__(self, cli: Path, environment: dict[str, str], cwd: Path, *options: str, resume: str = "") -> None:
        self.lines: list[Json] = []
        self._argv = [str(cli), *ARGUMENTS, *([f"--resume={resume}"] if resume else []), *options]
        self._environment = environment
        self._cwd = cwd

    async def __aenter__(self) -> Child:
        self.process = await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            cwd=self._cwd,
            limit=64 << 20,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.communicate()

    def send(self, message: Json) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(orjson.dumps(message) + b"\n")

    def prompt(self, text: str, uuid: str = "", priority: str = "later") -> str:
        """Write a prompt and return its uuid; without one it gets a fresh one."""
        uuid = uuid or str(uuid4())
        message = {"role": "user", "content": text}
        self.send({"type": "user", "message": message, "uuid": uuid, "priority": priority, "session_id": ""})
        return uuid

    def request(self, subtype: str, **fields: Any) -> str:
        """Write a control request and return its id."""
        request_id = str(uuid4())
        self.send({"type": "control_request", "request_id": request_id, "request": {"subtype": subtype, **fields}})
        return request_id

    def decide(self, asked: Json, **answer: Any) -> None:
        """Answer a permission question."""
        response = {"subtype": "success", "request_id": asked["request_id"], "response": answer}
        self.send({"type": "control_response", "response": response})

    async def until(self, predicate: Callable[[Json], bool], deadline_s: float = 20.0) -> Json:
        """Return the next line for which `predicate` holds; raise TimeoutError, or EOFError where the output ends."""
        assert self.process.stdout is not None
        async with asyncio.timeout(deadline_s):
            while line := await self.process.stdout.readline():
                self.lines.append(orjson.loads(line))
                if predicate(self.lines[-1]):
                    return self.lines[-1]
        raise EOFError

    async def result(self, deadline_s: float = 20.0) -> Json:
        return await self.until(lambda line: line["type"] == "result", deadline_s)

    async def answer(self, request_id: str) -> Json:
        """The CLI's answer to a control request."""
        line = await self.until(
            lambda line: line["type"] == "control_response" and line["response"]["request_id"] == request_id
        )
        return dict(line["response"])

    async def end(self) -> int:
        """Close its input, read its output to the end and return the exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        with contextlib.suppress(EOFError):
            await self.until(lambda _: False)
        return await self.process.wait()
