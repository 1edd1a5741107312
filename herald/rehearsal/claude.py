"""A stand-in for `claude`: an executable that speaks its stream-json protocol and plays a script.

    python claude.py FOLDER [the CLI's own arguments]

FOLDER/script holds turns, separated by lines of `---`; each prompt plays the next one, the last one again and again.
Without a script it answers by itself. A turn is one command per line, `\\n` in an argument is a line break and
`{prompt}` the prompt:

    text WORDS       a block of text          think             a block of thinking
    tool NAME        a tool runs              ask NAME          permission for a tool is asked, then it runs or not
    result WORDS     the last block, and the end of the turn (a turn without it ends with the text it has)
    error CATEGORY STATUS WORDS                the turn ends with an API failure
    retry N          the API is tried again N times
    begin NAME       a tool starts and does not end
    big N            a tool's output of N bytes in one line
    raw JSON         a line as it stands here
    until NAME       wait until FOLDER/NAME exists        hang    wait for an interrupt
    pause SECONDS    say nothing for so long
    flood            say things without end, and hear nothing
    deaf             wait for ever, whatever comes        spawn   leave a process of a session of its own behind
    daemon           leave a process behind whose parent has ended and whose environment is empty
    session ID       go on under another session id       exit N  end at once       say WORDS   to standard error
    unasked          the turn ends, and one begins that nobody asked for; it plays the commands that follow
    task ID          a task begins in the background

Every turn also carries lines and types that do not exist, so that herald's tolerance stays tested. With a script,
FOLDER/record keeps argv, environment and input. Sessions live in FOLDER/sessions. Standard library only, for speed.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import Any, NoReturn

from transcript import Transcript  # type: ignore[import-not-found]  # run as a script, it has its folder as path

VERSION = "2.1.328"
_DEMO = """You wrote:

> {prompt}

I am the **stand-in** for Claude that `herald try` uses where Claude is not installed or not logged in. The way here \
was the real one: Telegram's Bot API, herald, a child process, and back.

