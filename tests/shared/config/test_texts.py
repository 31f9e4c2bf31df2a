"""Texts: language, fallback, plural forms, and values that cannot reach anything else."""

import pytest

from shared.config import load_settings
from shared.texts import Texts, plural_form

TEXTS = Texts(
    {
        "en": {"hello": "Hello {name}", "wait": {"one": "{count} minute", "other": "{count} minutes"}},
        "de": {"hello": "Hallo {name}"},
        "pl": {"wait": {"one": "{count} minuta", "few": "{count} minuty", "many": "{count} minut", "other": "?"}},
    }
)


def test_the_nearest_language_is_chosen() -> None:
    assert TEXTS.say("de-AT", "hello", name="Ada") == "Hallo Ada"
    assert TEXTS.say("de", "wait", count=2) == "2 minutes"
    assert TEXTS.say(None, "hello", name="Ada") == "Hello Ada"


def test_a_translation_is_never_english() -> None:
    assert TEXTS.translation("de-AT", "hello") == "Hallo {name}"
    assert TEXTS.translation("de", "wait") is None
    assert TEXTS.translation("en-GB", "hello") is None


def test_a_page_says_in_which_language_it_is() -> None:
    assert [TEXTS.nearest(language) for language in ("de-AT", "tlh", None)] == ["de", "en", "en"]


def test_plural_forms_follow_the_language() -> None:
    assert [TEXTS.say("en", "wait", count=n) for n in (1, 2)] == ["1 minute", "2 minutes"]
    assert [TEXTS.say("pl", "wait", count=n) for n in (1, 3, 5)] == ["1 minuta", "3 minuty", "5 minut"]
    assert plural_form("fr", 0) == "one"
    assert plural_form("ru", 21) == "one"


@pytest.mark.parametrize(
    ("language", "forms"),
    [  # from the CLDR table of plural rules
        ("ar", {0: "zero", 1: "one", 2: "two", 3: "few", 10: "few", 11: "many", 99: "many", 100: "other", 103: "few"}),
        ("he", {1: "one", 2: "two", 3: "other"}),
        ("hr", {1: "one", 11: "other", 21: "one", 22: "few", 25: "other"}),
        ("lt", {1: "one", 10: "other", 11: "other", 21: "one", 22: "few"}),
        ("lv", {0: "zero", 1: "one", 11: "zero", 21: "one", 22: "other"}),
        ("ro", {0: "few", 1: "one", 19: "few", 20: "other", 101: "few", 120: "other"}),
        ("sl", {1: "one", 2: "two", 3: "few", 5: "other", 101: "one"}),
    ],
)
def test_plural_forms_of_more_languages(language: str, forms: dict[int, str]) -> None:
    assert {count: plural_form(language, count) for count in forms} == forms


def test_a_value_is_only_text() -> None:
    assert TEXTS.say("en", "hello", name="{name.__class__} {0}") == "Hello {name.__class__} {0}"


def test_every_english_text_can_be_said() -> None:
    tables = load_settings({}).texts
    texts = Texts(tables)
    for key in tables["en"]:
        assert texts.say("en", key, count=2)
