"""Properties that tell who somebody is are left out, whatever a client calls them; the others stay."""

import json

import pytest

from shared.config import load_settings
from shared.ingest.event_properties import (
    ORDINARY,
    TEXTS_REMEMBERED,
    Value,
    clean_free_text,
    clean_label,
    clean_name,
    clean_properties,
)

CATALOGUE = load_settings({}).event_catalogue
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ip", "203.0.113.7"),
        ("$ip", "anything"),
        ("client_ip", "hidden"),
        ("X-Forwarded-For", "203.0.113.7, 10.0.0.1"),
        ("where", "203.0.113.7"),
        ("conversion_from", "203.0.113.7"),
        ("where", "2001:db8::1"),
        ("where", "[2001:db8::1]"),
        ("peer", "203.0.113.7:51034"),
        ("peer", "[2001:db8::1]:443"),
        ("via", "203.0.113.7, 10.0.0.1:80, 2001:db8::1"),
        ("$user_agent", "curl/8"),
        ("userAgent", "curl/8"),
        ("browser", AGENT),
        ("Cookie", "session=1"),
        ("set-cookie", "session=1"),
        ("authorization", "Bearer abc"),
    ],
)
def test_who_somebody_is_is_left_out(key: str, value: Value) -> None:
    assert clean_properties("told", {key: value, "plan": "pro"}, CATALOGUE) == {"plan": "pro"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", "1.2.3.4"),
        ("app_version", "10.0.0.1"),
        ("zip", "12345"),
        ("browser", "Firefox"),
        ("tip", "use tabs"),
        ("cookies_accepted", True),
        ("count", 3),
        ("face", "face"),
        ("hash", "deadbeef"),
        ("range", "1, 2"),
        ("time", "12:30"),
        ("a long name with words", 1),
        ("Ü-Zahl", 1),
        ("path", "/a/b"),
        ("element", "main.content > a"),
        ("release", "version 1.2.3.4"),
    ],
)
def test_what_says_nothing_of_anybody_stays(key: str, value: Value) -> None:
    assert clean_properties("told", {key: value}, CATALOGUE) == {key: value}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("ip:203.0.113.79", "ip:[address removed]"),
        ("203.0.113.78/32", "[address removed]/32"),
        ("docs.example.com#access_token=abc", "docs.example.com"),
        ("docs.example.com?abc", "docs.example.com"),
        ("?abc", ""),
        (json.dumps({"ip": "203.0.113.7", "ua": AGENT}), '{"ip": "[address removed]", "ua": "[user agent removed]"}'),
        (f"ua={AGENT}", "ua=[user agent removed]"),
    ],
)
def test_it_is_taken_out_of_longer_values(value: str, kept: str) -> None:
    assert clean_properties("told", {"note": value}, CATALOGUE) == {"note": kept}


def test_declared_texts_are_cleaned_like_all_others() -> None:
    """Whatever a sender puts into what should be a selector or the name of a campaign."""
    sent: dict[str, Value] = {"kind": "load", "source": "https://x.example/?q=1#f", "campaign": "ada@example.com"}
    kept = {"kind": "load", "source": "https://x.example/", "campaign": "[e-mail removed]"}
    assert clean_properties("page_view", sent, CATALOGUE) == kept
    selector = {"element": "#intro>ul:nth-of-type(2)>li:nth-of-type(3)"}
    assert clean_properties("click", selector, CATALOGUE) == selector


@pytest.mark.parametrize(
    "label", ["sign-up", "Sign up: step 2", "v1.2.3.4", "C/C#", "preis €5", "why?", "pricing/A", "2026-03 launch", "b"]
)
def test_a_name_that_a_team_gave_stays(label: str) -> None:
    assert clean_label(label) == label


@pytest.mark.parametrize(
    ("label", "kept"),
    [
        ("/welcome?token=abc", "/welcome"),
        ("ada@example.com", "[e-mail removed]"),
        ("for 203.0.113.7", "for [address removed]"),
        ("?token=abc", "unnamed"),
    ],
)
def test_what_is_no_name_of_a_team_is_cleaned(label: str, kept: str) -> None:
    assert clean_label(label) == kept


def test_only_what_holds_nothing_is_remembered() -> None:
    for number in range(TEXTS_REMEMBERED + 10):
        clean_free_text(f"text {number} of many")
    clean_free_text("write to ada@example.com")
    clean_free_text("x" * 500)
    clean_free_text("two\nlines")
    assert len(ORDINARY) <= TEXTS_REMEMBERED
    assert not {"write to ada@example.com", "x" * 500, "two\nlines"} & ORDINARY
    assert f"text {TEXTS_REMEMBERED + 9} of many" in ORDINARY


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Docs CTA Clicked", "Docs CTA Clicked"),
        ("ada@example.com", "[e-mail removed]"),
        ("open https://docs.example/a?token=1#b", "open https://docs.example/a"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[secret removed]"),
        ("?q=1", ""),
    ],
)
def test_a_name_of_a_senders_own_is_free_text(name: str, expected: str) -> None:
    assert clean_name(name) == expected
    assert clean_properties("told", {name: 1}, CATALOGUE) == ({expected: 1} if expected else {})
