import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.guard.redaction import redact

# Written in two parts, so that no scanner takes this file for a leak.
_SECRETS = [
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345",
    "github_pat_" + "11ABCDEFG0abcdefghijkl_mnop",
    "glpat-" + "abcdefghij0123456789",
    "xoxb-" + "1234567890-abcdefghij",
    "MTk4NjIyNDgzNDcxOTI1MjQ4." + "Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs",
    "sk_live_" + "abcdefghijklmnop1234",
    "whsec_" + "abcdefghijklmnop1234",
    "AIza" + "SyA1234567890abcdefghijklmnopqrstuvw",
    "sk-proj-" + "abcdef1234567890abcdef",
    "npm_" + "abcdefghijklmnopqrstuvwxyz0123456789",
    "pypi-" + "AgEIcHlwaS5vcmcCJDU0MTk0ZjQ3LTQ4ZTctNGFkMi1hYzQ3LTk",
    "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nno end",
    "https://discord.com/api/" + "webhooks/123456789012345678/abcDEF_ghi-jkl012345",
    "https://discordapp.com/api/v10/" + "webhooks/123456789012345678/abcDEF_ghi-jkl012345",
    "https://hooks.slack.com/" + "services/T00000000/B00000000/abcdefghijkl",
]


@pytest.mark.parametrize("secret", _SECRETS)
def test_secrets_of_known_shape_are_removed(secret: str) -> None:
    result = redact(f"it says {secret}")
    assert (result.text, dict(result.counts)) == ("it says [secret removed]", {"secret": 1})


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("password=hunter2", "password=[secret removed]"),
        ('DB_PASSWORD: "hunter two"', "DB_PASSWORD: [secret removed]"),
        ("my password: hunter2, ok", "my password: [secret removed], ok"),
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer [secret removed]"),
        ("-H 'authorization: Basic dXNlcjpwYXNz'", "-H 'authorization: Basic [secret removed]'"),
        ("with Bearer abcdefgh12345678", "with Bearer [secret removed]"),
        ("postgres://bob:s3cret@db.example.com/x", "postgres://[secret removed]@db.example.com/x"),
        ("/a?api_key=abcd1234efgh&x=1", "/a?api_key=[secret removed]&x=1"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = [secret removed]"),
        ('{"token": "abcdefgh"}', '{"token": [secret removed]}'),
    ],
)
def test_secrets_that_are_named_are_removed(text: str, left: str) -> None:
    assert redact(text).text == left


@pytest.mark.parametrize(
    "address",
    [
        "jane.doe+x@example.co.uk",
        "JANE@EXAMPLE.COM",
        "jöhn@müller.example",
        "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ",
        "ja\u200bne@exam\u00adple.com",
        "jane (at) example.com",
        "jane[at]example.com",
        "a_b@xn--mller-kva.example",
    ],
)
def test_email_addresses_are_removed(address: str) -> None:
    assert redact(f"write to {address}, please").text == "write to [e-mail removed], please"


@pytest.mark.parametrize(
    "number",
    [
        "+49 (0)30 1234567",
        "+1 555 123 4567",
        "+15551234567",
        "+44-20-7946-0958",
        "(555) 234-5678",
        "555-234-5678",
        "555.234.5678",
        "1-555-234-5678",
        "0171 2345678",
        "(030) 1234567",
        "0049 30 1234567",
        "020 7946 0958",
        "01 23 45 67 89",
        "＋４９ ３０ １２３４５６７",
        "+٤٩ ٣٠ ١٢٣٤٥٦٧",
    ],
)
def test_phone_numbers_are_removed(number: str) -> None:
    assert redact(f"call {number} today").text == "call [phone number removed] today"


def test_a_number_that_is_called_a_phone_number_is_removed() -> None:
    assert redact("my phone is 5552345678").text == "my phone is [phone number removed]"


@pytest.mark.parametrize(
    "number",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111111111111111",
        "378282246310005",
        "3782 822463 10005",
        "5555555555554444",
        "4222222222222",
        "４１１１ １１１１ １１１１ １１１１",
    ],
)
def test_card_numbers_are_removed(number: str) -> None:
    assert redact(f"on 2024-10-12 {number} was charged").text == "on 2024-10-12 [card number removed] was charged"


@pytest.mark.parametrize(
    "text",
    [
        "v1.2.3-beta.4 broke 2024-10-12 at 10.0.0.1:8080, error 0x80070005, "
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "1.2.3.4 and 192.168.100.200",
        "12.10.2024 10:30, 2024-10-12T10:30:00+02:00, 10:30-11:45",
        "2024-10-12 10:30:00.123456",
        "id 1234567890123456789 at 1731234567890",
        "4111 1111 1111 1112",
        "uuid 550e8400-e29b-41d4-a716-446655440000",
        "git clone git@github.com:org/repo.git",
        "icon@2x.png",
        "npm i react@18.2.0-rc.1 @scope/pkg@1.0.0-alpha.beta",
        "password: how do I reset it?",
        "Where is the API key: I can't find it",
        "max_tokens=4096",
        "token = await getToken()",
        "Unexpected token: } at 12",
        "+1 great",
        "lines 100-200, port 8080 8081 8082",
        "Windows phone 10.0.15254.1, mobile: iOS 16.4.1",
        "1.2.3+20240101",
        "Bearer authentication is unclear",
        "pi is 3.14159265358979, chrome/140.0.7339.80",
        "100 000 000 or 1,234,567.89 rows",
        "isbn 978-3-16-148410-0",
        "ECONNREFUSED 127.0.0.1:5432 after 30000 ms",
        "https://docs.example.com/@user/post?b=1#c",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "meet @ example.com",
        "use --token-file or $API_KEY",
        "größer als ０ und １２",
    ],
)
def test_what_feedback_is_full_of_stays(text: str) -> None:
    result = redact(text)
    assert (result.text, dict(result.counts)) == (text, {})


