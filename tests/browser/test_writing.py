"""What the person at the chat page does, as the bot receives it."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from herald.rehearsal.bot_api import OWNER
from tests.browser.phone import Phone
from tests.browser.test_reading import PIXEL

pytestmark = pytest.mark.browser

COMMANDS = [
    {"command": "status", "description": "What herald is doing"},
    {"command": "new", "description": "Start afresh"},
    {"command": "stop", "description": "Stop the turn"},
]
KEYBOARD = [
    [{"text": "Allow", "callback_data": "yes"}, {"text": "Deny", "callback_data": "no"}],
    [{"text": "Docs", "url": "https://example.com/"}, {"text": "Copy", "copy_text": {"text": "x"}}],
]


async def ask(chat: Phone) -> None:
    await chat.bot("sendMessage", text="may I?", reply_markup={"inline_keyboard": KEYBOARD})
    await chat.see(".keyboard button", "Allow")


async def give_picture(chat: Phone, action: str, name: str, content: bytes) -> None:
    """Paste or drop a picture, which the browser lets only a person do, so that the events are made by script."""
    await chat.script(
        """const [action, name, content] = arguments;
        const given = new DataTransfer();
        given.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name, {type: "image/png"}));
        const event = action === "paste" ? new ClipboardEvent("paste", {clipboardData: given, bubbles: true})
                                         : new DragEvent("drop", {dataTransfer: given, bubbles: true});
        document.getElementById("text").dispatchEvent(event);""",
        *(action, name, b64encode(content).decode()),
    )


async def received(chat: Phone) -> dict[str, Any]:
    message: dict[str, Any] = (await chat.bot.update())["message"]
    return message


async def test_enter_sends_the_text(phone: Phone) -> None:
    await phone.type("good morning", Keys.ENTER)
    assert (await received(phone))["text"] == "good morning"
    await phone.see(".mine .text", "good morning")
    await phone.holds("document.getElementById('text').value === ''")


async def test_the_button_sends_the_text(phone: Phone) -> None:
    await phone.type("good evening")
    await phone.click("#send")
    assert (await received(phone))["text"] == "good evening"


async def test_shift_and_enter_break_the_line(phone: Phone) -> None:
    await phone.type("one", Keys.SHIFT + Keys.ENTER + Keys.NULL, "two", Keys.ENTER)
    assert (await received(phone))["text"] == "one\ntwo"


async def test_nothing_is_sent_of_blanks(phone: Phone) -> None:
    await phone.type("  ", Keys.ENTER, "real", Keys.ENTER)
    assert (await received(phone))["text"] == "real"


async def test_a_long_text_becomes_several_messages_as_on_a_phone(phone: Phone) -> None:
    await phone.see("#text")
    await phone.script("document.getElementById('text').value = 'x'.repeat(5000)")
    await phone.type(Keys.ENTER)
    assert [len((await received(phone))["text"]) for _ in range(2)] == [4096, 904]


async def test_a_text_that_cannot_be_sent_is_kept(phone: Phone) -> None:
    await phone.see("#text")
    await phone.script("window.fetch = () => Promise.reject(new TypeError('offline'))")
    await phone.type("precious", Keys.ENTER)
    await phone.see("#toast", "Not sent")
    await phone.holds("document.getElementById('text').value === 'precious'")


async def test_a_button_press_arrives_with_its_data_and_its_answer_is_shown(chat: Phone) -> None:
    await ask(chat)
    await chat.click(".keyboard button", "Deny")
    query = (await chat.bot.update())["callback_query"]
    assert (query["data"], query["message"]["text"]) == ("no", "may I?")
    await chat.bot("answerCallbackQuery", callback_query_id=query["id"], text="Denied")
    await chat.see("#toast", "Denied")


async def test_an_answer_that_was_shown_is_not_repeated_after_a_reload(chat: Phone) -> None:
    chat.api.tap(1, "data")
    query = (await chat.bot.update())["callback_query"]
    await chat.bot("answerCallbackQuery", callback_query_id=query["id"], text="Done")
    await chat.see("#toast", "Done")
    await chat.open()
    await chat.see(".mine")
    assert await chat.script("return document.getElementById('toast').textContent") == ""


async def test_a_button_can_be_a_link(chat: Phone) -> None:
    await ask(chat)
    await chat.see(".keyboard a[href='https://example.com/'][rel~=noopener]", "Docs")


async def test_a_button_can_copy(chat: Phone) -> None:
    await ask(chat)
    await chat.click(".keyboard button", "Copy")
    await chat.see("#toast", "Copied")


async def test_the_stop_button_of_a_draft_stops_it(chat: Phone) -> None:
    await chat.bot("sendMessageDraft", draft_id=7, text="a long story", can_stop=True)
    await chat.click("#stop")
    await chat.see("#stop:disabled")
    stopped = (await chat.bot.update())["stopped_message_generation"]
    assert (stopped["draft_id"], stopped["chat"]["id"], stopped["chat"]["type"]) == (7, OWNER, "private")


async def test_a_chosen_file_is_sent_with_its_caption(phone: Phone, tmp_path: Path) -> None:
    path = tmp_path / "notes ü.txt"
    path.write_bytes(b"line 1\nline 2\n\x00\xff")
    await phone.see("#attach")
    await phone.run(lambda driver: driver.find_element(By.ID, "picker").send_keys(str(path)))
    await phone.see("#files li", "notes ü.txt")
    await phone.type("please read", Keys.ENTER)
    message = await received(phone)
    assert (message["caption"], message["document"]["file_name"]) == ("please read", "notes ü.txt")
    assert phone.api.content(message["document"]["file_id"]) == path.read_bytes()
    await phone.see(".mine .file", "notes ü.txt")
    await phone.gone("#files")


@pytest.mark.parametrize("action", ["paste", "drop"])
async def test_a_picture_can_be_pasted_or_dropped(phone: Phone, action: str) -> None:
    await phone.see("#text")
    await give_picture(phone, action, "shot.png", PIXEL)
    await phone.see("#files img")
    await phone.click("#send")
    message = await received(phone)
    assert phone.api.content(message["photo"][-1]["file_id"]) == PIXEL
    await phone.see(".mine .picture img")


async def test_a_file_can_be_taken_back(phone: Phone) -> None:
    await phone.see("#text")
    await give_picture(phone, "paste", "wrong.png", PIXEL)
    await phone.click("#files [aria-label='Remove wrong.png']")
    await phone.gone("#files")
    await phone.type("only words", Keys.ENTER)
    assert (await received(phone))["text"] == "only words"


async def test_a_slash_lists_the_commands_and_letters_narrow_them(chat: Phone) -> None:
    await chat.bot("setMyCommands", commands=COMMANDS)
    await chat.type("/")
    await chat.see("#commands li", "Start afresh")
    await chat.type("st")
    await chat.holds(
        "[...document.querySelectorAll('#commands b')].map((b) => b.textContent).join() === '/status,/stop'"
    )
    await chat.type(Keys.ESCAPE)
    await chat.gone("#commands")


async def test_arrows_and_enter_send_a_command(chat: Phone) -> None:
    await chat.bot("setMyCommands", commands=COMMANDS)
    await chat.type("/")
    await chat.see("#commands li[aria-selected=true]", "/status")
    await chat.type(Keys.ARROW_DOWN, Keys.ENTER)
    assert (await received(chat))["text"] == "/new"


async def test_a_command_written_out_wins_over_a_longer_one(chat: Phone) -> None:
    await chat.bot("setMyCommands", commands=[{"command": "newest", "description": "Show the newest"}, *COMMANDS])
    await chat.type("/new")
    await chat.see("#commands li[aria-selected=true]", "/newest")
    await chat.type(Keys.ENTER)
    assert (await received(chat))["text"] == "/new"


async def test_tab_completes_a_command_for_its_arguments(chat: Phone) -> None:
    await chat.bot("setMyCommands", commands=COMMANDS)
    await chat.type("/ne")
    await chat.see("#commands li", "/new")
    await chat.type(Keys.TAB, "idea", Keys.ENTER)
    assert (await received(chat))["text"] == "/new idea"


async def test_a_click_sends_a_command_from_the_menu_or_from_a_message(chat: Phone) -> None:
    await chat.bot("setMyCommands", commands=COMMANDS)
    await chat.bot("sendMessage", text="send /stop. Not /usr/bin or /unknown")
    await chat.type("/")
    await chat.click("#commands li", "/new")
    assert (await received(chat))["text"] == "/new"
    await chat.click(".bot .command", "/stop")
    assert (await received(chat))["text"] == "/stop"
    assert await chat.script("return document.querySelectorAll('.bot .command').length") == 1
