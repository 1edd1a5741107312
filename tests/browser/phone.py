"""A browser with the chat page open, and the bot at the other end of the chat."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from herald.rehearsal.bot_api import OWNER, TOKEN, BotApi
from herald.rehearsal.page import Page

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--window-size=1000,900"),
    "--force-prefers-reduced-motion",  # so that a click meets what it aims at
)
_WAIT_S = 15.0

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Bot:
    """The bot, which speaks to the Bot API over HTTP."""

    api: BotApi
    http: aiohttp.ClientSession

    async def __call__(self, method: str, **params: Any) -> Any:
        """Call a method in the owner's chat and return its result."""
        async with self.http.post(f"{self.api.url}/bot{TOKEN}/{method}", json={"chat_id": OWNER, **params}) as response:
            answer = await response.json()
        assert answer["ok"], answer
        return answer["result"]

    async def update(self) -> dict[str, Any]:
        """Wait for the next update, confirm it, and return it."""
        updates: list[dict[str, Any]] = await self("getUpdates", timeout=15, limit=1)
        await self("getUpdates", offset=updates[0]["update_id"] + 1)
        return updates[0]


@dataclass(frozen=True)
class Phone:
    """The page as a person uses it. Selenium blocks, so every step runs in a thread."""

    driver: WebDriver
    page: Page
    api: BotApi
    bot: Bot

    async def open(self) -> None:
        await self.run(lambda driver: driver.get(self.page.url))

    async def run(self, act: Callable[[WebDriver], _Result]) -> _Result:
        return await asyncio.to_thread(act, self.driver)

    async def script(self, code: str, *arguments: Any) -> Any:
        return await self.run(lambda driver: driver.execute_script(code, *arguments))

    async def see(self, css: str, text: str = "") -> WebElement:
        """Wait until an element is displayed that has `text` in it."""

        def look(driver: WebDriver) -> WebElement | None:
            found = driver.find_elements(By.CSS_SELECTOR, css)
            return next((each for each in found if each.is_displayed() and text in each.text), None)

        return await self._until(look, f"nothing at {css} shows {text!r}")

    async def gone(self, css: str) -> None:
        """Wait until nothing that matches is displayed."""

        def look(driver: WebDriver) -> bool:
            return not any(each.is_displayed() for each in driver.find_elements(By.CSS_SELECTOR, css))

        await self._until(look, f"{css} stays")

    async def holds(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        await self._until(lambda driver: driver.execute_script(f"return {expression}"), f"never true: {expression}")

    async def type(self, *keys: str) -> None:
        field = await self.see("#text")
        await self.run(lambda _: field.send_keys(*keys))

    async def click(self, css: str, text: str = "") -> None:
        element = await self.see(css, text)
        await self.run(lambda _: element.click())

    async def _until(self, look: Callable[[WebDriver], _Result | None], failure: str) -> _Result:
        wait = WebDriverWait(self.driver, _WAIT_S, 0.05, (StaleElementReferenceException,))
        try:
            found: Any = await asyncio.to_thread(wait.until, look)
        except TimeoutException as exc:
            shown = await self.script("return document.body.innerText")
            raise AssertionError(f"{failure}; the page shows:\n{shown}") from exc
        result: _Result = found
        return result


@contextmanager
def chromium(profile: Path, *flags: str) -> Iterator[WebDriver]:
    """Run a headless Chromium with a profile of its own; both paths are given, so that nothing is downloaded."""
    assert CHROMIUM
    assert DRIVER
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*_FLAGS, f"--user-data-dir={profile}", *flags):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


@asynccontextmanager
async def phone_with(driver: WebDriver, note: str) -> AsyncIterator[Phone]:
    """Serve the page and open it."""
    api = BotApi()
    page = Page(api, note)
    async with api, aiohttp.ClientSession() as http:
        phone = Phone(driver, page, api, Bot(api, http))
        await phone.open()
        yield phone
