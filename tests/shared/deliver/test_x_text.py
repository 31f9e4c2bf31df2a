import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.deliver.x_text import clean, fit, weighted_length


# By the rules of twitter-text, config/v3.json: ranges, emoji parsing, transformed address length 23.
@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("a" * 280, 280),
        ("Grüße", 5),
        ("日本語", 6),
        ("한국", 4),
        ("😀", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("👍🏽", 2),
        ("🇩🇪", 2),
        ("1️⃣", 2),
        ("…", 2),
        ("https://example.com/" + "x" * 200, 23),
        ("see http://a.co now", 31),
        ("see https://a.co.", 28),
        ("e\u0301", 1),
    ],
)
def test_weighted_length(text: str, length: int) -> None:
    assert weighted_length(text) == length


_PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "https://example.com/a?b=1",
                "example.com",
                "😀",
                "👨‍👩‍👧‍👦",
                "🇩🇪",
                "1️⃣",
                "…",
                "日本",
                " ",
                ".",
                "a.b",
                "e\u0301",
            ]
        ),
        st.text(max_size=8),
    ),
    max_size=80,
).map("".join)


@given(_PIECES, st.integers(min_value=2, max_value=280))
def test_what_fits_is_never_longer(text: str, limit: int) -> None:
    assert weighted_length(fit(text, limit)) <= limit


def test_short_text_stays_and_long_text_ends_with_an_ellipsis() -> None:
    assert fit("short") == "short"
    assert fit("a" * 300) == "a" * 278 + "…"
    assert fit("a" * 270 + " https://example.com/page") == "a" * 270 + "…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("hi @ada", "hi @ ada"), ("＠ada", "＠ ada"), ("#win $TSLA", "# win $ TSLA"), ("a\u202eb", "ab")],
)
def test_untrusted_text_addresses_nobody(text: str, shown: str) -> None:
    assert clean(text) == shown
