"""What of the environment is taken out of the chat: the values of settings that are named as secrets."""

from __future__ import annotations

import pytest

from herald.hiding import hider
from tests.core.test_config import LEAST, TOKEN, config


@pytest.mark.parametrize("name", ["MY_API_KEY", "GH_TOKEN", "PGPASSWORD", "npm_config_token", "AWS_CREDENTIALS"])
def test_a_value_that_is_named_a_secret_is_hidden(name: str) -> None:
    assert hider(config(), {**LEAST, name: "abcdefghi-12"})("it is abcdefghi-12.") == "it is •••."


@pytest.mark.parametrize(
    ("name", "value"),
    [("MY_API_KEY", "abcdefghi-1"), ("SSH_KEY", "~/.ssh/id_ed25519"), ("KEYBOARD", "de-latin1-nodeadkeys")],
)
def test_a_value_that_may_stand_in_any_answer_is_shown(name: str, value: str) -> None:
    assert hider(config(), {**LEAST, name: value})(f"it is {value}.") == f"it is {value}."


def test_the_bots_token_is_hidden_even_where_masking_is_off() -> None:
    for hide in (hider(config(), {}), hider(config(HERALD_MASK_SECRETS="0"), {})):
        assert TOKEN.partition(":")[2] not in hide(f"<{TOKEN}>")
