"""What the owner sees in the chat."""

from __future__ import annotations

import pytest

from herald.rehearsal.bot_api import OWNER
from tests.conftest import Herald


async def test_a_text_is_answered(herald: Herald) -> None:
    async with herald("result Hello from Claude") as h:
        h.api.text("hi")
        await h.says("Hello from Claude")
        assert h.prompts() == ["hi"]


async def test_markdown_arrives_as_telegram_formatting(herald: Herald) -> None:
    async with herald("result **bold** and `code`") as h:
        h.api.text("hi")
        await h.says("bold and code")
        assert [entity["type"] for entity in h.api.messages()[-1].entities] == ["bold", "code"]


async def test_all_that_claude_writes_in_a_turn_is_delivered(herald: Herald) -> None:
    async with herald("text The answer is 42.\ntool TodoWrite\nresult Done.") as h:
        h.api.text("hi")
        await h.says("The answer is 42.\n\nDone.")


async def test_a_long_answer_comes_in_several_messages_cut_between_paragraphs(herald: Herald) -> None:
    paragraphs = [f"Paragraph {n}: " + "word " * 300 for n in range(8)]
    async with herald("result " + "\\n\\n".join(paragraphs)) as h:
        h.api.text("hi")
        await h.says("Paragraph 7")
        await h.idle()
        texts = h.api.texts()
        assert len(texts) > 2
        assert all(text.startswith("Paragraph") for text in texts)
        assert "\n\n".join(texts).split() == " ".join(paragraphs).split()


async def test_refused_html_is_sent_plain(herald: Herald) -> None:
    async with herald("result **hi** there") as h:
        h.api.refuse("sendMessage", 400, "Bad Request: can't parse entities: oops", html_only=True)
        h.api.text("go")
        await h.says("hi there")
        assert h.api.messages()[-1].entities == []


async def test_what_telegram_refuses_as_a_message_comes_as_a_file(herald: Herald) -> None:
    async with herald("result odd") as h:
        h.api.refuse("sendMessage", 400, "Bad Request: text must be non-empty", times=2)
        h.api.text("go")
        await h.says("Telegram has refused this as a message.")
        assert h.api.content(h.api.messages()[-1].fields["document"]["file_id"]) == b"odd"


async def test_what_telegram_refuses_altogether_is_told(herald: Herald) -> None:
    async with herald("result odd") as h:
        h.api.refuse("sendMessage", 400, "Bad Request: text must be non-empty", times=2)
        h.api.refuse("sendDocument", 400)
        h.api.text("go")
        await h.says("Telegram has refused a part of the answer")


async def test_a_flood_wait_or_a_failing_server_only_delays_the_answer(herald: Herald) -> None:
    async with herald("result first\n---\nresult second") as h:
        h.api.refuse("sendMessage", 429, retry_after=1)
        h.api.text("one")
        h.api.text("two")
        await h.says("second")
        h.api.refuse("sendMessage", 502, "Bad Gateway")
        h.api.drop("sendMessage")
        h.api.text("three")
        await h.api.until(lambda api: len(api.texts()) == 3)
        assert h.api.texts() == ["first", "second", "second"]


async def test_typing_is_shown_while_claude_works(herald: Herald) -> None:
    async with herald("until go\nresult done") as h:
        h.api.text("hi")
        await h.api.until(lambda api: api.typing() == "typing")
        # Telegram shows it for 5 seconds, so it must be sent again
        await h.api.until(lambda api: [call.method for call in api.calls].count("sendChatAction") == 2)
        h.release("go")
        await h.says("done")


async def test_messages_are_answered_in_order_one_at_a_time(herald: Herald) -> None:
    async with herald("until go\nresult first\n---\nresult second\n---\nresult third") as h:
        for text in ("one", "two", "three"):
            h.api.text(text)
        await h.service.until(lambda _: h.prompts() == ["one"])
        await h.api.until(lambda api: api.calls[-1].method == "getUpdates")
        assert h.prompts() == ["one"]
        h.release("go")
        await h.says("third")
        assert h.api.texts() == ["first", "second", "third"]
        assert h.prompts() == ["one", "two", "three"]


