"""Make docs/picture.png: a short dialogue on the chat page, as wide as a phone.

    python -m tests.browser.picture

Inter, JetBrains Mono and Noto Color Emoji should be installed (Debian: fonts-inter fonts-jetbrains-mono
fonts-noto-color-emoji); without them the picture is made with what is there.
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
from pathlib import Path
from typing import Any

from selenium.webdriver.remote.webdriver import WebDriver

from herald.formatting import render
from tests.browser.phone import Phone, chromium, phone_with

PICTURE = Path(__file__).parents[2] / "docs" / "picture.png"
WIDTH_PX, HEIGHT_PX, SCALE = 390, 740, 2
# What the clock shows: the server's own would make another picture every time
DAY, TIMES = "Thursday 19 November", ("7:40", "7:42", "7:43", "7:45")

SET_CLOCK = """
document.querySelector(".day").textContent = arguments[0];
document.querySelectorAll("time").forEach((time, index) => { time.textContent = arguments[1][index]; });
"""

ANSWER = """**1 of 214** fails, and only since last night's merge:

- `test_refund_rounds_down` expects `10.00`, gets `10.01`
- cause: `round()` replaced `quantize()` in **billing/money.py**

```python
return amount.quantize(
    CENT, rounding=ROUND_DOWN)
```

With these two lines back all 214 pass. Shall I commit that?"""
DONE = """Pushed to `fix/refund-rounding`, CI is green. Have a good ride."""


async def talk(phone: Phone) -> None:
    """Play the dialogue."""
    phone.api.text("On the train now. Which test fails on main, and why?")
    await answer(phone, ANSWER)
    phone.api.text("yes, on a branch please")
    await answer(phone, DONE)
    await phone.see(".bot", "Have a good ride")
    await phone.script("document.activeElement.blur()")
    await phone.script(SET_CLOCK, DAY, TIMES)


async def answer(phone: Phone, markdown: str) -> None:
    for piece in render(markdown):
        await phone.bot("sendMessage", text=piece.html, parse_mode="HTML")


def photograph(driver: WebDriver) -> bytes:
    taken: dict[str, Any] = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    return base64.b64decode(taken["data"])


async def main() -> None:
    with tempfile.TemporaryDirectory() as profile, chromium(Path(profile), "--hide-scrollbars") as driver:
        size = {"width": WIDTH_PX, "height": HEIGHT_PX, "deviceScaleFactor": SCALE, "mobile": True}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        async with phone_with(driver, "Claude Code 2.1.328") as phone:
            await talk(phone)
            PICTURE.write_bytes(await phone.run(photograph))


if __name__ == "__main__":
    asyncio.run(main())
