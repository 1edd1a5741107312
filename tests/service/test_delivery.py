"""How an answer goes to the chat: as messages, as a file, as a rich message, and without the secrets in it."""

from __future__ import annotations

import pytest

from herald.rehearsal.bot_api import TOKEN
from tests.conftest import Herald

KEY = "sk-ant-api03-" + "aB3" * 31 + "AA"
TABLE = "| a | b |\\n|---|---|\\n| 1 | 2 |"


def long_answer(parts: int) -> str:
    return "\\n\\n".join(f"Part {number}: " + "word " * 700 for number in range(parts))


async def test_an_answer_too_long_for_the_chat_is_a_message_and_a_file(herald: Herald) -> None:
    async with herald("result " + long_answer(4), HERALD_MAX_MESSAGES="3") as h:
        h.api.text("hi")
        await h.api.until(lambda api: any("document" in message.fields for message in api.messages()))
        first, document = h.api.messages()[-2:]
        assert first.text.startswith("Part 0")
        assert document.fields["document"]["file_name"] == "answer.md"
        assert document.fields["caption"] == "The whole answer; in the chat it would be 4 messages."
        content = h.api.content(document.fields["document"]["file_id"]).decode()
        assert content.split() == long_answer(4).replace("\\n", "\n").split()


async def test_an_answer_that_just_fits_is_no_file(herald: Herald) -> None:
    async with herald("result " + long_answer(3), HERALD_MAX_MESSAGES="3") as h:
        h.api.text("hi")
        await h.says("Part 2")
        await h.idle()
        assert [text[:6] for text in h.api.texts()] == ["Part 0", "Part 1", "Part 2"]


@pytest.mark.parametrize("code", [400, 413])
async def test_a_refused_file_comes_as_messages(herald: Herald, code: int) -> None:
    async with herald("result " + long_answer(4), HERALD_MAX_MESSAGES="1") as h:
        h.api.refuse("sendDocument", code)
        h.api.text("hi")
        await h.says("Part 3")
        assert [text[:6] for text in h.api.texts()] == ["Part 0", "Part 1", "Part 2", "Part 3"]


async def test_a_lost_connection_only_delays_the_file(herald: Herald) -> None:
    async with herald("result " + long_answer(2), HERALD_MAX_MESSAGES="1") as h:
        h.api.drop("sendDocument")
        h.api.text("hi")
        await h.api.until(lambda api: any("document" in message.fields for message in api.messages()))


async def test_secrets_do_not_leave_the_machine(herald: Herald) -> None:
    script = f"result `{KEY}` and {TOKEN} and my-own-secret-value."
    async with herald(script, MY_API_KEY="my-own-secret-value") as h:
        h.api.text("hi")
        await h.says("and ••• and •••.")
        assert "aB3" not in h.api.texts()[-1]


async def test_secrets_in_what_went_wrong_are_hidden_too(herald: Herald) -> None:
    async with herald(f"say cannot use {KEY}\nexit 3") as h:
        h.api.text("hi")
        await h.says("cannot use sk-ant-")
        assert "aB3" not in "".join(h.api.texts())


async def test_masking_can_be_turned_off_but_for_the_bots_own_token(herald: Herald) -> None:
    async with herald(f"result {KEY} {TOKEN}", HERALD_MASK_SECRETS="0") as h:
        h.api.text("hi")
        await h.says(f"{KEY} •••")


async def test_a_table_is_a_rich_message_for_those_who_want_it(herald: Herald) -> None:
    async with herald(f"result Sizes:\\n\\n{TABLE}", HERALD_RICH="1") as h:
        h.api.text("hi")
        await h.says("Sizes:")
        assert "rich_message" in h.api.messages()[-1].fields


async def test_text_without_a_table_is_no_rich_message(herald: Herald) -> None:
    async with herald("result **plain**", HERALD_RICH="1") as h:
        h.api.text("hi")
        await h.says("plain")
        assert "rich_message" not in h.api.messages()[-1].fields


async def test_a_table_is_an_ordinary_message_by_default(herald: Herald) -> None:
    async with herald(f"result {TABLE}") as h:
        h.api.text("hi")
        await h.says("a │ b")
        assert "rich_message" not in h.api.messages()[-1].fields


@pytest.mark.parametrize("code", [400, 404])
async def test_a_refused_rich_message_comes_as_an_ordinary_one(herald: Herald, code: int) -> None:
    async with herald(f"result {TABLE}", HERALD_RICH="1") as h:
        h.api.refuse("sendRichMessage", code)
        h.api.text("hi")
        await h.says("a │ b")
        assert "rich_message" not in h.api.messages()[-1].fields


async def test_a_reply_to_a_rich_message_is_read(herald: Herald) -> None:
    async with herald(f"result {TABLE}\n---\nresult I see", HERALD_RICH="1") as h:
        h.api.text("hi")
        await h.api.until(lambda api: any("rich_message" in message.fields for message in api.messages()))
        h.api.text("what?", reply_to=h.api.messages()[-1].message_id)
        await h.says("I see")
