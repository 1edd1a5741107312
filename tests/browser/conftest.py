"""A browser for all tests of the page, and a fresh chat for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from tests.browser.phone import CHROMIUM, DRIVER, Phone, chromium, phone_with

NOTE = "scripted <stand-in>"


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    if not CHROMIUM or not DRIVER:
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    with chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture
async def phone(driver: WebDriver) -> AsyncIterator[Phone]:
    """The page on an empty chat."""
    async with phone_with(driver, NOTE) as opened:
        yield opened


@pytest.fixture
async def chat(phone: Phone) -> Phone:
    """The page on a chat where the bot may write, because the owner wrote first."""
    phone.api.text("hello")
    await phone.bot.update()
    await phone.see(".mine", "hello")
    return phone
