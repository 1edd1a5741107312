"""Convert documents with another project's converter: JSON texts on stdin, JSON answers on stdout.

Runs in the environment that benchmarks/install_corpus makes, one converter at a time, named by the argument. Each is
called as its documentation says, and cuts long texts itself where it can. An answer is the list of messages, each with
the parameters of sendMessage, or the error as a text.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

DEADLINE_S = 20
Messages = list[dict[str, Any]]


def telegramify(markdown: str) -> Messages:
    """Code and diagrams stay in the text; by default they become files."""
    from telegramify_markdown import telegramify  # type: ignore[import-not-found]

    items = asyncio.run(telegramify(markdown, max_message_length=4090, min_file_lines=0, render_mermaid=False))
    return [{"text": item.text, "entities": [entity.to_dict() for entity in item.entities]} for item in items]


def sulguk(markdown: str) -> Messages:
    """It reads HTML and refuses tables, so markdown-it-py makes the HTML and leaves tables as they are written."""
    from markdown_it import MarkdownIt
    from sulguk import transform_html  # type: ignore[import-not-found]

    html = MarkdownIt("commonmark", {"html": False}).enable("strikethrough").render(markdown)
    result = transform_html(html)
    return [{"text": result.text, "entities": result.entities}]


def chatgpt_md_converter(markdown: str) -> Messages:
    from chatgpt_md_converter import split_html_for_telegram, telegram_format  # type: ignore[import-not-found]

    parts = split_html_for_telegram(telegram_format(markdown))
    return [{"text": part, "parse_mode": "HTML"} for part in parts]


def md2tgmd(markdown: str) -> Messages:
    from md2tgmd import escape  # type: ignore[import-not-found]

    return [{"text": escape(markdown), "parse_mode": "MarkdownV2"}]


def telegram_markdown_converter(markdown: str) -> Messages:
    from telegram_markdown_converter import convert_markdown  # type: ignore[import-not-found]

    return [{"text": convert_markdown(markdown), "parse_mode": "MarkdownV2"}]


PEERS: dict[str, Callable[[str], Messages]] = {
    "telegramify-markdown": telegramify,
    "sulguk": sulguk,
    "chatgpt-md-converter": chatgpt_md_converter,
    "md2tgmd": md2tgmd,
    "telegram-markdown-converter": telegram_markdown_converter,
}


def main() -> None:
    convert = PEERS[sys.argv[1]]
    signal.signal(signal.SIGALRM, _give_up)
    json.dump([_answer(convert, markdown) for markdown in json.load(sys.stdin)], sys.stdout)


def _answer(convert: Callable[[str], Messages], markdown: str) -> Messages | str:
    signal.alarm(DEADLINE_S)
    try:
        return convert(markdown)
    except Exception as exc:  # noqa: BLE001 - whatever it is, the converter has failed on this document
        return f"{type(exc).__name__}: {exc}"[:200]
    finally:
        signal.alarm(0)


def _give_up(*_: object) -> NoReturn:
    raise TimeoutError(f"took more than {DEADLINE_S} s")


if __name__ == "__main__":
    main()
