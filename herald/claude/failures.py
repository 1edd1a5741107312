"""What went wrong, in the user's words: the CLI's failures as one sentence each, with what to do.

The categories and texts were measured on 2.1.197 and 2.1.328; a failure that is not known keeps the CLI's own words.
"""

from __future__ import annotations

from herald.claude.events import Finished, Retrying
from herald.errors import ClaudeFailed, NotLoggedIn, SessionExpired

EXPIRED = "No conversation found with session ID: "
_KEPT = "the session is kept"

# What Claude is told when a tool is refused; it then goes on without.
DENIED = (
    "The user is on the phone and cannot be asked now. Go on without this tool, or say in your answer what you need."
)


def is_expiry(words: str) -> bool:
    """Tell whether these are the CLI's own words for a session id that it does not know; nothing else counts."""
    return words.startswith(EXPIRED)


def explain(failure: str, finished: Finished, *, began: bool) -> ClaudeFailed:
    """Name a turn that ended with an error; `failure` is the category the CLI gave, "" if none.

    Only a turn that never `began` can be an expired session: after that the prompt may have had effects.
    """
    words = finished.text or " ".join(finished.errors) or "it ended without an answer"
    if not began and finished.num_turns == 0 and any(is_expiry(error) for error in finished.errors):
        return SessionExpired("Claude does not know this session any more", "a new one begins with the next message")
    match failure:
        case "authentication_failed":
            return _login(words)
        case "billing_error":
            return ClaudeFailed(f"Claude refused: {words}", f"add credit or switch the account; {_KEPT}")
        case "rate_limit":
            return ClaudeFailed(words, f"send the message again after that; {_KEPT}")
        case "server_error" | "overloaded" if finished.http_status == 529:
            return ClaudeFailed("Claude's servers are overloaded", f"send the message again in a minute; {_KEPT}")
        case "server_error" if finished.http_status:
            return ClaudeFailed(
                f"Claude's servers failed ({finished.http_status})", f"send the message again in a minute; {_KEPT}"
            )
        case "server_error":
            hint = f"check this machine's network, then send the message again; {_KEPT}"
            return ClaudeFailed("Claude's servers cannot be reached from this machine", hint)
        case "model_not_found":
            return ClaudeFailed(words.partition(" Run --model")[0], "set CLAUDE_MODEL to a model you have, and restart")
        case "invalid_request" if finished.terminal_reason == "prompt_too_long" or "too long" in words:
            return ClaudeFailed(
                "this conversation has become too long for Claude", "/compact shrinks it, /new begins afresh"
            )
        case _:
            return ClaudeFailed(f"Claude stopped with an error: {words}", f"{_KEPT}: send the message again, or /new")


def refusal(tool: str) -> str:
    """Say that a tool was refused, and which settings allow it."""
    if tool == "AskUserQuestion":
        return "Claude wanted to ask with buttons, which herald cannot show yet: it will ask in its answer."
    if tool == "ExitPlanMode":
        return "The plan cannot be approved from here yet: CLAUDE_PERMISSION_MODE=acceptEdits lets Claude carry it out."
    return f"Refused: {tool}. CLAUDE_ALLOWED_TOOLS={tool} allows it, or another CLAUDE_PERMISSION_MODE."


def retry_notice(retrying: Retrying) -> str:
    """Say that the CLI is trying again; it may do so for three minutes."""
    cause = f"error {retrying.http_status}" if retrying.http_status else "no connection"
    if retrying.http_status == 401:
        cause = "login refused"
    return (
        f"Claude's servers do not answer ({cause}). "
        f"Trying again, {retrying.attempt} of {retrying.max_attempts}. /stop ends it."
    )


def _login(words: str) -> NotLoggedIn:
    if "API key" in words:
        return NotLoggedIn(
            "Claude does not accept the API key", f"correct ANTHROPIC_API_KEY and restart herald; {_KEPT}"
        )
    if "403" in words:
        return NotLoggedIn(f"Claude refused this account: {words}", f"check its access on the web; {_KEPT}")
    hint = "run `claude` there and type /login, or set CLAUDE_CODE_OAUTH_TOKEN to what `claude setup-token` prints"
    return NotLoggedIn("Claude is not logged in on this machine", f"{hint}; {_KEPT}")
