"""The situations whose output is recorded: each plays one conversation with a child CLI and the stub."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from .child import Child
from .conftest import environment
from .messages_api import (
    BROKEN,
    NO_ACCESS,
    NO_CREDIT,
    NO_MODEL,
    Block,
    Cut,
    Endless,
    Failure,
    MessagesApi,
    Slow,
    Text,
    Thinking,
    ToolUse,
)

Json = dict[str, Any]

UNKNOWN = "649afc22-a5fb-4878-9f7a-1e861d202b4d"
UNTIL_GO = """python3 -c "import os, time
for _ in range(600):
    if os.path.exists('go'): break
    time.sleep(0.05)"
"""
ECHO = ToolUse("Bash", {"command": "echo hi", "description": "Say hi"})
TOUCH = ToolUse("Bash", {"command": "touch asked", "description": "Make a file"})
WAITING = ToolUse("Bash", {"command": UNTIL_GO, "description": "Wait for go"})
IN_BACKGROUND = ToolUse("Bash", {**WAITING.input, "run_in_background": True})
AGENT = ToolUse("Agent", {"description": "Look", "prompt": "Look around", "subagent_type": "general-purpose"})
PLAN = ToolUse("ExitPlanMode", {"plan": "# Plan\n\n1. Do it."})
OPTIONS = [{"label": "Red", "description": "The red one"}, {"label": "Blue", "description": "The blue one"}]
CHOICE = {"question": "Which one?", "header": "Choice", "multiSelect": False, "options": OPTIONS}
QUESTION = ToolUse("AskUserQuestion", {"questions": [CHOICE]})


class Scene:
    """The stub, a home, and the children in it; the lines of the last child are the recording."""

    def __init__(self, cli: Path, api: MessagesApi, home: Path) -> None:
        self.api = api
        self.environment = environment(api.url, home)
        self.cwd = home / "project"
        self.cwd.mkdir()
        self._cli = cli

    def child(self, *options: str, resume: str = "") -> Child:
        self.last = Child(self._cli, self.environment, self.cwd, *options, resume=resume)
        return self.last


def is_streaming(line: Json) -> bool:
    return bool(line["type"] == "stream_event" and line["event"]["type"] == "content_block_delta")


def is_asking(line: Json) -> bool:
    return bool(line["type"] == "control_request")


async def plain(scene: Scene, *replies: Block | Failure, prompts: tuple[str, ...] = ("go",), option: str = "") -> None:
    """One prompt after the other, each once the one before is answered."""
    for reply in replies:
        scene.api.fail(reply) if isinstance(reply, Failure) else scene.api.reply(reply)
    async with scene.child(*option.split()) as child:
        for prompt in prompts:
            child.prompt(prompt)
            await child.result()
        await child.end()


async def together(scene: Scene) -> None:
    async with scene.child() as child:
        child.prompt("first")
        child.prompt("second")
        await child.result()
        await child.result()
        await child.end()


async def asked(scene: Scene, tool: ToolUse, option: str = "", more: Json | None = None, **answer: Any) -> None:
    """A question of the CLI, answered with `answer`; an allowed one with its own input and `more`."""
    scene.api.reply(tool)
    async with scene.child(*option.split()) as child:
        child.prompt("go")
        request = await child.until(is_asking)
        if answer["behavior"] == "allow":
            answer["updatedInput"] = request["request"]["input"] | (more or {})
        child.decide(request, **answer)
        await child.result()
        await child.end()


async def interrupted(scene: Scene, reply: Block, moment: Callable[[Json], bool], option: str = "") -> None:
    scene.api.reply(reply)
    async with scene.child(*option.split()) as child:
        child.prompt("go")
        await child.until(moment)
        child.request("interrupt")
        await child.result()
        await child.end()


async def duplicate(scene: Scene) -> None:
    async with scene.child() as child:
        uuid = child.prompt("once")
        await child.result()
        child.prompt("once", uuid)
        await child.answer(child.request("mcp_status"))
        await child.end()


async def duplicate_resumed(scene: Scene) -> None:
    async with scene.child() as child:
        uuid = child.prompt("once")
        result = await child.result()
        await child.end()
    async with scene.child(resume=result["session_id"]) as child:
        child.prompt("once", uuid)
        await child.answer(child.request("mcp_status"))
        await child.end()


async def background(scene: Scene) -> None:
    """A turn nobody asked for, and a prompt written while it runs."""
    unasked = Slow("It ended.")
    for reply in (IN_BACKGROUND, "Started.", unasked, "Yes?"):
        scene.api.reply(reply)
    async with scene.child("--allowedTools", "Bash") as child:
        child.prompt("start it")
        await child.result()
        (scene.cwd / "go").touch()
        await child.until(is_streaming)
        child.prompt("and you?")
        unasked.gate.set()
        await child.result()
        await child.result()
        await child.end()


async def expired(scene: Scene) -> None:
    async with scene.child(resume=UNKNOWN) as child:
        child.prompt("go")
        await child.end()


async def initialize(scene: Scene) -> None:
    async with scene.child() as child:
        child.request("initialize")
        child.prompt("go")
        await child.result()
        await child.end()


async def not_logged_in(scene: Scene) -> None:
    del scene.environment["ANTHROPIC_API_KEY"]
    await plain(scene)


async def limit(scene: Scene) -> None:
    """A subscription's limit; the CLI believes these headers only together with the token of a login."""
    del scene.environment["ANTHROPIC_API_KEY"]
    scene.environment["CLAUDE_CODE_OAUTH_TOKEN"] = "dummy"
    values = {"status": "rejected", "reset": str(int(time.time()) + 3600), "representative-claim": "five_hour"}
    headers = {f"anthropic-ratelimit-unified-{name}": value for name, value in values.items()}
    await plain(scene, Failure(429, "rate_limit_error", "limit", {**headers, "retry-after": "3600"}))


