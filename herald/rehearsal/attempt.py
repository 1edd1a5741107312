"""`herald try`: the real service against the loopback Bot API, one question or a chat page, nothing left behind."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson

from herald.claude.process import environment
from herald.config import expand
from herald.environment import gather
from herald.errors import HeraldError
from herald.rehearsal import stand_in
from herald.rehearsal.bot_api import OWNER, BotApi
from herald.rehearsal.chat import ChatMessage
from herald.rehearsal.page import Page
from herald.rehearsal.service import Service

_AUTH_STATUS_S = 20.0
# Longer than CLAUDE_TURN_TIMEOUT_S allows a turn to take: herald itself ends it.
_ANSWER_S = 3 * 3600.0


@dataclass(frozen=True, slots=True)
class _Claude:
    """Which Claude answers, and one line that says so."""

    program: str
    note: str
    config_dir: Path | None = None


async def ask(question: str, *, scripted: bool) -> int:
    """Send one text as the owner's phone would, print what the phone shows, and return the exit status."""
    return await _until_signal(_ask(question, scripted=scripted), status=130)


async def chat(*, scripted: bool) -> int:
    """Open the chat page on 127.0.0.1, print its address, and serve until Ctrl-C or SIGTERM."""
    return await _until_signal(_chat(scripted=scripted), status=0)


async def _until_signal(work: Coroutine[None, None, int], *, status: int) -> int:
    """Do `work` and return its exit status, or `status` when a signal ended it in order."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            # a second signal must not cut the tidying short
            loop.add_signal_handler(number, _tell, "stopping, a moment")
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        return status


async def _ask(question: str, *, scripted: bool) -> int:
    with _folder() as folder:
        env = _environment()
        answering = await _choose(folder, env, scripted=scripted)
        _tell(answering.note)
        async with _bot_api() as api, _service(api, answering, folder, env) as service:
            if not await service.ready():
                return _give_up(service)
            # what the shell gave as bytes that are no text
            api.text(question.encode(errors="surrogateescape").decode(errors="replace"))
            await service.until(lambda service: service.worked or service.ended)
            await service.until(lambda service: service.idle or service.ended, _ANSWER_S)
            if service.ended:
                return _give_up(service)
            answer = "\n\n".join(_shown(message) for message in api.messages() if message.from_bot)
            encoding = sys.stdout.encoding
            # a terminal obeys control characters, and these come from Claude
            answer = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", answer)
            print(answer.encode(encoding, "replace").decode(encoding))  # noqa: T201 - this command's output
    return 0


def _shown(message: ChatMessage) -> str:
    """Return what stands for a message of the bot in a terminal."""
    file = message.fields.get("document")
    return f"[file {file['file_name']}, {file['file_size']} bytes] {message.text}" if file else message.text


async def _chat(*, scripted: bool) -> int:
    with _folder() as folder:
        env = _environment()
        answering = await _choose(folder, env, scripted=scripted)
        api = _bot_api()
        page = Page(api, answering.note)
        async with api, _service(api, answering, folder, env) as service:
            if not await service.ready():
                return _give_up(service)
            _tell(answering.note)
            print(page.url, flush=True)  # noqa: T201 - the address is this command's output
            _tell("open this address in a browser; Ctrl-C ends it")
            await service.until(lambda service: service.ended, timeout_s=None)
            return _give_up(service)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for the state, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="herald-try-") as folder:
        yield Path(folder)


def _bot_api() -> BotApi:
    """A Bot API whose token nobody else on this machine can know."""
    return BotApi(f"{secrets.randbelow(10**9) + 10**9}:{secrets.token_hex(20)}")


def _environment() -> dict[str, str]:
    """The user's settings. A unit's credential is left out: it would win over the rehearsal's token."""
    return gather({name: value for name, value in os.environ.items() if name != "CREDENTIALS_DIRECTORY"}, Path.cwd())


@asynccontextmanager
async def _service(api: BotApi, answering: _Claude, folder: Path, env: dict[str, str]) -> AsyncIterator[Service]:
    settings = {
        "TELEGRAM_BOT_TOKEN": api.token,
        "TELEGRAM_ALLOWED_USERS": str(OWNER),
        "TELEGRAM_API_BASE": api.url,
        "HERALD_STATE_DIR": str(folder / "state"),
        "CLAUDE_BIN": answering.program,
        # nobody waits for an answer after Ctrl-C
        "HERALD_DRAIN_S": "1",
    }
    if answering.config_dir is not None:
        # the stand-in's transcripts are nothing for the user's own folder
        settings["CLAUDE_CONFIG_DIR"] = str(answering.config_dir)
    async with Service(env | settings, folder) as service:
        yield service


async def _choose(folder: Path, env: dict[str, str], *, scripted: bool) -> _Claude:
    """Take the machine's Claude if it is there and logged in, otherwise the stand-in."""
    stand_in_for = partial(_Claude, str(stand_in.install(folder / "claude")), config_dir=folder / "claude")
    if scripted:
        return stand_in_for("Claude is played by the scripted stand-in, as asked")
    program = shutil.which(expand(env.get("CLAUDE_BIN", "claude"), env.get("HOME", "/")), path=env.get("PATH"))
    if program is None:
        return stand_in_for("Claude is not installed here: a scripted stand-in answers")
    if not await _is_logged_in(program, env):
        return stand_in_for("Claude is not logged in here (`claude`, then /login): a stand-in answers")
    return _Claude(program, f"Claude Code answers: {program}")


async def _is_logged_in(program: str, env: dict[str, str]) -> bool:
    """Ask the CLI itself; it needs no network for that."""
    try:
        process = await asyncio.create_subprocess_exec(
            *(program, "auth", "status"),
            env=environment(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as exc:
        raise HeraldError(f"cannot start {program}: {exc.strerror}", "is CLAUDE_BIN right?") from exc
    try:
        async with asyncio.timeout(_AUTH_STATUS_S):
            output, _ = await process.communicate()
        return bool(orjson.loads(output).get("loggedIn"))
    except (TimeoutError, orjson.JSONDecodeError, AttributeError):
        return False
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _tell(text: str) -> None:
    print(f"herald try: {text}", file=sys.stderr, flush=True)  # noqa: T201 - beside the output


def _give_up(service: Service) -> int:
    for line in service.log:
        print(line, file=sys.stderr)  # noqa: T201 - it says why
    return service.exit_status or 1
