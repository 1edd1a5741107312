"""The `herald` command. What a verb needs is imported when it is used, so that `--help` costs nothing."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from herald.errors import AlreadyRunning, ConfigError, HeraldError, PollingFailed, StateUnwritable

# sysexits.h: EX_TEMPFAIL, and EX_CONFIG after which systemd does not restart (RestartPreventExitStatus=)
_TEMPORARY = 75
_CONFIGURATION = 78


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 asked to stop, 78 configuration, 75 temporary, 1 a bug."""
    parsed = _parser().parse_args(arguments)
    try:
        if parsed.verb == "try":
            return _try(parsed.text, scripted=parsed.scripted)
        if parsed.verb == "render":
            return _render(parsed.files, as_json=parsed.json)
        return _run()
    except ConfigError as exc:
        return _complain(exc, _CONFIGURATION)
    except (AlreadyRunning, PollingFailed, StateUnwritable) as exc:
        return _complain(exc, _TEMPORARY)
    except HeraldError as exc:
        return _complain(exc, 1)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="herald", description="Talk to Claude Code on this machine from Telegram.")
    parser.add_argument("--version", action="version", version=version("herald"))
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    verbs.add_parser("run", help="answer Telegram until told to stop (the default)")
    attempt = verbs.add_parser("try", help="try herald without Telegram: one question, or a chat page on 127.0.0.1")
    attempt.add_argument("--scripted", action="store_true", help="use the stand-in for Claude even if Claude is here")
    attempt.add_argument(
        "text",
        nargs="*",
        metavar="TEXT",
        help="the question (after -- if it begins with a dash); without it a chat page is opened",
    )
    render = verbs.add_parser("render", help="print Markdown as the messages that Telegram would be sent")
    render.add_argument("--json", action="store_true", help="one line for every message of the whole text")
    render.add_argument("files", nargs="*", metavar="FILE", help="Markdown; without it, standard input")
    return parser


def _run() -> int:
    from herald import app, config, environment, logs

    env = environment.gather(os.environ, Path.cwd())
    problems = environment.missing(env)
    try:
        settings = config.load(env)
    except ConfigError as exc:
        raise ConfigError(*exc.problems, *problems) from exc
    if problems:
        raise ConfigError(*problems)
    logs.begin(settings.log_level, settings.log_format)
    asyncio.run(app.serve(settings, env))
    return 0


def _try(words: Sequence[str], *, scripted: bool) -> int:
    from herald.rehearsal import attempt

    if not words:
        return asyncio.run(attempt.chat(scripted=scripted))
    if not (text := " ".join(words)).strip():
        raise HeraldError("the text is empty", 'for example: herald try "What can you do?"')
    return asyncio.run(attempt.ask(text, scripted=scripted))


def _render(files: Sequence[str], *, as_json: bool) -> int:
    from herald import preview

    if as_json:
        lines = preview.as_json(files)
    else:
        from herald import config, environment

        lines = preview.as_text(files, config.max_messages(environment.gather(os.environ, Path.cwd())))
    try:
        for line in lines:
            sys.stdout.buffer.write(f"{line}\n".encode())
        sys.stdout.buffer.flush()
    except OSError as exc:
        # what is left in the buffer must not be tried again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(exc, BrokenPipeError):  # whoever reads has had enough
            raise HeraldError(f"the output cannot be written: {exc.strerror}", "is the disk full?") from exc
    return 0


def _complain(error: HeraldError, status: int) -> int:
    from herald.logs import redacted

    problems = error.problems if isinstance(error, ConfigError) else (error,)
    for problem in problems:
        print(redacted(f"error: {problem.message}"), file=sys.stderr)
        if problem.hint:
            print(redacted(f"hint: {problem.hint}"), file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