- *formatting*, `code` and [links](https://code.claude.com/docs) arrive as Telegram shows them
- long answers are split between paragraphs

```python
print("so is code")
```"""


class _Interrupted(Exception):
    pass


class Player:
    """One process: reads prompts, plays turns."""

    def __init__(self, folder: Path, argv: list[str]) -> None:
        self._folder = folder
        self._script = folder / "script"
        self._resumed = next((a.partition("=")[2] for a in argv if a.startswith("--resume=")), "")
        self._session_id = self._resumed or str(uuid.uuid4())
        self._prompts: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._interrupts: queue.Queue[str] = queue.Queue()
        self._left_behind: list[subprocess.Popen[bytes]] = []
        self._record({"argv": argv, "env": dict(os.environ), "cwd": str(Path.cwd()), "pid": os.getpid()})

    def run(self) -> int:
        if self._resumed and not self._session_file().exists():
            self._refuse_resume()
        signal.signal(signal.SIGTERM, self._terminate)
        threading.Thread(target=self._listen, daemon=True).start()
        while (prompt := self._prompts.get()) is not None:
            self._take(prompt)
        return 0

    def _refuse_resume(self) -> NoReturn:
        words = f"No conversation found with session ID: {self._resumed}"
        self._say("result", **_result(self._resumed, is_error=True, errors=[words], num_turns=0))
        sys.stderr.write(words + "\n")
        sys.exit(1)

    def _listen(self) -> None:
        for line in sys.stdin:
            self._record({"stdin": line.rstrip("\n")})
            message = json.loads(line)
            match message["type"]:
                case "user":
                    self._prompts.put(message)
                case "control_response":
                    self._answers.put(message["response"])
                case "control_request" if message["request"]["subtype"] == "interrupt":
                    self._interrupts.put(message["request_id"])
                case "control_request":
                    error = f"Unsupported control request subtype: {message['request']['subtype']}"
                    response = {"subtype": "error", "request_id": message["request_id"], "error": error}
                    self._say("control_response", response=response)
        self._prompts.put(None)

    def _take(self, prompt: dict[str, Any]) -> None:
        """Play the next turn for `prompt`, unless the session has it already."""
        self._answer_idle_interrupts()
        seen = self._session_file().read_text().split() if self._session_file().exists() else []
        acknowledgement = {"message": prompt["message"], "uuid": prompt["uuid"], "isReplay": True}
        if prompt["uuid"] in seen:
            self._say("user", **acknowledgement)
            return
        self._transcript = Transcript(self._session_id)
        self._transcript.prompt(prompt["uuid"], prompt["message"]["content"])
        self._session_file().write_text("\n".join([*seen, prompt["uuid"]]))
        self._prompt = prompt
        self._text = ""
        self._asked = True
        self._say("system", subtype="init", session_id=self._session_id, model="stand-in", cwd=str(Path.cwd()),
                  permissionMode="default", claude_code_version=VERSION)  # fmt: skip
        self._say("user", **acknowledgement, timestamp="2026-01-01T00:00:00.000Z")
        self._grease()
        try:
            words = str(prompt["message"]["content"])
            self._play(self._next_turn(words), words)
        except _Interrupted:
            self._say("user", message={"role": "user", "content": "[Request interrupted by user]"})
            self._transcript.back({"type": "text", "text": "[Request interrupted by user]"})
            self._finish(is_error=True, subtype="error_during_execution", terminal_reason="aborted_streaming",
                         errors=["[ede_diagnostic] interrupted"])  # fmt: skip

    def _next_turn(self, prompt: str) -> list[str]:
        if not self._script.exists():
            text = _DEMO.format(prompt=prompt.replace("\n", "\n> "))
            return ["result " + text.replace("\\", "\\\\").replace("\n", "\\n")]
        turns = self._script.read_text().split("\n---\n")
        if len(turns) == 1:
            # several of us may play it at once, and then the counter would be nobody's
            return turns[0].strip().splitlines()
        counter = self._folder / "turns-played"
        # a byte per turn, because several of us may play at once
        with counter.open("ab") as file:
            played = file.tell()
            file.write(b".")
        return turns[min(played, len(turns) - 1)].strip().splitlines()

    def _play(self, commands: list[str], prompt: str) -> None:
        for command in commands:
            self._check_interrupt()
            name, _, argument = command.partition(" ")
            argument = _unescape(argument).replace("{prompt}", prompt)
            if name == "result":
                self._write(argument, "end_turn")
                self._finish(result=argument)
                return
            if name == "error":
                category, status, words = argument.split(" ", 2)
                self._transcript.failure(words, category)
                self._block({"type": "text", "text": words}, error=category)
                self._finish(is_error=True, result=words, api_error_status=int(status) or None,
                             terminal_reason="api_error")  # fmt: skip
                return
            getattr(self, f"_do_{name}")(argument)
        self._transcript.end()
        self._finish(result=self._text)

    def _do_text(self, words: str) -> None:
        self._write(words)

    def _do_unasked(self, _: str) -> None:
        self._transcript.end()
        self._finish(result=self._text)
        self._transcript.prompt(str(uuid.uuid4()), "<task-notification>")
        self._say("system", subtype="init", session_id=self._session_id)
        self._asked = False

    def _do_task(self, task_id: str) -> None:
        self._say("system", subtype="task_started", task_id=task_id)

    def _do_raw(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def _do_think(self, _: str) -> None:
        self._block({"type": "thinking", "thinking": "hm"})

    def _do_begin(self, name: str) -> str:
        tool_use_id = f"toolu_{uuid.uuid4().hex}"
        block = {"type": "tool_use", "id": tool_use_id, "name": name, "input": {}}
        self._transcript.block(block, "tool_use")
        self._block(block)
        return tool_use_id

    def _do_tool(self, name: str, output: str = "done", *, is_error: bool = False) -> None:
        tool_use_id = self._do_begin(name)
        result = {"type": "tool_result", "tool_use_id": tool_use_id, "content": output, "is_error": is_error}
        self._transcript.back(result)
        self._say("user", message={"role": "user", "content": [result]}, session_id=self._session_id)

    def _do_big(self, size: str) -> None:
        self._do_tool("Read", "x" * int(size))

    def _do_ask(self, name: str) -> None:
        request_id = str(uuid.uuid4())
        request = {"subtype": "can_use_tool", "tool_name": name, "input": {"command": "true"}}
        self._say("control_request", request_id=request_id, request=request)
        while True:
            self._check_interrupt()
            try:
                answer = self._answers.get(timeout=0.01)
            except queue.Empty:
                continue
            if answer["request_id"] == request_id:
                allowed = answer["response"]["behavior"] == "allow"
                return self._do_tool(name, "done" if allowed else answer["response"]["message"], is_error=not allowed)

    def _do_retry(self, count: str) -> None:
        for attempt in range(1, int(count) + 1):
            self._say("system", subtype="api_retry", attempt=attempt, max_retries=10, retry_delay_ms=600,
                      error_status=500, error="server_error")  # fmt: skip

    def _do_until(self, name: str) -> None:
        while not (self._folder / name).exists():
            self._check_interrupt(0.01)

    def _do_pause(self, seconds: str) -> None:
        self._check_interrupt(float(seconds))

    def _do_hang(self, _: str) -> None:
        while True:
            self._check_interrupt(0.01)

    def _do_deaf(self, _: str) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        threading.Event().wait()

    def _do_flood(self, _: str) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            self._say("stream_event", event={"type": "content_block_delta", "delta": {"type": "scent_delta"}})

    def _do_spawn(self, _: str) -> None:
        command = [sys.executable, "-S", "-c", "import signal; signal.pause()"]
        process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL)
        self._left_behind.append(process)
        self._record({"spawned": process.pid})

    def _do_daemon(self, _: str) -> None:
        code = (
            "import subprocess, sys; lasting = 'import signal; signal.pause()';"
            "print(subprocess.Popen([sys.executable, '-S', '-c', lasting], stdout=subprocess.DEVNULL, env={}).pid)"
        )
        command = [sys.executable, "-S", "-c", code]
        pid = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
        self._record({"spawned": int(pid)})

    def _do_session(self, session_id: str) -> None:
        self._session_id = session_id
        self._session_file().touch()

    def _do_exit(self, status: str) -> None:
        sys.stdout.flush()
        os._exit(int(status))

    def _do_say(self, words: str) -> None:
        sys.stderr.write(words + "\n")
        sys.stderr.flush()

    def _check_interrupt(self, patience_s: float = 0.0) -> None:
        try:
            request_id = self._interrupts.get(timeout=patience_s) if patience_s else self._interrupts.get_nowait()
        except queue.Empty:
            return
        self._acknowledge(request_id)
        raise _Interrupted

    def _answer_idle_interrupts(self) -> None:
        while not self._interrupts.empty():
            self._acknowledge(self._interrupts.get())

    def _acknowledge(self, request_id: str) -> None:
        self._say("control_response", response={"subtype": "success", "request_id": request_id, "response": {}})

    def _terminate(self, *_: object) -> None:
        """Like the CLI: TERM takes the tools along."""
        for process in self._left_behind:
            process.kill()
        os._exit(143)

    def _write(self, words: str, stop_reason: str = "tool_use") -> None:
        self._text = words
        self._say("stream_event", event={"type": "message_start"})
        for start in range(0, len(words), 40):
            delta = {"type": "text_delta", "text": words[start : start + 40]}
            self._say("stream_event", event={"type": "content_block_delta", "index": 0, "delta": delta})
        self._transcript.block({"type": "text", "text": words}, stop_reason)
        self._block({"type": "text", "text": words})

    def _block(self, block: dict[str, Any], **fields: Any) -> None:
        message = {"id": f"msg_{uuid.uuid4().hex}", "role": "assistant", "content": [block]}
        self._say("assistant", message=message, session_id=self._session_id, **fields)

    def _finish(self, **fields: Any) -> None:
        why = (
            {"user_message_uuids": [self._prompt["uuid"]]} if self._asked else {"origin": {"kind": "task-notification"}}
        )
        self._say("result", **(_result(self._session_id, **why) | fields))

    def _grease(self) -> None:
        """Say things that no version says: unknown types, blocks and deltas, and lines that are not JSON."""
        self._say("hologram", beam=[1, {"two": None}])
        self._say("system", subtype="weather", outlook="sunny")
        self._say("stream_event", event={"type": "content_block_delta", "delta": {"type": "scent_delta"}})
        self._block({"type": "hologram"})
        self._say("assistant", message="not an object")
        sys.stdout.write("(node:1) Warning: a line that is not JSON\n\n[1, 2]\n")
        sys.stdout.flush()

    def _say(self, kind: str, **fields: Any) -> None:
        sys.stdout.write(json.dumps({**fields, "type": kind}) + "\n")
        sys.stdout.flush()

    def _session_file(self) -> Path:
        return self._folder / "sessions" / self._session_id

    def _record(self, entry: dict[str, Any]) -> None:
        if self._script.exists():
            with (self._folder / "record").open("a") as file:
                file.write(json.dumps(entry) + "\n")


def _result(session_id: str, **fields: Any) -> dict[str, Any]:
    base = {
        "subtype": "success",
        "is_error": False,
        "num_turns": 1,
        "session_id": session_id,
        "total_cost_usd": 0.0,
        "terminal_reason": "completed",
    }
    return base | fields


def _unescape(argument: str) -> str:
    return "\\".join(part.replace("\\n", "\n") for part in argument.split("\\\\"))


def main() -> int:
    folder, *argv = sys.argv[1:]
    if argv[:2] == ["auth", "status"]:
        print(json.dumps({"loggedIn": True, "authMethod": "stand-in"}))  # noqa: T201
        return 0
    if argv == ["--version"]:
        print(f"{VERSION} (Claude Code)")  # noqa: T201
        return 0
    return Player(Path(folder), argv).run()


if __name__ == "__main__":
    sys.exit(main())
