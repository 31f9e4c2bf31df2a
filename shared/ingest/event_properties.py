"""Cleans the properties of an event: free text loses personal data, secrets, and the queries of addresses."""

import re
from collections.abc import Mapping

from shared.event_catalogue import Catalogue
from shared.guard.redaction import redact

Value = str | int | float | bool | None
# From the "?" or "#" behind a "/" to the next space; each start is tried once, so the time grows with the length.
ADDRESS_TAIL = re.compile(r"(?<!\S)([^\s/]*/[^\s?#]*)[?#]\S*")
QUERY = re.compile(r"\?[^\s=?]{0,100}=\S*")
SHORT = 20  # letters alone, fewer than any secret has


def clean_properties(name: str, props: Mapping[str, Value], catalogue: Catalogue) -> dict[str, Value]:
    """What is stored of an event's `props`; an absent value is none."""
    if not props:
        return {}
    plain = catalogue.plain_properties(name)
    return {
        key: value if key in plain or not isinstance(value, str) else clean_free_text(value)
        for key, value in props.items()
        if value is not None
    }


def clean_free_text(text: str) -> str:
    """The text without what could name a person or open a door."""
    if len(text) < SHORT and text.isascii() and text.isalpha():
        return text
    return redact(QUERY.sub("", ADDRESS_TAIL.sub(r"\1", text))).text
