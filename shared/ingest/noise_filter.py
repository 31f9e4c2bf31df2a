"""Who is not a visitor, and who does not want to be counted.

Comes in: request headers. Goes out: yes or no for a bot, the name of the wish for an opt-out. Stores nothing;
the user agent is looked at and forgotten.
"""

import functools
import re
from collections.abc import Mapping

from shared.config import DEMO_SITE

MAX_USER_AGENT_LENGTH = 512
CACHE_SIZE = 4_096

# Automation that says so itself. Nothing here may match a browser with a person in front of it.
_AUTOMATION = (
    r"HeadlessChrome/",
    r"\bPhantomJS\b",
    r"\bSlimerJS\b",
    r"\bPlaywright\b",
    r"\bPuppeteer\b",
    r"\bSelenium\b",
    r"\bCypress/",
    r"^Mozilla/[45]\.0$",
)

# Plain HTTP programs: somebody's own tool, the back end of a form, a first try by hand. The list has them, yet they
# crawl nothing.
_LIBRARIES = re.compile(
    r"^(?:curl|Wget|HTTPie|python-requests|python-httpx|Python-urllib|Python/[\d.]+ aiohttp|Go-http-client|okhttp|axios"
    r"|node-fetch|undici|libwww-perl|PostmanRuntime)\b[ /\w.();-]*$",
    re.ASCII,
)


# What today's browsers say and nothing else; no name on the list is one of these. It saves the list, which takes half a
# second to prepare and up to a millisecond for each new name.
_SYSTEMS = (
    r"X11; (?:Ubuntu; )?Linux (?:x86_64|aarch64)",
    r"Windows NT 1[01]\.0; Win64; x64",
    r"Macintosh; Intel Mac OS X [0-9_.]{1,10}",
    r"Linux; Android [0-9.]{1,6}; K",
    r"Android [0-9.]{1,6}; Mobile",
    r"iP(?:hone|ad); CPU (?:iPhone )?OS [0-9_]{1,8} like Mac OS X",
)
_ENGINES = (
    r"Gecko/[0-9.]{1,9} Firefox/[0-9.]{1,8}",
    r"AppleWebKit/[0-9.]{1,9} \(KHTML, like Gecko\)(?: Chrome/[0-9.]{1,16})?(?: Version/[0-9.]{1,9})?"
    r"(?: Mobile(?:/[0-9A-Z]{1,8})?)? Safari/[0-9.]{1,9}(?: Edg/[0-9.]{1,16})?",
)
_PLAIN_BROWSER = re.compile(
    rf"Mozilla/5\.0 \((?:{'|'.join(_SYSTEMS)})(?:; rv:[0-9.]{{1,8}})?\) (?:{'|'.join(_ENGINES)})", re.ASCII
)


def is_bot(user_agent: str | None, site: str) -> bool:
    """Whether a sender without a key is dropped as a bot; on the demo nobody is, so that a test may walk through it."""
    return site != DEMO_SITE and is_known_bot(user_agent)


def is_known_bot(user_agent: str | None) -> bool:
    """True for crawlers on the monthly list, for automation that names itself, and for no name at all.

    Ask for traffic without an API key only.
    """
    return not user_agent or _matches_known_bot(user_agent[:MAX_USER_AGENT_LENGTH])


def opted_out(headers: Mapping[str, str]) -> str | None:
    """ "gpc" or "dnt" when the browser asks not to be followed; header names in any case.

    Said twice, by the browser and by an extension of it, counts as well: as two headers, or as one with a comma.
    """
    if not headers:
        return None
    wishes = {name.lower() for name, value in headers.items() if "1" in map(str.strip, value.split(","))}
    if "sec-gpc" in wishes:
        return "gpc"
    return "dnt" if "dnt" in wishes else None


# Keyed by the name only for as long as it is among the last few thousand different ones; never written anywhere.
@functools.lru_cache(maxsize=CACHE_SIZE)
def _matches_known_bot(user_agent: str) -> bool:
    name = user_agent.strip()
    if not name:
        return True
    if _PLAIN_BROWSER.fullmatch(name) or _LIBRARIES.match(user_agent):
        return False
    return _bot_pattern().search(name) is not None


@functools.cache
def _bot_pattern() -> re.Pattern[str]:
    import crawleruseragents

    listed = (entry["pattern"] for entry in crawleruseragents.CRAWLER_USER_AGENTS_DATA)
    return re.compile("|".join(f"(?:{pattern})" for pattern in (*listed, *_AUTOMATION)))
