from collections.abc import Mapping

import crawleruseragents
import pytest
from multidict import CIMultiDict

from shared.ingest import noise_filter
from shared.ingest.noise_filter import _LIBRARIES, _matches_known_bot, is_bot, is_known_bot, opted_out

_CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) {}/140.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    "user_agent",
    [
        None,
        "",
        "  ",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        _CHROME.format("HeadlessChrome"),
        "Mozilla/5.0",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    ],
)
def test_bots_are_known(user_agent: str | None) -> None:
    assert is_known_bot(user_agent)


@pytest.mark.parametrize(
    "user_agent",
    [
        _CHROME.format("Chrome"),
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
        "Safari/605.1.15",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
        "Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 10; CUBOT X30) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile "
        "Safari/537.36",
        _CHROME.format("Chrome") + " Edg/140.0.0.0",
        "curl/8.5.0",
        "python-requests/2.32",
        "Python/3.11 aiohttp/3.14.5",
        "Go-http-client/2.0",
    ],
)
def test_people_are_not_bots(user_agent: str) -> None:
    assert not is_known_bot(user_agent)


def test_a_crawler_in_a_programs_name_is_still_a_crawler() -> None:
    assert is_known_bot("curl/8.5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
    assert is_known_bot("Python/3.11 aiohttp/3.14.5 https://crawler.example/")


def test_nobody_is_a_bot_on_the_demo() -> None:
    assert not is_bot(_CHROME.format("HeadlessChrome"), "demo")
    assert is_bot(_CHROME.format("HeadlessChrome"), "docs")


def test_every_example_of_the_list_is_found() -> None:
    examples = [text for entry in crawleruseragents.CRAWLER_USER_AGENTS_DATA for text in entry.get("instances", [])]
    missed = [text for text in examples if not is_known_bot(text) and not _LIBRARIES.match(text)]
    assert examples
    assert not missed


def test_the_cache_and_what_it_reads_are_bounded() -> None:
    assert _matches_known_bot.cache_info().maxsize == 4_096
    assert not is_known_bot("x" * 100_000 + "Googlebot")


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({"Sec-GPC": "1"}, "gpc"),
        ({"sec-gpc": " 1 ", "dnt": "1"}, "gpc"),
        ({"DNT": "1"}, "dnt"),
        ({"Sec-GPC": "1, 1"}, "gpc"),
        ({"Sec-GPC": "0", "DNT": "0,1"}, "dnt"),
        (CIMultiDict([("Sec-GPC", "0"), ("sec-gpc", "1")]), "gpc"),
        ({"DNT": "0", "Sec-GPC": "0", "Accept": "1"}, None),
        ({"DNT": "unspecified"}, None),
        ({}, None),
    ],
)
def test_the_wish_not_to_be_followed(headers: Mapping[str, str], wish: str | None) -> None:
    assert opted_out(headers) == wish


PLAIN_BROWSERS = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 "
    "Edg/140.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 "
    "Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
]


@pytest.mark.parametrize("agent", PLAIN_BROWSERS)
def test_a_plain_browser_is_known_without_the_list_and_the_list_agrees(agent: str) -> None:
    assert noise_filter._PLAIN_BROWSER.fullmatch(agent)
    assert noise_filter._bot_pattern().search(agent) is None


def test_no_name_on_the_list_passes_as_a_plain_browser() -> None:
    names = [name for entry in crawleruseragents.CRAWLER_USER_AGENTS_DATA for name in entry.get("instances", [])]
    assert len(names) > 500
    assert [name for name in names if noise_filter._PLAIN_BROWSER.fullmatch(name.strip())] == []
