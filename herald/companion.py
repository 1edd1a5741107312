"""The Claude of one place: the session it goes on with, and the warm child that carries it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from herald.claude import orphans, terminals, transcripts
from herald.claude.events import Started, TaskEnded, TaskStarted
from herald.claude.process import Child, argv, environment
from herald.config import Config
from herald.mailbox import Said
from herald.model import Place, Session
from herald.storage.journal import Entry
from herald.storage.sessions import Sessions

log = logging.getLogger(__name__)


class Companion:
    """At most one child at a time; it is started when needed and resumes the session."""

    def __init__(
        self,
        place: Place,
        sessions: Sessions,
        config: Config,
        env: Mapping[str, str],
        tell: Callable[[Said], None],
    ) -> None:
        """`tell` is called with everything the children say."""
        self._place = place
        self._sessions = sessions
        self._config = config
        self._env = environment(env)
        self._tell = tell
        self._number = 0
        self._background: set[str] = set()
        self._forks = False
        self.expects_unasked = False
        self.child: Child | None = None

    @property
    def session(self) -> Session | None:
        return self._sessions.get(self._place)

    @property
    def cwd(self) -> Path:
        session = self.session
        return Path(session.cwd) if session and session.cwd else self._config.work_dir

    def describe(self) -> str:
        """Say in three lines which session goes on where."""
        session = self.session
        mode = (session and session.permission_mode) or self._config.permission_mode
        begun = session.session_id if session else "begins with your next message"
        return f"Session: {begun}\nFolder: {self.cwd}\nPermission mode: {mode}"

    def said_now(self, said: Said) -> bool:
        """Tell whether it came from the present child, and not from one that was ended."""
        return said.child_number == self._number

    @property
    def in_background(self) -> int:
        """How many tasks of Claude's would end with the child."""
        return len(self._background)

    def notice(self, event: TaskStarted | TaskEnded | Started) -> None:
        """Keep count of the tasks in the background; when one has ended, Claude begins a turn by itself."""
        match event:
            case TaskStarted(task_id=task_id):
                self._background.add(task_id)
            case TaskEnded(task_id=task_id):
                self._background.discard(task_id)
                self.expects_unasked = True
            case Started():
                self.expects_unasked = False

    async def wake(self) -> Child:
        """Return the warm child, started if there is none. Raises ClaudeNotFound."""
        if self.child is not None and self.child.has_exited:
            await self.end()
        if self.child is None:
            self._number += 1
            number = self._number
            command = argv(self._config, self.session, forks=self._forks)
            mark = orphans.child_mark(orphans.herald_mark(self._config.state_dir))
            self.child = await Child.start(
                command, self.cwd, self._env, mark, lambda event: self._tell(Said(number, event))
            )
            self._forks = False
        return self.child

    async def end(self) -> None:
        """End the child, if there is one; the session stays."""
        if self.child is not None:
            self._number += 1
            self._background.clear()
            self.expects_unasked = False
            # it stays known until it has ended, so that nobody else collects its exit status
            await self.child.end()
            self.child = None

    def fork(self) -> None:
        """Let the next child go on with a copy of the session."""
        self._forks = True

    def open_in_a_terminal(self) -> terminals.Terminal | None:
        """Find another process that has the session open."""
        if self.session is None or self._forks:
            return None
        own_pids = {self.child.pid} if self.child else set()
        found = terminals.open_elsewhere(self._env, self.session.session_id, own_pids)
        if found is not None:
            # CLAUDE_BIN may be a script of the user's, whose child the CLI then is
            found = terminals.open_elsewhere(self._env, self.session.session_id, orphans.below(os.getpid()))
        return found

    def close_terminal(self, terminal: terminals.Terminal) -> None:
        log.info("the owner takes the session over place=%s pid=%d", self._place, terminal.pid)
        terminals.ask_to_end(terminal)

    async def fate_of(self, prompt_uuid: str, entry: Entry) -> transcripts.Fate:
        """Find out what became of a prompt that an earlier child was given. Raises OSError."""
        # a transcript can have a hundred megabytes
        return await asyncio.to_thread(transcripts.fate, self._env, prompt_uuid, entry.session_id, entry.given_at)

    def remember(self, session_id: str) -> None:
        """Keep this as the session to go on with. Raises OSError when it cannot be saved."""
        session = self.session
        self._sessions.put(self._place, replace(session, session_id=session_id) if session else Session(session_id))

    def forget(self) -> None:
        """Let the next child begin a new session. Raises OSError when that cannot be saved."""
        self._sessions.drop(self._place)
