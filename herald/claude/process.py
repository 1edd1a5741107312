"""One running `claude`: started, spoken to, listened to, and ended without leaving anything behind.

It stays warm between turns: a second prompt is answered in 0.07 s instead of 0.55 s. Prompts travel on standard
input only, because other users can read argv. https://code.claude.com/docs/en/headless
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from herald.claude import orphans, protocol
from herald.claude.events import Event, Gone, PermissionAsked, RequestUnknown
from herald.config import Config
from herald.errors import ClaudeNotFound
from herald.model import Decision, Session

log = logging.getLogger(__name__)

# What each step of the ladder gets. The CLI needs 0.05 s after end of input and up to 1.5 s after TERM.
_EOF_PATIENCE_S = 3.0
_TERM_PATIENCE_S = 3.0
_KILL_PATIENCE_S = 5.0
# A process of Claude's that outlives it may hold its standard output open; its words do not matter.
_PIPE_PATIENCE_S = 1.0
_LAST_WORDS_BYTES = 2000

# Herald's own, and the marks by which a CLI believes to run inside another one.
_WITHHELD_PREFIXES = ("TELEGRAM_", "HERALD_", "WHISPER_", "WATCHDOG_")
_WITHHELD = {"NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT"}


def argv(config: Config, session: Session | None, *, forks: bool = False) -> list[str]:
    """Build the command line; a session's own choices come before the settings. `forks` goes on with a copy of it."""
    line = [
        *(config.claude_bin, "-p", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json"),
        *("--include-partial-messages", "--replay-user-messages", "--permission-prompt-tool", "stdio"),
        *("--permission-mode", (session and session.permission_mode) or config.permission_mode),
    ]
    if model := (session and session.model) or config.model:
        line += ["--model", model]
    if config.allowed_tools:
        line += ["--allowedTools", *config.allowed_tools]
    if config.disallowed_tools:
        line += ["--disallowedTools", *config.disallowed_tools]
    if session:
        # one word, so that no id can be taken for a flag
        line.append(f"--resume={session.session_id}")
        if forks:
            line.append("--fork-session")
    return line


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return what the child may see of `env`: everything but herald's own settings and secrets."""
    return {
        name: value for name, value in env.items() if name not in _WITHHELD and not name.startswith(_WITHHELD_PREFIXES)
    }


class Child:
    """A running `claude`. Create it with `start`, end it with `end`."""

    def __init__(self, transport: asyncio.SubprocessTransport, wire: _Wire, mark: str) -> None:
        self._transport = transport
        self._wire = wire
        self._mark = mark
        self._request_count = 0
        self.pid = transport.get_pid()

    @classmethod
    async def start(
        cls, command: list[str], cwd: Path, env: Mapping[str, str], mark: str, tell: Callable[[Event], None]
    ) -> Child:
        """Start `command` in `cwd`; `tell` is called with every event, the last one being Gone.

        `mark` is carried by all that it starts. Raises ClaudeNotFound when it cannot be started.
        """
        try:
            transport, wire = await asyncio.get_running_loop().subprocess_exec(
                lambda: _Wire(tell),
                *command,
                cwd=cwd,
                env={**env, orphans.MARK: mark},
                # Ctrl-C in herald's terminal must not reach it: herald ends it in order
                start_new_session=True,
                preexec_fn=orphans.DieWithParent(),
            )
        # ValueError: a NUL in an argument or the folder
        except (OSError, ValueError) as exc:
            if not cwd.is_dir():
                raise ClaudeNotFound(f"the working folder is gone: {cwd}", "create it again, or send /new") from exc
            if not os.access(cwd, os.X_OK):
                raise ClaudeNotFound(
                    f"the working folder cannot be entered: {cwd}", "CLAUDE_WORK_DIR names it"
                ) from exc
            hint = "is the Claude CLI installed? CLAUDE_BIN names it"
            raise ClaudeNotFound(f"cannot start {command[0]}: {exc}", hint) from exc
        child = cls(transport, wire, mark)
        log.info("claude started pid=%d", child.pid)
        return child

    @property
    def has_exited(self) -> bool:
        return self._wire.exited.is_set()

    def prompt(self, text: str, uuid: str) -> None:
        self._write(protocol.encode_prompt(text, uuid))

    def interrupt(self) -> None:
        """Ask the CLI to stop the running turn; it answers with a Finished that was_stopped."""
        self._request_count += 1
        self._write(protocol.encode_interrupt(f"herald-{self._request_count}"))

    def decide(self, asked: PermissionAsked, decision: Decision) -> None:
        self._write(protocol.encode_decision(asked, decision))

    def refuse(self, request: RequestUnknown) -> None:
        self._write(protocol.encode_refusal(request))

    async def end(self) -> None:
        """End the process and all that it started: interrupt, end of input, TERM, KILL. Safe to call twice."""
        left = orphans.below(self.pid)
        self._wire.listens = False
        if not self.has_exited:
            self.interrupt()
            # the CLI writes its transcript out at end of input, which TERM would cut short
            self._stdin.close()
            await self._ladder()
        await orphans.end(left | orphans.marked(self._mark))
        self._transport.close()
        log.info("claude ended pid=%d status=%s", self.pid, self._transport.get_returncode())

    async def _ladder(self) -> None:
        if await self._exits_within(_EOF_PATIENCE_S):
            return
        log.warning("claude does not end at end of input pid=%d: TERM", self.pid)
        self._transport.terminate()
        if await self._exits_within(_TERM_PATIENCE_S):
            return
        log.warning("claude does not end on TERM pid=%d: KILL", self.pid)
        self._transport.kill()
        await self._exits_within(_KILL_PATIENCE_S)

    async def _exits_within(self, patience_s: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wire.exited.wait(), patience_s)
        return self.has_exited

    @property
    def _stdin(self) -> asyncio.WriteTransport:
        stdin = self._transport.get_pipe_transport(0)
        assert isinstance(stdin, asyncio.WriteTransport)
        return stdin

    def _write(self, line: bytes) -> None:
        # A child that reads nothing is noticed by the turn's deadline, and Gone tells of a broken pipe.
        if not self._stdin.is_closing():
            self._stdin.write(line)


class _Wire(asyncio.SubprocessProtocol):
    """Listens to the process: lines become events, standard error becomes its last words, its end becomes Gone.

    asyncio's own Process.wait() waits for the pipes too (3.11), which a grandchild can hold open for ever.
    """

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self.exited = asyncio.Event()
        self.listens = True
        self._tell = tell
        self._lines = protocol.Lines()
        self._last_words = b""
        self._gone_told = False
        self._open = {1, 2}
        self._transport: asyncio.SubprocessTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if not self.listens:
            return
        if fd == 2:
            self._last_words = (self._last_words + data)[-_LAST_WORDS_BYTES:]
            return
        for line in self._lines.feed(data):
            for event in protocol.parse_line(line):
                self._tell(event)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._open.discard(fd)
        self._tell_gone_if(self.exited.is_set() and not self._open)

    def process_exited(self) -> None:
        self.exited.set()
        self._tell_gone_if(not self._open)
        asyncio.get_running_loop().call_later(_PIPE_PATIENCE_S, self._tell_gone_if, True)

    def _tell_gone_if(self, all_heard: bool) -> None:
        if all_heard and not self._gone_told:
            self._gone_told = True
            for event in protocol.parse_line(self._lines.rest()):
                self._tell(event)
            status = self._transport.get_returncode()
            assert status is not None
            self._tell(Gone(status, self._last_words.decode(errors="replace").strip()))
