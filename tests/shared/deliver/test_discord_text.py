import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.deliver.discord_text import clean, truncate_utf16, utf16_length

_TROUBLE = """
    @everyone @here <@ <@& <# </ <t: <id: ]( ``` ` ~~~ ** __ || # -# > [a](b) https:// \\ @\u200beveryone <\u200b@1>
    😀 e\u0301\u0301\u0301 \u202e ＠everyone discord.gg/a _x_ <:a:1> @EVERYONE \\@everyone \\<@1> 1. -
    \U0001f468\u200d\U0001f469
"""
_BREAKS = ("\n# ", "\n> ", "\n-# ", "\n\n\n\n", "\r\n", "\u2028", "\ud800", " ", "\n  \n")
_HOSTILE = st.lists(
    st.one_of(
        st.sampled_from([*_TROUBLE.split(), *_BREAKS]),
        st.text(alphabet=st.characters(exclude_categories=()), max_size=6),
    ),
    max_size=60,
).map("".join)
_MUST_NOT_STAND = ("@everyone", "@here", "<@", "<@&", "<#", "</", "<t:", "<id:", "](", "```", "://")


@pytest.mark.slow
@settings(max_examples=1_000)
@given(_HOSTILE, st.one_of(st.integers(min_value=0, max_value=60), st.just(2_000)))
def test_nothing_of_the_text_acts(text: str, limit: int) -> None:
    shown = clean(text, limit)
    assert utf16_length(shown) <= limit
    assert not [sign for sign in _MUST_NOT_STAND if sign in shown.lower()]
    assert not re.search(r"(?m)^[ \t]*(?:#|-#|>)", shown)
    assert not re.search(r"(?<!\\)(?:\\\\)*\\(?:\Z|…|[0-9A-Za-z\s])", shown), "an escape was cut"
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_~|\[\]<>]", shown), "a sign stands without its escape"
    assert "\n\n\n\n" not in shown
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in shown.replace("\n", ""))
    assert not re.search("[\u0300-\u036f]{3}", shown)
    shown.encode("utf-8")


@pytest.mark.slow
@given(st.text(alphabet=st.characters(codec="utf-8")), st.integers(min_value=0, max_value=40))
def test_truncating_fits_and_keeps_what_fits(text: str, limit: int) -> None:
    shown = truncate_utf16(text, limit)
    assert utf16_length(shown) <= limit
    if utf16_length(text) <= limit:
        assert shown == text
    shown.encode("utf-16")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, 100 %!", "plain words, 100 %!"),
        ("@everyone", "＠everyone"),
        ("@every\u200bone", "＠everyone"),
        ("<@123>", "\\<\\@123\\>"),
        ("# big", "\\# big"),
        ("-# small", "-\\# small"),
        ("> quote", "\\> quote"),
        ("[a](https://x.example)", "\\[a\\]\\(https\\:\\/\\/x.example\\)"),
        ("\\", "\\\\"),
        ("", ""),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_length_counts_utf16_units_after_escaping() -> None:
    assert utf16_length("a😀") == 3
    assert clean("😀" * 30, 20) == "😀" * 9 + "…"
    assert clean("*" * 30, 20) == "\\*" * 9 + "…"
    assert clean("a" * 20, 20) == "a" * 20
