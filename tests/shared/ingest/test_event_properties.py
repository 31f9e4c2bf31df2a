"""Properties that tell who somebody is are left out, whatever a client calls them; the others stay."""

import pytest

from shared.config import load_settings
from shared.ingest.event_properties import Value, clean_properties

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
        ("where", "2001:db8::1"),
        ("where", "[2001:db8::1]"),
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
        ("path", "/a/b"),
    ],
)
def test_what_says_nothing_of_anybody_stays(key: str, value: Value) -> None:
    assert clean_properties("told", {key: value}, CATALOGUE) == {key: value}
