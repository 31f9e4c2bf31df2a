"""Cleans what senders write: free text loses personal data, secrets, and what requests carry (queries, addresses).

Most texts are ordinary and come again and again (titles, goals, elements), and this runs for every event: texts in
which nothing was found are remembered, so that they cost one look. What holds anything is never remembered.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address

from shared.event_catalogue import Catalogue
from shared.guard.redaction import redact
from shared.guard.request_traces import remove_traces

Value = str | int | float | bool | None
NEVER_KEPT = frozenset(
    {
        "ip",
        "ipaddress",
        "ipaddr",
        "ipv4",
        "ipv6",
        "clientip",
        "userip",
        "remoteip",
        "remoteaddr",
        "remoteaddress",
        "xforwardedfor",
        "xrealip",
        "useragent",
        "rawuseragent",
        "cookie",
        "cookies",
        "setcookie",
        "authorization",
    }
)
NO_LETTER = re.compile(r"[^A-Za-z0-9]+")
USER_AGENT = re.compile(r"\s*(?:Mozilla|Opera|Dalvik)/\d")
ADDRESS_BEGINS = frozenset("0123456789abcdefABCDEF:[")
VERSION = re.compile(r"(?<!con)version")
NUMBERS = re.compile(r"[0-9.]{1,40}")
WITH_PORT = re.compile(r"^([0-9.]+|\[[^\]]*\]):[0-9]{1,5}$")
SHORTEST_ADDRESS, LONGEST_ADDRESSES = 3, 200
NAMES_REMEMBERED = 4096
TEXTS_REMEMBERED, LONGEST_REMEMBERED = 4096, 200  # at most some 3 MB
ORDINARY: set[str] = set()  # printable texts in which nothing was found
UNNAMED = "unnamed"
SHORT = 20  # letters alone, fewer than any secret has


def clean_properties(name: str, props: Mapping[str, Value], catalogue: Catalogue) -> dict[str, Value]:
    """What is stored of an event's `props`; an absent value is none."""
    if not props:
        return {}
    plain = catalogue.plain_properties(name)
    kept: dict[str, Value] = {}
    for key, value in props.items():
        if key in plain:
            if value is not None:
                kept[key] = value if type(value) is not str or value in ORDINARY else clean_free_text(value)
        elif value is not None and not _tells_who(key, value) and (cleaned := clean_name(key)):
            kept[cleaned] = value if not isinstance(value, str) or value in ORDINARY else _clean_value(key, value)
    return kept


def _clean_value(key: str, value: str) -> str:
    return value if NUMBERS.fullmatch(value) and _names_version(key) else clean_free_text(value)


def _names_version(key: str) -> bool:
    """1.2.3.4 may be a version as well as an address."""
    return VERSION.search(NO_LETTER.sub("", key).lower()) is not None


@lru_cache(maxsize=NAMES_REMEMBERED)
def clean_name(name: str) -> str:
    """A name of a sender's own, of an event or a property: some put addresses of pages or of people into it."""
    return name if len(name) < SHORT and name.isidentifier() else clean_free_text(name).strip()


def _tells_who(key: str, value: Value) -> bool:
    """What clients like to send along and nobody may keep: addresses of computers, user agents, cookies."""
    plain_key = NO_LETTER.sub("", key).lower()
    if plain_key in NEVER_KEPT:
        return True
    if not isinstance(value, str) or len(value) < SHORTEST_ADDRESS:
        return False
    return USER_AGENT.match(value) is not None or (_is_address(value) and not _names_version(key))


def _is_address(text: str) -> bool:
    """One address of a computer, or several with commas between as proxies write them, each perhaps with its port."""
    if text[0] not in ADDRESS_BEGINS or len(text) > LONGEST_ADDRESSES:
        return False
    try:
        for part in text.split(","):
            ip_address(WITH_PORT.sub(r"\1", part.strip()).strip("[]"))
    except ValueError:
        return False
    return True


def clean_free_text(text: str) -> str:
    """The text without what could name a person or open a door."""
    if text in ORDINARY:
        return text
    cleaned = redact(remove_traces(text)).text
    if cleaned == text and len(text) <= LONGEST_REMEMBERED and text.isprintable():
        if len(ORDINARY) >= TEXTS_REMEMBERED:
            ORDINARY.clear()
        ORDINARY.add(text)
    return cleaned


def clean_label(label: str) -> str:
    """The same for a name that a team gave: of a goal, a variant, an experiment, a sequence."""
    return label if label in ORDINARY else clean_free_text(label).strip() or UNNAMED
