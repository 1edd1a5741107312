"""The methods that show what the bot is doing and leave no message: chat action, draft, reaction."""

from __future__ import annotations

import re
import time

from herald.rehearsal.call import Call
from herald.rehearsal.chat import Draft
from herald.rehearsal.cloud import Cloud
from herald.rehearsal.messages import find_message, find_topic
from herald.rehearsal.refusal import bad_request
from herald.rehearsal.text import MESSAGE_LIMIT, check_text, read_text

_ACTIONS = re.compile(
    "cancel|typing|choose_sticker|find_location|pick_up_location|upload_(photo|document)"
    "|(record|upload)_(video|voice|audio|video_note)"
)
# What a bot may put under a message: https://core.telegram.org/bots/api#reactiontypeemoji
_REACTIONS = (
    " ❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆"
    " 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄"
    " 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡 "
)


async def send_chat_action(cloud: Cloud, call: Call) -> object:
    if not _ACTIONS.fullmatch(call.text("action").lower()):
        raise bad_request("wrong parameter action in request")
    chat = cloud.find_writable_chat(call.text("chat_id"))
    chat.act(call.text("action").lower(), find_topic(chat, call), time.monotonic())
    return True


async def send_message_draft(cloud: Cloud, call: Call) -> object:
    formatted = read_text(call, "text", "entities")
    chat = cloud.find_writable_chat(call.text("chat_id"))
    topic_id = find_topic(chat, call)
    if not chat.is_private:
        raise bad_request("TEXTDRAFT_PEER_INVALID")
    if not call.integer("draft_id"):
        raise bad_request("RANDOM_ID_INVALID")
    shown = check_text(formatted, MESSAGE_LIMIT, "message is too long")
    draft = Draft(call.integer("draft_id"), shown.text, shown.entities, call.flag("can_stop"), time.monotonic())
    chat.show_draft(draft, topic_id)
    return True


async def set_message_reaction(cloud: Cloud, call: Call) -> object:
    reactions = call.json("reaction", "reaction types") or []
    if not isinstance(reactions, list) or not all(isinstance(reaction, dict) for reaction in reactions):
        raise bad_request("expected an Array of ReactionType")
    chat, message = find_message(cloud, call, "message to react")
    emoji = [str(reaction.get("emoji")) for reaction in reactions]
    if len(emoji) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    if not all(f" {single} " in _REACTIONS for single in emoji):
        raise bad_request("REACTION_INVALID")
    chat.react(message.message_id, emoji[0] if emoji else None)
    return True
