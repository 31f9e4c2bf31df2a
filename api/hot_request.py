"""A `POST /track` as nearly every sender writes it, read from one piece of bytes.

Stricter than HTTP asks for: one piece that is the whole request and nothing else, plain header lines, a length in
digits. None for everything else, which then goes the ordinary way; so nothing is refused here, and nothing is
understood differently.
"""

import re

import msgspec

REQUEST = re.compile(
    rb"POST (/track|/api/track) HTTP/1\.1\r\n((?:[A-Za-z0-9-]{1,64}:[\t\x20-\x7e\x80-\xff]*\r\n){1,40})\r\n"
)
LARGEST_HEAD = 8000
# Whoever sends one of these wants more than to hand in events, or says it in another way.
UNUSUAL = frozenset(
    {
        b"authorization",
        b"content-encoding",
        b"expect",
        b"openpanel-client-id",
        b"openpanel-client-secret",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


class HotRequest(msgspec.Struct, frozen=True):
    """What the way of events needs to know; header names in lower case."""

    path: str
    headers: dict[bytes, bytes]
    body: bytes

    def header(self, name: bytes) -> str:
        """A header's value as aiohttp reads it; empty when there is none."""
        return self.headers.get(name, b"").decode("utf-8", "surrogateescape")


def read_request(data: bytes) -> HotRequest | None:
    """The request, if these bytes are one such request and nothing else."""
    found = REQUEST.match(data, 0, LARGEST_HEAD)
    if found is None:
        return None
    headers: dict[bytes, bytes] = {}
    for line in found[2].split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name in headers or name in UNUSUAL:
            return None
        headers[name] = value.strip(b" \t")
    length = headers.get(b"content-length", b"")
    if not (length.isdigit() and len(length) < 8 and b"host" in headers):
        return None
    if headers.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    body = data[found.end() :]
    return HotRequest(found[1].decode(), headers, body) if len(body) == int(length) else None
