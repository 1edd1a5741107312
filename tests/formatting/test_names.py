"""Names in prose stay names: Telegram makes no link, mention, tag or command of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from herald.formatting import domains, render
from tests.formatting.telegram_parser import linked_by_telegram, links_found_in


def linked(markdown: str) -> list[str]:
    return [found for piece in render(markdown) for found in linked_by_telegram(piece.html)]


@pytest.mark.parametrize(
    "name",
    [
        *("main.py", "README.md", "setup.sh:12", "lib.rs:3:14", "src/app.rs", "a-b.py", "data.zip", "x.y.so"),
        *("obj.id", "asyncio.run()", "foo.bar()", "self.name", "self.app", "this.dev", "x.call", "os.path.is"),
        *("@dataclass", "@types/node", "@angular/core", "#include", "#fff", "$HOME", "$PATH_X", "$A/b.txt"),
        *("./run.sh", "../x/run.sh", "~/x", "~/.config/x.py", "/tmp", "/etc/", "/usr/bin/env", "/run()", "/a_b:3"),
        *(
            "main.py#L12",
            "main.py?x=1",
            "docs.rs/serde",
            "10.0.0.1",
            "C:\\x\\main.py",
            "FOO.PY",
            "x:foo.py",
            "x=foo.py",
        ),
        *("#тег", "日本foo.py", "<main.py>", "(main.py)", "**main.py**", "“main.py”"),
    ],
)
def test_a_name_is_not_linked(name: str) -> None:
    assert linked(f"See {name}, please, and {name}.") == []
    assert linked(name) == []


@pytest.mark.parametrize(
    "text",
    ["example.com", "www.example.com/a.py", "docs.python.org", "claude.ai", "https://example.com/main.py#x", "a@b.co"],
)
def test_a_web_or_mail_address_stays_one(text: str) -> None:
    assert linked(f"See {text}, please.") == [text]
    (piece,) = render(f"See {text}, please.")
    assert "<" not in piece.html


@pytest.mark.parametrize(
    "text", ["e.g. this", "v1.2.3", "node.js", "and/or", "3.14", "C#", "#123", "$5", "a / b", "it. So"]
)
def test_ordinary_words_stay_as_they_are(text: str) -> None:
    (piece,) = render(text)
    assert piece.html == text


def test_herald_knows_every_domain_that_telegram_knows() -> None:
    assert {top for top in domains.ALL if links_found_in(f"name.{top}")} == domains.ALL
    letters = "abcdefghijklmnopqrstuvwxyz"
    two = {one + other for one in letters for other in letters}
    assert {top for top in two if links_found_in(f"name.{top}")} <= domains.ALL


def test_what_is_taken_for_a_web_site_is_a_domain() -> None:
    assert domains.WEB <= domains.ALL


@settings(max_examples=300)
@given(st.text(alphabet="aZ9-./@#$:\\()x py\nid", max_size=30))
def test_no_text_is_linked_but_web_and_mail_addresses(text: str) -> None:
    for found in linked(text):
        assert re.search(r"[/:]/|@", found) or found.rpartition(".")[2].lower() in domains.WEB
