"""The `herald` command. What a verb needs is imported when it is used, so that `--help` costs nothing."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from herald.errors import AlreadyRunning, ConfigError, HeraldError, PollingFailed

# sysexits.h: EX_TEMPFAIL, and EX_CONFIG after which systemd does not restart (RestartPreventExitStatus=)
_TEMPORARY = 75
_CONFIGURATION = 78


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 asked to stop, 78 configuration, 75 temporary, 1 a bug."""
    parsed = _parser().parse_args(arguments)
    try:
        if parsed.verb == "try":
            return _try(parsed.text, scripted=parsed.scripted)
        return _run()
    except ConfigError as exc:
        return _complain(exc, _CONFIGURATION)
    except (AlreadyRunning, PollingFailed) as exc:
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
