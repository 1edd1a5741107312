"""What a crash leaves: each message is answered or explained afterwards, and none twice."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from herald.rehearsal.bot_api import BotApi
from herald.rehearsal.chat import ChatMessage
from tests.conftest import Herald, Stage


async def kill(h: Stage) -> None:
    h.service.send_signal(signal.SIGKILL)
    await h.service.until(lambda service: service.ended)


async def works(h: Stage, prompts: int = 1) -> None:
    """Wait until Claude has been given so many prompts."""
    await h.service.until(lambda _: len(h.prompts()) == prompts)


def transcript(h: Stage) -> str:
    return "".join(path.read_text() for path in h.folder.glob(".claude/projects/*/*.jsonl"))


def question(h: Stage) -> ChatMessage:
    [message] = [message for message in h.api.messages() if message.buttons]
    return message


async def test_what_waited_is_answered_after_a_crash(herald: Herald, api: BotApi) -> None:
    async with herald("until never", api=api) as h:
        h.api.text("one")
        await works(h)
        h.api.text("two")
        h.api.text("three")
        await h.service.until(lambda service: any("2 waiting" in state for state in service.states))
        await kill(h)
    async with herald("result an answer", api=api) as h:
        await h.api.until(lambda api: api.texts()[-2:] == ["an answer", "an answer"])
        await h.idle()
        assert h.prompts()[1:] == ["two", "three"]


async def test_what_was_not_even_handled_is_answered_after_a_crash(herald: Herald, api: BotApi) -> None:
    """Confirmed to Telegram, and then herald was killed: only the journal has it."""
    async with herald("until never", api=api) as h:
        h.api.text("one")
        await works(h)
        h.service.send_signal(signal.SIGSTOP)
        h.api.text("two")
        h.service.send_signal(signal.SIGCONT)
        await h.api.until(lambda api: api.calls[-1].params.get("offset") == "700000003")
        await kill(h)
    async with herald("result two it is", api=api) as h:
        await h.says("two it is")


async def test_an_answer_that_herald_did_not_hear_is_delivered(herald: Herald, api: BotApi) -> None:
    async with herald("until go\nresult the **answer**", api=api) as h:
        h.api.text("one")
        await works(h)
        await h.service.until(lambda _: h.sessions())
        h.service.send_signal(signal.SIGSTOP)
        h.release("go")
        await h.service.until(lambda _: "end_turn" in transcript(h))
        await kill(h)
    async with herald("result not again", api=api) as h:
        await h.says("the answer")
        await h.idle()
        assert h.api.texts() == ["the answer"]
        assert h.prompts() == ["one"]


async def test_an_answer_that_was_not_sent_yet_is_sent_once_in_order(herald: Herald, api: BotApi) -> None:
    async with herald("result first\n---\nresult second", api=api) as h:
        h.api.drop("sendMessage", times=1000)
        h.api.text("one")
        h.api.text("two")
        await h.service.until(lambda service: any("2 to send" in state for state in service.states))
        await kill(h)
        h.api.relent()
    async with herald("result third", api=api) as h:
        h.api.text("three")
        await h.says("third")
        await h.idle()
        assert h.api.texts() == ["first", "second", "third"]


@pytest.mark.parametrize("long", [False, True])
async def test_a_message_whose_acceptance_was_not_heard_is_not_sent_twice(herald: Herald, long: bool) -> None:
    """As a message, and as a file."""
    answer = "word " * 1000 if long else "an answer"
    async with herald(f"result {answer}\n---\nresult next", HERALD_MAX_MESSAGES="1") as h:
        h.api.lose("sendMessage")
        h.api.lose("sendDocument")
        h.api.text("one")
        await h.idle_again()
        h.api.text("two")
        await h.says("next")
        assert len(h.api.texts()) == (3 if long else 2)
        assert any("a message had arrived before" in line for line in h.service.log)


async def test_not_even_where_other_chats_have_had_many_messages_meanwhile(herald: Herald) -> None:
    async with herald("until go\nresult hi", TELEGRAM_ALLOWED_USERS="4242,4343") as h:
        h.api.text("one")
        await works(h)
        for _ in range(8):
            h.api.text("/status", user_id=4343)
        await h.api.until(lambda api: len(api.texts(4343)) == 8)
        h.api.lose("sendMessage")
        h.release("go")
        await h.idle_again()
        assert h.api.texts() == ["hi"]


async def test_a_search_that_is_interrupted_goes_on_and_ends(herald: Herald) -> None:
    async with herald("result hi") as h:
        h.api.lose("sendMessage")
        h.api.refuse("editMessageText", 502, times=2)
        h.api.text("one")
        await h.idle_again()
        assert h.api.texts() == ["hi"]


async def test_not_even_after_a_crash(herald: Herald, api: BotApi) -> None:
    async with herald("result an answer", api=api) as h:
        h.api.lose("sendMessage")
        h.api.text("one")
        await h.says("an answer")
        await h.service.until(lambda service: any("not delivered yet" in line for line in service.log))
        await kill(h)
    # what the owner wrote meanwhile lies between
    api.text("and two")
    async with herald("result next", api=api) as h:
        await h.says("next")
        await h.idle()
        assert h.api.texts() == ["an answer", "next"]


Change = Callable[[Stage], Awaitable[None]]


async def cut(herald: Herald, api: BotApi, script: str = "text Half.\nbegin Bash\nuntil never") -> None:
    """Run herald until Claude is in the middle of "one", and kill it."""
    async with herald(script, api=api) as h:
        h.api.text("one")
        await works(h)
        await h.service.until(lambda _: "tool_use" in transcript(h))
        await kill(h)


async def test_a_turn_that_was_cut_is_not_repeated_but_asked_about(herald: Herald, api: BotApi) -> None:
    await cut(herald, api)
    async with herald("result other", api=api) as h:
        await h.says("Half.", "Herald crashed while Claude was busy with this: one")
        assert "It had used Bash" in question(h).text
        assert list(question(h).buttons) == ["Continue", "Run again", "Drop"]
        h.api.text("two")
        await h.says("other")
        assert h.prompts() == ["one", "two"]


@pytest.mark.parametrize(("choice", "prompt"), [("Continue", "You were interrupted"), ("Run again", "one")])
async def test_a_cut_turn_goes_on_when_its_owner_says_so(herald: Herald, api: BotApi, choice: str, prompt: str) -> None:
    await cut(herald, api)
    async with herald("result at last", api=api) as h:
        await h.says("Herald crashed")
        asked = question(h)
        h.api.tap(asked.message_id, asked.buttons[choice])
        await h.says("at last", f"→ {choice}")
        await h.idle()
        assert h.prompts()[1].startswith(prompt)
        h.api.tap(asked.message_id, asked.buttons[choice])
        await h.api.until(lambda api: api.calls[-1].method == "answerCallbackQuery")
        await h.api.until(lambda api: api.calls[-1].params.get("text") == "This has been decided already.")
        assert len(h.prompts()) == 2


async def test_a_cut_turn_can_be_dropped_even_after_a_restart(herald: Herald, api: BotApi) -> None:
    await cut(herald, api)
    async with herald("result other", api=api) as h:
        await h.says("Herald crashed")
    async with herald("result other", api=api) as h:
        h.api.tap(question(h).message_id, question(h).buttons["Drop"])
        await h.says("→ Drop")
        await h.idle()
        assert h.prompts() == ["one"]
        assert sum("Herald crashed" in text for text in h.api.texts()) == 1


async def test_a_message_that_claude_never_began_runs_after_a_crash(
    herald: Herald, api: BotApi, tmp_path: Path
) -> None:
    async with herald("until never", api=api) as h:
        h.api.text("one")
        await works(h)
        await kill(h)
    forget(tmp_path)
    async with herald("result here", api=api) as h:
        await h.says("here")
        await h.idle()
        assert h.api.texts()[-1:] == ["here"]


async def test_a_message_that_is_there_at_two_crashes_is_set_aside(herald: Herald, api: BotApi, tmp_path: Path) -> None:
    for _ in range(2):
        async with herald("until never", api=api) as h:
            h.api.text("harmless")
            await works(h, len(h.prompts()) + 1)
            await kill(h)
        forget(tmp_path)
    async with herald("result fine", api=api) as h:
        await h.says("Herald has crashed 2 times while it was busy with this: harmless", "fine")
        assert any("set aside after 2 crashes" in line for line in h.service.log)


async def test_a_turn_that_herald_interrupts_to_stop_can_be_continued(herald: Herald, api: BotApi) -> None:
    async with herald("text Half.\nhang", api=api, HERALD_DRAIN_S="0") as h:
        h.api.text("one")
        await works(h)
        assert await h.service.stop() == 0
        await h.says("Herald is stopping and had to interrupt this.")
    async with herald("result the rest", api=api) as h:
        h.api.tap(question(h).message_id, question(h).buttons["Continue"])
        await h.says("the rest")


def forget(folder: Path) -> None:
    """Leave no trace of what Claude was given."""
    shutil.rmtree(folder / ".claude")
    for session in (folder / "claude" / "sessions").iterdir():
        session.unlink()
