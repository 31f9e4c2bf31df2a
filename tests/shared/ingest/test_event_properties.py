"""Properties that tell who somebody is are left out, whatever a client calls them; the others stay."""

import pytest

from shared.config import load_settings
from shared.ingest.event_properties import Value, clean_name, clean_properties

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
    ],
)
def test_what_says_nothing_of_anybody_stays(key: str, value: Value) -> None:
    assert clean_properties("told", {key: value}, CATALOGUE) == {key: value}


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
