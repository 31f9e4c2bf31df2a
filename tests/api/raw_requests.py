"""Bytes that no HTTP library would send, and the statuses that they may be answered with."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.api.running_api import BROWSER, make_event

REFUSED = ((400,), ())
HEAD = f"Host: 127.0.0.1\r\nUser-Agent: {BROWSER}\r\nContent-Type: text/plain\r\nConnection: close\r\n"


@dataclass(frozen=True)
class RawRequest:
    """`statuses` lists the allowed answers in order; the empty one is a closed connection."""

    name: str
    data: Callable[[], bytes]
    statuses: tuple[tuple[int, ...], ...] = REFUSED
    stored: int = 0
    ends: bool = False


def good_body() -> bytes:
    return json.dumps({"site": "docs", "events": [make_event()]}).encode()


def request(*headers: str, line: str = "POST /track HTTP/1.1", body: bytes | None = None, head: str = HEAD) -> bytes:
    """A request with exactly these extra headers; no length unless one is given."""
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"{line}\r\n{head}{lines}\r\n".encode("latin-1") + (good_body() if body is None else body)


def sized(body: bytes, *headers: str, line: str = "POST /track HTTP/1.1", head: str = HEAD) -> bytes:
    return request(f"Content-Length: {len(body)}", *headers, line=line, body=body, head=head)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return request("Transfer-Encoding: chunked", body=b"".join(chunks) + end)


def chunk(data: bytes, size: str | None = None) -> bytes:
    return (
        f"{len(data):x}".encode() + b"\r\n" + data + b"\r\n"
        if size is None
        else size.encode() + b"\r\n" + data + b"\r\n"
    )


def keep_alive() -> str:
    return HEAD.replace("close", "keep-alive")


RAW_REQUESTS = (
    RawRequest("a good one", lambda: sized(good_body()), ((202,),), stored=1),
    RawRequest("good, in chunks", lambda: chunked(chunk(good_body())), ((202,),), stored=1),
    RawRequest(
        "no content type",
        lambda: sized(good_body(), head=HEAD.replace("Content-Type: text/plain\r\n", "")),
        ((202,),),
        1,
    ),
    RawRequest(
        "two in one write", lambda: sized(good_body(), head=keep_alive()) + sized(good_body()), ((202, 202),), 2
    ),
    RawRequest("continue", lambda: sized(good_body(), "Expect: 100-continue"), ((100, 202),), 1),
    RawRequest("HTTP/1.0", lambda: sized(good_body(), line="POST /track HTTP/1.0"), ((202,),), 1),
    RawRequest(
        "absolute address",
        lambda: sized(good_body(), line="POST http://evil.example/track HTTP/1.1"),
        ((202,), (400,)),
        1,
    ),
    RawRequest("nothing at all", lambda: b"", ((),), ends=True),
    RawRequest("garbage", lambda: b"\x00\xff\xfe garbage\r\n\r\n"),
    RawRequest("TLS greeting", lambda: bytes.fromhex("16030100c4010000c003032b") + b"\x00" * 100 + b"\r\n\r\n"),
    RawRequest("HTTP/0.9", lambda: b"GET /healthz\r\n\r\n"),
    RawRequest("HTTP/9.9", lambda: sized(good_body(), line="POST /track HTTP/9.9")),
    RawRequest("lower-case method", lambda: sized(good_body(), line="post /track HTTP/1.1")),
    RawRequest("space in the path", lambda: sized(good_body(), line="POST /tr ack HTTP/1.1")),
    RawRequest("line of 20000", lambda: request(line="GET /" + "a" * 20000 + " HTTP/1.1", body=b"")),
    RawRequest("header without colon", lambda: sized(good_body(), "nonsense")),
    RawRequest("space before the colon", lambda: sized(good_body(), "X-Bad : 1")),
    RawRequest("NUL in a header", lambda: sized(good_body(), "X-Bad: a\x00b")),
    RawRequest("bare CR in a header", lambda: sized(good_body(), "X-Bad: a\rb")),
    RawRequest("folded header", lambda: sized(good_body(), "X-Fold: a\r\n b")),
    RawRequest("header without name", lambda: sized(good_body(), ": empty")),
    RawRequest("two hosts", lambda: sized(good_body(), "Host: evil.example")),
    RawRequest("2000 headers", lambda: sized(good_body(), *(f"X-{n}: {n}" for n in range(2000)))),
    RawRequest("negative length", lambda: request("Content-Length: -5")),
    RawRequest("length with plus", lambda: request("Content-Length: +5")),
    RawRequest("length in words", lambda: request("Content-Length: many")),
    RawRequest("two lengths", lambda: request("Content-Length: 5", "Content-Length: 6")),
    RawRequest("list of lengths", lambda: request("Content-Length: 5, 5")),
    RawRequest("length of 30 digits", lambda: request("Content-Length: " + "9" * 30)),
    RawRequest("length beyond the limit", lambda: request("Content-Length: 10000000", body=b"x"), ((413,),)),
    RawRequest(
        "length and chunks", lambda: request("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n")
    ),
    RawRequest("unknown coding", lambda: request("Transfer-Encoding: xchunked"), ((400,), (415,), (501,), ())),
    RawRequest("coding twice", lambda: request("Transfer-Encoding: chunked", "Transfer-Encoding: identity")),
    RawRequest("bad chunk size", lambda: chunked(chunk(b"x", "zz"))),
    RawRequest("negative chunk size", lambda: chunked(chunk(b"x", "-1"))),
    RawRequest("huge chunk size", lambda: chunked(chunk(b"x", "f" * 20))),
    RawRequest("chunk longer than said", lambda: chunked(chunk(good_body(), "5"))),
    RawRequest("chunks beyond the limit", lambda: chunked(*[chunk(b" " * 8000)] * 10), ((413,),)),
    RawRequest("chunks cut off", lambda: chunked(chunk(good_body()), end=b""), ((400,), ()), ends=True),
    RawRequest("body cut off", lambda: request("Content-Length: 5000"), ((400,), ()), ends=True),
    RawRequest("body that never comes", lambda: request("Content-Length: 5000", body=b"{"), ((400,), (408,))),
    RawRequest("headers that never end", lambda: b"POST /track HTTP/1.1\r\nHost: x\r\n", ((), (400,), (408,))),
    RawRequest("options for all", lambda: request(line="OPTIONS * HTTP/1.1", body=b""), ((400,), (404,), (405,))),
    RawRequest(
        "connect", lambda: request(line="CONNECT evil.example:443 HTTP/1.1", body=b""), ((400,), (404,), (405,), ())
    ),
    RawRequest("upgrade", lambda: sized(good_body(), "Upgrade: websocket"), ((202,), (400,)), 1),
    RawRequest("line feeds only", lambda: sized(good_body()).replace(b"\r\n", b"\n"), ((400,), ())),
    RawRequest("agent in latin-1", lambda: sized(good_body(), head=HEAD.replace("Chrome", "Chr\xf6me")), ((202,),), 1),
    RawRequest(
        "type in latin-1", lambda: sized(good_body(), head=HEAD.replace("text/plain", "t\xebxt")), ((400,), (415,))
    ),
    RawRequest("key in latin-1", lambda: sized(good_body(), "Authorization: Bearer \xe9\xff"), ((401,),)),
    RawRequest("binary after the headers", lambda: sized(bytes(range(256)))),
    RawRequest("encoded NUL in the path", lambda: sized(good_body(), line="POST /track%00 HTTP/1.1"), ((404,),)),
    RawRequest("encoded slash in the path", lambda: sized(good_body(), line="POST /%2ftrack HTTP/1.1"), ((404,),)),
    RawRequest("two slashes", lambda: sized(good_body(), line="POST //track HTTP/1.1"), ((404,), (400,))),
    RawRequest("climbing path", lambda: request(line="GET /static/../../../config.toml HTTP/1.1", body=b""), ((404,),)),
    RawRequest("bad escape in the path", lambda: request(line="GET /static/%zz HTTP/1.1", body=b""), ((404,), (400,))),
)