async def cut(scene: Scene) -> None:
    """A stream that breaks off after its first words were shown."""
    begun = Slow("One two three")
    scene.api.reply(begun, Cut())
    scene.api.reply("Once more.")
    async with scene.child() as child:
        child.prompt("go")
        await child.until(is_streaming)
        begun.gate.set()
        await child.result()
        await child.end()


BASH = "--allowedTools Bash"
BLUE = {"answers": {"Which one?": "Blue"}}
SCENES: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "text": plain,
    "thinking": lambda scene: plain(scene, Thinking("Let me see")),
    "tool": lambda scene: plain(scene, ECHO, Text("It said hi."), option=BASH),
    "subagent": lambda scene: plain(scene, AGENT, option=BASH),
    "cleared": lambda scene: plain(scene, prompts=("go", "/clear", "again")),
    "compacted": lambda scene: plain(scene, prompts=("one", "two", "/compact")),
    "two-prompts": together,
    "permission-denied": partial(asked, tool=TOUCH, behavior="deny", message="The owner said no"),
    "permission-allowed": partial(asked, tool=TOUCH, behavior="allow"),
    "permission-withdrawn": partial(interrupted, reply=TOUCH, moment=is_asking),
    "question": partial(asked, tool=QUESTION, behavior="allow", more=BLUE),
    "plan": partial(asked, tool=PLAN, behavior="allow", option="--permission-mode plan"),
    "interrupted-text": partial(interrupted, reply=Endless(), moment=is_streaming),
    "interrupted-tool": partial(
        interrupted, reply=WAITING, moment=lambda line: line.get("subtype") == "task_started", option=BASH
    ),
    "duplicate": duplicate,
    "duplicate-resumed": duplicate_resumed,
    "background": background,
    "expired": expired,
    "initialize": initialize,
    "not-logged-in": not_logged_in,
    "error-403": lambda scene: plain(scene, NO_ACCESS),
    "error-credit": lambda scene: plain(scene, NO_CREDIT),
    "error-model": lambda scene: plain(scene, NO_MODEL, NO_MODEL),  # it asks once more without streaming
    "retry": lambda scene: plain(scene, BROKEN),
    "limit": limit,
    "cut": cut,
}
