"""What Telegram demands of the inline keyboard under a message."""

from __future__ import annotations

from typing import Any

from herald.rehearsal.call import Call
from herald.rehearsal.refusal import bad_request

_BUTTON_KINDS = ("url", "callback_data", "web_app", "copy_text", "login_url", "pay")


def read_keyboard(call: Call) -> dict[str, Any] | None:
    """Return the inline keyboard of a call, None if it has none or an empty one. Raises Refused."""
    markup = call.json("reply_markup", "reply keyboard markup")
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    rows = markup.get("inline_keyboard", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays')
    for button in (button for row in rows for button in row):
        _check_button(button)
    visible_rows = [row for row in rows if row]
    return {"inline_keyboard": visible_rows} if visible_rows else None


def check_button_data(markup: dict[str, Any] | None) -> None:
    """Refuse what only Telegram's servers refuse, after everything else was right. Raises Refused."""
    for row in (markup or {}).get("inline_keyboard", []):
        for button in row:
            if len(button.get("callback_data", "").encode()) > 64:
                raise bad_request("BUTTON_DATA_INVALID")


def _check_button(button: Any) -> None:
    problem = ""
    if not isinstance(button, dict):
        problem = "InlineKeyboardButton must be an Object"
    elif not isinstance(button.get("text"), str):
        problem = 'Can\'t find field "text"'
    elif not any(button.get(kind) for kind in _BUTTON_KINDS):
        problem = "Text buttons are unallowed in the inline keyboard"
    if problem:
        raise bad_request(f"can't parse inline keyboard button: {problem}")
