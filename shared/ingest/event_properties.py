"""Cleans the properties of an event: free text loses personal data, secrets, and the queries of addresses."""

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address

from shared.event_catalogue import Catalogue
from shared.guard.redaction import redact

Value = str | int | float | bool | None
# From the "?" or "#" behind a "/" to the next space; each start is tried once, so the time grows with the length.
ADDRESS_TAIL = re.compile(r"(?<!\S)([^\s/]*/[^\s?#]*)[?#]\S*")
QUERY = re.compile(r"\?[^\s=?]{0,100}=\S*")
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
WITH_PORT = re.compile(r"^([0-9.]+|\[[^\]]*\]):[0-9]{1,5}$")
SHORTEST_ADDRESS, LONGEST_ADDRESSES = 3, 200
NAMES_REMEMBERED = 4096
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
                kept[key] = value
        elif value is not None and not _tells_who(key, value) and (cleaned := clean_name(key)):
            kept[cleaned] = clean_free_text(value) if isinstance(value, str) else value
    return kept


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
    is_version = VERSION.search(plain_key) is not None  # 1.2.3.4 may be one
    return USER_AGENT.match(value) is not None or (not is_version and _is_address(value))


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
    if len(text) < SHORT and text.isascii() and text.isalpha():
        return text
    return redact(QUERY.sub("", ADDRESS_TAIL.sub(r"\1", text))).text