def test_counts_say_how_many_of_each() -> None:
    result = redact("a@b.example, c@d.example, +1 555 123 4567, 4111 1111 1111 1111, password=x1y2")
    assert dict(result.counts) == {"email": 2, "phone": 1, "card": 1, "secret": 1}


_FRAGMENTS = st.one_of(
    st.sampled_from(
        [
            "a@b.example",
            "@c.example",
            "password=",
            "token: ",
            "Bearer ",
            "Authorization: ",
            "4111 1111 1111 1111",
            " ",
            "\n",
            "+1 555 123 4567",
            "555-234-5678",
            "[secret removed]",
            "[e-mail removed]",
            "://u:p@",
            "0",
            "1.",
            "-",
            '"',
            "at",
            "(at)",
            "sk-" + "proj-abcdef1234567890abcdef",
            "eyJ" + "hbGciOiJI.",
            "phone ",
            "＠",
            "４",
            "\u200b",
            "-----BEGIN PRIVATE KEY-----",
        ]
    ),
    st.text(alphabet=st.characters(exclude_categories=()), max_size=5),
)


@pytest.mark.slow
@settings(max_examples=500)
@given(st.lists(_FRAGMENTS, max_size=25).map("".join))
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = redact(text).text
    again = redact(once)
    assert (again.text, dict(again.counts)) == (once, {})


@pytest.mark.parametrize(
    ("alone", "kind"),
    [
        ("xoxb-" + "abcdefghij", "secret"),
        ("HTTPS://HOOKS.SLACK.COM/" + "SERVICES/T00000000/B00000000", "secret"),
        ("AUTHORIZATION:abcdef", "secret"),
        ("BOT abcdefghijklmno1", "secret"),
        ("PASSWORD=hunter", "secret"),
        ("x://u:p@h", "secret"),
        ("a[AT]b.co", "email"),
        ("a{ at }b.co", "email"),
        ("a@b.co", "email"),
        ("\uff11-555-234-5678", "phone"),
        ("\u0664\u0661" + "1" * 14, "card"),
    ],
)
def test_the_least_that_a_pattern_needs_is_not_overlooked(alone: str, kind: str) -> None:
    assert dict(redact(alone).counts) == {kind: 1}
    assert dict(redact(f"plain words {alone}").counts) == {kind: 1}


_SMALL_PIECES = st.sampled_from([*"aB1 .:=@/-_[](){}?#\u0661\u017f\u212a", "at", "bot ", "key", "pass", "eyJ", "word"])
_ALL_SIGNS = " //hooks bearer authorization bot = @ " + "x" * 20 + " 1 (at)"


@given(st.lists(_SMALL_PIECES, max_size=40).map("".join))
def test_a_quick_look_overlooks_nothing(text: str) -> None:
    """Behind the text stands what makes every pattern look; it holds nothing itself."""
    both = redact(f"{text} \n\n{_ALL_SIGNS}")
    assert (f"{redact(text).text} \n\n{_ALL_SIGNS}", both.counts) == (both.text, redact(text).counts)


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "1",
        "1 ",
        "a.",
        "a@",
        "a@b.co ",
        "@",
        "eyJ",
        "eyJaaaaaaaa.",
        "password=",
        'password="',
        "token: ",
        "4111 ",
        "4234-",
        "+1 ",
        "555-234-5678 ",
        "phone ",
        "tel 1(",
        "(",
        "://",
        "http://a:",
        "-----BEGIN PRIVATE KEY",
        "bearer ",
        "authorization: ",
        "１",
        "\u200b",
        "a-",
        "sk-",
        "M" * 22 + ".",
        "1.",
        "a (at) ",
        "a@a.a.",
        "discord.com/api/webhooks/",
        "\ud800",
    ],
)
def test_ten_times_the_text_takes_about_ten_times_as_long(piece: str) -> None:
    full = (piece * 65_536)[:65_536]
    few, many = _fastest(full[:6_554]), _fastest(full)
    # A quadratic pattern takes a hundred times as long; the rest is room for a busy machine.
    assert many < 30 * few + 0.01


def _fastest(text: str) -> float:
    durations = []
    for _ in range(3):
        started = time.thread_time()
        redact(text)
        durations.append(time.thread_time() - started)
    return min(durations)
