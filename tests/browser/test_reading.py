"""What the chat page shows of the bot."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable

import aiohttp
import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from herald.rehearsal.bot_api import OWNER, TOKEN
from tests.browser.conftest import NOTE
from tests.browser.phone import Phone, phone_with

pytestmark = pytest.mark.browser

PIXEL = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
STYLED = (
    "<b>bold</b> <i>italic</i> <u>under</u> <s>struck</s> 👍 <code>f()</code> <tg-spoiler>secret</tg-spoiler> "
    '<a href="https://example.com/a?b=1">words</a>\n<blockquote>said before</blockquote>\n'
    '<pre><code class="language-python">print("hi")</code></pre>\nafter'
)


async def send_html(chat: Phone, text: str) -> None:
    await chat.bot("sendMessage", text=text, parse_mode="HTML")
    await chat.see(".bot .text")


async def test_a_new_chat_shows_the_note_and_a_hint(phone: Phone) -> None:
    await phone.see("#note", NOTE)
    await phone.see("#empty")
    phone.api.text("hello")
    await phone.gone("#empty")


@pytest.mark.parametrize(
    ("css", "text"),
    [
        ("strong", "bold"),
        ("em", "italic"),
        ("u", "under"),
        ("s", "struck"),
        (".text > code", "f()"),
        ("a[href='https://example.com/a?b=1'][target=_blank][rel~=noopener]", "words"),
        ("blockquote", "said before"),
        (".block .language", "python"),
        (".block pre code", 'print("hi")'),
    ],
)
async def test_each_format_is_an_element_of_its_own(chat: Phone, css: str, text: str) -> None:
    await send_html(chat, STYLED)
    element = await chat.see(f".bot {css}")
    assert element.text == text


async def test_a_block_is_not_followed_by_a_second_line_break(chat: Phone) -> None:
    await send_html(chat, STYLED)
    assert await chat.script("return document.querySelector('.bot .text').lastChild.data") == "after"


async def test_a_spoiler_opens_on_a_click(chat: Phone) -> None:
    await send_html(chat, STYLED)
    await chat.gone(".spoiler > span")
    await chat.click(".spoiler")
    await chat.see(".spoiler > span", "secret")


async def test_a_folded_quotation_opens(chat: Phone) -> None:
    await send_html(chat, f"<blockquote expandable>{'word ' * 300}end</blockquote>")
    await chat.see("blockquote.folded")
    await chat.click("blockquote button", "Show more")
    await chat.see("blockquote:not(.folded)", "end")


async def test_code_is_copied(chat: Phone) -> None:
    permission = {"origin": chat.api.url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    await chat.run(lambda driver: driver.execute_cdp_cmd("Browser.grantPermissions", permission))
    await send_html(chat, STYLED)
    await chat.click(".copy")
    await chat.see("#toast", "Copied")
    copied = "navigator.clipboard.readText().then(arguments[0])"
    assert await chat.run(lambda driver: driver.execute_async_script(copied)) == 'print("hi")'


async def test_markup_in_a_message_is_text(chat: Phone) -> None:
    attack = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    await chat.bot("sendMessage", text=attack)
    await chat.see(".bot .text", attack)
    assert await chat.script("return document.querySelectorAll('#messages :is(img, script)').length") == 0


async def test_even_injected_markup_would_not_run(chat: Phone) -> None:
    await chat.script(
        "addEventListener('securitypolicyviolation', (event) => { window.refused = event.effectiveDirective })"
    )
    await chat.script("document.body.append(document.createElement('div'))")
    await chat.script("document.body.lastChild.innerHTML = `<img src='data:,' onerror=\"document.title='taken'\">`")
    await chat.holds("window.refused === 'script-src-attr'")
    assert await chat.script("return document.title") == "herald"


async def test_only_web_addresses_are_links(chat: Phone) -> None:
    await chat.bot(
        "sendMessage",
        text="mail https://example.com/x, tg",
        entities=[{"type": "text_link", "offset": 0, "length": 4, "url": "tg://user?id=1"}],
    )
    await chat.see(".bot a", "https://example.com/x")
    links = await chat.script("return [...document.querySelectorAll('.bot a')].map((a) => a.href)")
    assert links == ["https://example.com/x"]


async def test_typing_shows_until_the_message_arrives(chat: Phone) -> None:
    await chat.bot("sendChatAction", action="typing")
    await chat.see("#action", "typing")
    await chat.bot("sendMessage", text="there")
    await chat.gone("#action")


async def test_a_draft_grows_and_ends_with_the_message(chat: Phone) -> None:
    await chat.bot("sendMessageDraft", draft_id=7, text="")
    await chat.see("#draft", "Thinking")
    await chat.bot("sendMessageDraft", draft_id=7, text="so <b>far</b>", parse_mode="HTML")
    await chat.see("#draft strong", "far")
    await chat.gone("#stop")
    await chat.bot("sendMessage", text="so far so good")
    await chat.gone("#draft")
    await chat.see("#messages .bot", "so far so good")


async def test_an_edit_replaces_the_message_in_its_place(chat: Phone) -> None:
    first = await chat.bot("sendMessage", text="one")
    await chat.bot("sendMessage", text="two")
    await chat.see(".bot", "two")
    await chat.bot("editMessageText", message_id=first["message_id"], text="three")
    await chat.see(".bot .meta", "edited")
    assert await chat.script("return [...document.querySelectorAll('.bot .text')].map((e) => e.textContent)") == [
        "three",
        "two",
        "",  # the draft
    ]


async def test_a_deleted_message_disappears(chat: Phone) -> None:
    sent = await chat.bot("sendMessage", text="oops")
    await chat.see(".bot", "oops")
    await chat.bot("deleteMessage", message_id=sent["message_id"])
    await chat.holds("!document.body.innerText.includes('oops')")


async def test_the_bots_reaction_is_under_the_message(chat: Phone) -> None:
    own = chat.api.messages()[0].message_id
    await chat.bot("setMessageReaction", message_id=own, reaction=[{"type": "emoji", "emoji": "👀"}])
    await chat.see(f"[data-id='{own}'] .reaction", "👀")


async def test_pictures_and_files_from_the_bot_arrive_whole(chat: Phone) -> None:
    for kind, name, content in (("photo", "p.png", PIXEL), ("document", "notes.txt", b"all of it")):
        form = aiohttp.FormData({"chat_id": str(OWNER)})
        form.add_field(kind, content, filename=name)
        async with chat.bot.http.post(f"{chat.api.url}/bot{TOKEN}/send{kind}", data=form) as response:
            assert response.status == 200
    await chat.see(".bot .file", "notes.txt")
    await chat.holds("document.querySelector('.bot .picture img')?.naturalWidth === 1")
    read = "fetch(document.querySelector('.bot .file').href).then((r) => r.text()).then(arguments[0])"
    assert await chat.run(lambda driver: driver.execute_async_script(read)) == "all of it"


async def test_a_reload_shows_the_chat_again(chat: Phone) -> None:
    await chat.bot("sendMessage", text="still here")
    await chat.see(".bot", "still here")
    await chat.open()
    await chat.see(".bot", "still here")


async def test_the_newest_message_is_in_view_unless_the_reader_scrolled_up(chat: Phone) -> None:
    for number in range(40):
        await chat.bot("sendMessage", text=f"line {number}")
    at_end = "(h => h.scrollHeight - h.scrollTop - h.clientHeight < 2)(document.getElementById('history'))"
    await chat.see(".bot", "line 39")
    await chat.holds(at_end)
    await chat.script("document.getElementById('history').scrollTop = 0")
    await chat.see("#down")
    await chat.bot("sendMessage", text="line 40")
    await chat.holds("document.body.innerText.includes('line 40')")
    assert await chat.script("return document.getElementById('history').scrollTop") == 0
    await chat.click("#down")
    await chat.holds(at_end)


async def test_a_lost_connection_is_said(driver: WebDriver) -> None:
    async with phone_with(driver, NOTE) as phone:
        phone.api.text("hello")
        await phone.see(".mine", "hello")
        await phone.gone("#connection")
    await phone.see("#connection", "Trying again")


async def test_the_page_connects_again_by_itself(phone: Phone) -> None:
    def block(*urls: str) -> Callable[[WebDriver], object]:
        return lambda driver: driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": list(urls)})

    await phone.run(lambda driver: driver.execute_cdp_cmd("Network.enable", {}))
    await phone.run(block("*/events"))
    await phone.open()
    await phone.see("#connection", "Trying again")
    phone.api.text("meanwhile")
    await phone.run(block())
    await phone.see(".mine", "meanwhile")
    await phone.gone("#connection")