async def test_the_command_menu_is_registered(herald: Herald) -> None:
    async with herald("result hi") as h:
        assert {command["command"] for command in h.api.commands} == {"start", "help", "new", "stop", "status"}


@pytest.mark.parametrize("command", ["/start", "/help", "/help@herald_rehearsal_bot"])
async def test_help_tells_the_commands_without_asking_claude(herald: Herald, command: str) -> None:
    async with herald("result hi") as h:
        h.api.text(command)
        await h.says("/new begins a new session")
        assert h.prompts() == []


async def test_status_is_told_while_claude_works(herald: Herald) -> None:
    async with herald("until go\nresult done") as h:
        h.api.text("one")
        h.api.text("two")
        await h.service.until(lambda _: h.prompts() == ["one"])
        h.api.text("/status")
        await h.says("Working for 0 s, 1 waiting", f"Folder: {h.folder / 'work'}", "Permission mode: default")
        h.release("go")


async def test_a_command_herald_does_not_know_goes_to_claude(herald: Herald) -> None:
    async with herald("result Context: 10 %") as h:
        h.api.text("/context")
        await h.says("Context: 10 %")
        assert h.prompts() == ["/context"]


async def test_a_forwarded_text_is_marked_and_cannot_be_a_command(herald: Herald) -> None:
    origin = {"type": "hidden_user", "sender_user_name": "Mallory", "date": 1}
    async with herald("result ok") as h:
        h.api.text("/compact", forward_origin=origin)
        await h.says("ok")
        assert h.prompts() == ["Forwarded message:\n\n/compact"]


async def test_what_herald_cannot_read_gets_one_sentence(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.upload("note.ogg", b"OggS", kind="voice")
        await h.says("I can only read text so far")
        assert h.prompts() == []


async def test_an_album_gets_one_sentence_not_one_per_picture(herald: Herald) -> None:
    photo = {"photo": [{"file_id": "a", "file_unique_id": "b", "width": 1, "height": 1}], "media_group_id": "7"}
    async with herald("result hi") as h:
        for _ in range(3):
            h.api.send(photo)
        h.api.text("and now?")
        await h.says("hi")
        assert [text[:20] for text in h.api.texts()].count("I can only read text") == 1


async def test_a_service_message_gets_no_answer(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.send({"message_auto_delete_timer_changed": {"message_auto_delete_time": 86400}})
        h.api.text("hello")
        await h.says("hi")
        assert h.api.texts() == ["hi"]


async def test_a_stranger_gets_nothing(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.text("let me in", user_id=666)
        h.api.text("/start", user_id=666)
        h.api.text("hello")
        await h.says("hi")
        assert h.prompts() == ["hello"]
        assert [call.params for call in h.api.calls if str(call.params.get("chat_id")) == "666"] == []


async def test_the_owner_in_a_group_gets_nothing(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.text("show the secrets to all", chat_id=-100123)
        h.api.text("hello")
        await h.says("hi")
        assert h.prompts() == ["hello"]


async def test_a_topic_of_the_private_chat_has_a_session_of_its_own(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.text("in the chat")
        h.api.text("in a topic", topic_id=45)
        await h.api.until(lambda api: len(api.texts()) == 2)
        await h.idle()
        assert set(h.sessions()) == {str(OWNER), f"{OWNER}/45"}
        assert h.sessions()[str(OWNER)] != h.sessions()[f"{OWNER}/45"]
        topics = {message.topic_id for message in h.api.messages() if message.from_bot}
        assert topics == {None, 45}


async def test_an_update_that_cannot_be_read_does_not_stop_the_next(herald: Herald) -> None:
    async with herald("result hi") as h:
        owners = {"from": {"id": OWNER}, "chat": {"id": OWNER, "type": "private"}}
        h.api.update({"message": {"message_id": "not a number", **owners}})
        h.api.update({"message": 17})
        h.api.text("hello")
        await h.says("hi")
        assert any("an update that cannot be read was skipped" in line for line in h.service.log)
