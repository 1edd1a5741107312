"""Herald's own reader of Telegram HTML, beside TDLib's, and the rules a text passes on its way into a chat."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from herald.rehearsal import markup, tdlib
from herald.rehearsal.call import Call
from herald.rehearsal.markup import BadMarkup, Formatted
from herald.rehearsal.refusal import Refused
from herald.rehearsal.text import CAPTION_LIMIT, MESSAGE_LIMIT, check_text, read_text

needs_tdlib = pytest.mark.skipif(not tdlib.INSTALLED, reason="the tdjson package is not installed")

REFUSED = {
    "a < b": 'Unsupported start tag "" at byte offset 2',
    "<3": "Unclosed start tag at byte offset 0",
    "<3 <b>": 'Unsupported start tag "3" at byte offset 0',
    "<h1>x</h1>": 'Unsupported start tag "h1" at byte offset 0',
    "ы<br>": 'Unsupported start tag "br" at byte offset 2',
    "<b>x": 'Can\'t find end tag corresponding to start tag "b"',
    "<b>x</i>": 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"',
    "</b>": "Unexpected end tag at byte offset 0",
    "<b": "Unclosed start tag at byte offset 0",
    '<a href="x.com': "Unclosed start tag at byte offset 0",
    "<b x": 'Unclosed start tag "b" at byte offset 0',
    "<b>x</b": "Unclosed end tag at byte offset 4",
    "<b =3>y</b>": 'Empty attribute name in the tag "b" at byte offset 0',
    '<a href="x.com"/>y</a>': 'Empty attribute name in the tag "a" at byte offset 0',
    "<a href=http://x.com>y</a>": "Unexpected end of name token at byte offset 8",
    "<span>x</span>": 'Tag "span" must have class "tg-spoiler" at byte offset 0',
    '<tg-emoji emoji-id="abc">x</tg-emoji>': "Invalid custom emoji identifier specified",
    '<tg-time unix="1" format="zz">x</tg-time>': "Invalid date format used",
    "&#55357;": "Text contains invalid Unicode characters after decoding HTML entities, "
    "check for unmatched surrogate code units",
}

ACCEPTED = [
    "plain > & text &lt;b&gt; &quot;&amp;lt;",
    "&nbsp;&apos;&hellip;&AMP;&#39;&#x41;&#128512;&#0;&#1114112;&#;&lt",
    "<b>a</b><strong>b</strong><i>c</i><em>d</em><u>e</u><ins>f</ins><s>g</s><strike>h</strike><del>i</del>",
    '😀<b>a<i>b😀</i></b><tg-spoiler>c</tg-spoiler><span class="tg-spoiler">d</span>',
    "<B>x</b> <b \n>y</b > <i>z</>",
    "<b></b>x<b> </b>",
    "<blockquote>a</blockquote><blockquote expandable>b</blockquote><blockquote Expandable>c</blockquote>",
    "<pre>x\n</pre><code>y</code><pre><code>z</code></pre>",
    '<pre><code class="language-py">x</code></pre><code class="language-py"><pre>y</pre></code>',
    '<pre> <code class="language-py">x</code></pre><code class="language-py">y</code>',
    '<b><pre><code class="language-c">x</code></pre></b>',
    '<tg-emoji emoji-id="5368324170671202286">👍</tg-emoji>',
    '<tg-time unix="1700000000" format="Tw">x</tg-time><tg-time unix="5" format="R">y</tg-time><tg-time>z</tg-time>',
    "<a>x.com</a><a>localhost</a><a href=x.com>y</a><a HREF='x.com'>z</a>",
    '<a href="x.com?a=1&amp;b=&quot;2&quot;" href="y.com" title>x</a>',
    '<a href="x.com"><a href="y.com">a</a>b</a>',
]

LINKS = [
    "https://Example.COM/Path?q#f",
    "http://1.2.3.4:8080/a",
    "http://[::1]/",
    "x.com:80",
    "https://ex.com?q=1",
    "https://ex.com#f",
    "https://user:p@x.com/",
    "http://пример.рф/ы",
    "http://x.com/a b",
    "http://x..com",
    "README.md",
    "mailto:a@b.com",
    "tg://resolve?domain=x",
    "tg:resolve",
    "tg://user?id=42",
    "TG://user/?id=42",
    "tg://user?id=0",
    "ton://x/y?z#w",
    "http://localhost:80/",
    "localhost",
    "src/main.py",
    "/rel",
    "#x",
    "http://",
    "//x.com",
    "https:/x.com",
    "ftp://x.com",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://x.com:99999/",
    "http://a b.com",
    "http://[zz]/",
    "http://a@b@x.com",
]


def outcome(parse: Callable[[str], Formatted], source: str) -> Formatted | str:
    try:
        return parse(source)
    except BadMarkup as error:
        return str(error)


@pytest.mark.parametrize("source", REFUSED)
def test_wrong_html_is_refused_in_tdlibs_words(source: str) -> None:
    assert outcome(markup.parse_html, source) == REFUSED[source]


@needs_tdlib
@pytest.mark.parametrize("source", [*REFUSED, *ACCEPTED, *(f'<a href="{link}">x</a>' for link in LINKS)])
def test_both_readers_agree(source: str) -> None:
    assert outcome(markup.parse_html, source) == outcome(tdlib.parse_html, source)


@needs_tdlib
def test_both_readers_agree_on_scraps_of_html() -> None:
    tags = ["<b>", "</b>", "<i>", "</i>", "<code>", "</code>", "<pre>", "</pre>", "<h1>"]
    scraps = [*"xы😀 \n&=\"'<>", "</", "&lt;", *tags]
    dice = random.Random(1)
    for _ in range(2000):
        source = "".join(dice.choices(scraps, k=dice.randint(1, 9)))
        assert outcome(markup.parse_html, source) == outcome(tdlib.parse_html, source), source


def test_entities_count_in_utf16_units() -> None:
    assert markup.parse_html('😀<a href="x.com">ы😀</a>') == Formatted(
        "😀ы😀", [{"type": "text_link", "offset": 2, "length": 3, "url": "http://x.com/"}]
    )


def shown(params: dict[str, str], limit: int = MESSAGE_LIMIT) -> Formatted:
    call = Call("sendMessage", params, {}, time.monotonic())
    return check_text(read_text(call, "text", "entities"), limit, "message is too long", may_be_empty=False)


def plain(text: str) -> Formatted:
    return shown({"text": text})


def html(source: str) -> Formatted:
    return shown({"text": source, "parse_mode": "HTML"})


def spans(formatted: Formatted) -> str:
    return " ".join(f"{e['type']}:{e['offset']}+{e['length']}" for e in formatted.entities)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"text": "ы" * 16_385}, "text is too long"),
        ({"text": "x" * 32_769}, "text is too long"),
        ({"text": "<h1>", "parse_mode": "HTML"}, "can't parse entities: " + REFUSED["<h1>x</h1>"]),
        ({"text": "x", "parse_mode": "bbcode"}, "unsupported parse_mode"),
        ({"text": " \n\u200b\u00a0\u3000"}, "text must be non-empty"),
        ({"text": "<b> </b>", "parse_mode": "HTML"}, "text must be non-empty"),
        ({"text": "😀" * 4097}, "message is too long"),
        (
            {"text": "x", "entities": '[{"type": "text_link", "offset": 0, "length": 1, "url": "LICENSE"}]'},
            "entity URL 'LICENSE' is invalid: Wrong HTTP URL",
        ),
    ],
)
def test_a_text_against_the_rules_is_refused(params: dict[str, str], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        shown(params)
    assert (refused.value.code, refused.value.description) == (400, f"Bad Request: {reason}")


def test_the_limits_count_characters_after_parsing_and_trimming() -> None:
    assert len(plain("😀" * 4096).text) == 4096
    assert len(html("<b>" + "x" * 4096 + "</b>").text) == 4096
    assert len(plain("x" * 4096 + " \n").text) == 4096
    assert len(shown({"text": "x" * 1024}, CAPTION_LIMIT).text) == 1024
    with pytest.raises(Refused, match="message is too long"):
        shown({"text": "x" * 1025}, CAPTION_LIMIT)


def test_control_characters_and_outer_space_go_and_entities_move_along() -> None:
    assert plain(" \n a\tb\0c\r\n\u202ed\u3164 \n").text == "a b c\nd\u3164"
    assert html("  a\r<b>\rb</b>\n\n") == Formatted("ab", [{"type": "bold", "offset": 1, "length": 1}])
    assert html("<b> a</b> ").text == " a"
    assert html("x<pre>y\n</pre>") == Formatted("xy", [{"type": "pre", "offset": 1, "length": 1}])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<b>a</b><b>b</b>", "bold:0+2"),
        ("<b>a</b> <b>b</b>", "bold:0+1 bold:2+1"),
        ("<b>a<i>b</i>c</b>", "bold:0+1 bold:1+2 italic:1+1"),
        ("<i>x<b>a</b></i>", "italic:0+1 bold:1+1 italic:1+1"),
        ("<b>a<code>b</code>c</b>", "bold:0+1 code:1+1 bold:2+1"),
        ("<code>a<b>b</b></code>", "code:0+2"),
        ('<a href="x.com">a<code>b</code></a>', "text_link:0+2"),
        ('<b>x<a href="x.com">y</a></b>', "bold:0+1 text_link:1+1 bold:1+1"),
        ("<blockquote>a<blockquote>b</blockquote></blockquote>", "blockquote:0+2"),
        ("<blockquote>a<pre>b</pre></blockquote>", "blockquote:0+2 pre:1+1"),
        ("<pre>a<blockquote>b</blockquote></pre>", "blockquote:1+1"),
        ("<pre><code>x</code></pre>", "pre:0+1"),
    ],
)
def test_entities_are_nested_as_telegram_nests_them(source: str, expected: str) -> None:
    assert spans(html(source)) == expected
    assert not tdlib.INSTALLED or nested_by_tdlib(source) == expected


@needs_tdlib
def test_any_nesting_is_telegrams() -> None:
    dice = random.Random(1)
    for _ in range(1000):
        source = "x" + nest(dice, depth=0)
        assert spans(html(source)) == nested_by_tdlib(source), source


def nest(dice: random.Random, depth: int) -> str:
    if depth > 3 or dice.random() < 0.3:
        return dice.choice("xы😀")
    tag = dice.choice(["b", "i", "u", "s", "tg-spoiler", "code", "pre", "blockquote"])
    inside = "".join(nest(dice, depth + 1) for _ in range(dice.randint(1, 3)))
    return f"<{tag}>{inside}y</{tag}>"


def nested_by_tdlib(source: str) -> str:
    request = {"@type": "parseTextEntities", "text": source, "parse_mode": {"@type": "textParseModeHTML"}}
    # on a text without Markdown in it, parseMarkdown only cleans the entities up
    fixed = tdlib.execute({"@type": "parseMarkdown", "text": tdlib.execute(request)})
    names = [entity["type"]["@type"].removeprefix("textEntityType").lower() for entity in fixed["entities"]]
    places = [f"{entity['offset']}+{entity['length']}" for entity in fixed["entities"]]
    return " ".join(f"{name}:{place}" for name, place in zip(names, places, strict=True)).replace(
        "texturl", "text_link"
    )


def test_beyond_a_hundred_entities_the_styles_vanish_first() -> None:
    kinds = [entity["type"] for entity in html("<b>x</b> " + "<code>y</code> " * 100).entities]
    assert kinds == ["code"] * 100
    assert len(html("<b>x</b> " * 120).entities) == 100


def test_with_a_parse_mode_given_entities_are_ignored() -> None:
    entities = '[{"type": "italic", "offset": 0, "length": 1}]'
    assert spans(shown({"text": "<b>x</b>", "parse_mode": "HTML", "entities": entities})) == "bold:0+1"
    assert spans(shown({"text": "x", "entities": entities})) == "italic:0+1"
