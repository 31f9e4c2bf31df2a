"""The short way of `POST /track`: as the ordinary one in all that a sender sees, in any order of requests."""

import asyncio
import json
from typing import Any

import pytest

from api.hot_request import read_request
from shared.identifiers import random_uuid
from tests.api.running_api import RunningApi

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def body(**fields: Any) -> bytes:
    event = {"id": random_uuid(), "name": "page_view", "page": "/a", **fields}
    return json.dumps({"site": "docs", "events": [event]}).encode()


def request(content: bytes, *lines: str, path: str = "/track") -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: docs.example", f"User-Agent: {BROWSER}", "Content-Type: text/plain", *lines]
    return "\r\n".join([*head, f"Content-Length: {len(content)}", "", ""]).encode() + content


@pytest.mark.parametrize(
    "data",
    [
        request(b"{}", "Transfer-Encoding: chunked"),
        request(b"{}", "Content-Length: 2"),
        request(b"{}", "Connection: close"),
        request(b"{}", "Expect: 100-continue"),
        request(b"{}", "Authorization: Bearer wr_x"),
        request(b"{}", "Content-Encoding: gzip"),
        request(b"{}", "Bad Name: x"),
        request(b"{}", "X: a\x00b"),
        request(b"{}", " folded: x"),
        request(b"{}", "X: " + "y" * 9000),
        request(b"{}", path="/track?x"),
        request(b"{}", path="/feedback"),
        request(b"{}")[:-1],
        request(b"{}") + b"x",
        request(b"{}").replace(b"HTTP/1.1", b"HTTP/1.0"),
        request(b"{}").replace(b"POST", b"GET"),
        request(b"{}").replace(b"Host: docs.example\r\n", b""),
        request(b"{}").replace(b"\r\n", b"\n"),
        request(b"{}").replace(b"Content-Length: 2", b"Content-Length: +2"),
        request(b"{}").replace(b"Content-Length: 2", b"Content-Length: 0x2"),
        b"",
    ],
)
def test_what_is_unusual_goes_the_ordinary_way(data: bytes) -> None:
    assert read_request(data) is None


def test_a_plain_request_is_read() -> None:
    found = read_request(request(b"{}", "Sec-GPC: 1", "Origin: https://docs.example"))
    assert found is not None
    assert (found.path, found.body, found.header(b"sec-gpc"), found.header(b"user-agent")) == (
        "/track",
        b"{}",
        "1",
        BROWSER,
    )


class Wire:
    """A connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(10):
            status = int((await self.reader.readline()).split()[1])
            headers = {}
            while (line := await self.reader.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            return status, headers, await self.reader.readexactly(int(headers.get("content-length", 0)))


@pytest.fixture
async def wire(api: RunningApi) -> Any:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    yield Wire(reader, writer)
    writer.close()


async def test_both_ways_answer_alike(api: RunningApi, wire: Wire) -> None:
    """The same requests on a new connection, and on one that has gone the ordinary way already."""
    contents = [body(), body(page=5), b"not json", json.dumps({"site": "docs", "events": []}).encode(), body(at=-1)]
    mixed = json.loads(body())
    mixed["events"].append({"id": "bad", "name": 5})
    contents.append(json.dumps(mixed).encode())
    short = []
    for content in contents:
        wire.writer.write(request(content))
        short.append(await wire.answer())
    wire.writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await wire.answer())[0] == 200
    for content, (status, headers, said) in zip(contents, short, strict=True):
        wire.writer.write(request(content))
        other = await wire.answer()
        assert (status, sorted(headers)) == (other[0], sorted(other[1])), content
        if said:
            changes = {"stored": None, "repeated": None}
            assert json.loads(said) | changes == json.loads(other[2]) | changes
        assert {name: value for name, value in headers.items() if name not in ("date", "content-length")} == {
            name: value for name, value in other[1].items() if name not in ("date", "content-length")
        }


async def test_requests_sent_in_one_go_are_answered_in_order(api: RunningApi, wire: Wire) -> None:
    wire.writer.write(request(body()))
    await asyncio.sleep(0)
    wire.writer.write(request(body(page=5)) + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + request(body()))
    assert [(await wire.answer())[0] for _ in range(4)] == [202, 400, 200, 202]


async def test_a_request_in_two_pieces_is_taken(api: RunningApi, wire: Wire) -> None:
    data = request(body())
    wire.writer.write(data[:50])
    await wire.writer.drain()
    await asyncio.sleep(0.01)
    wire.writer.write(data[50:])
    assert (await wire.answer())[0] == 202


async def test_rules_hold_on_the_short_way(api: RunningApi, wire: Wire) -> None:
    wire.writer.write(request(body(), "DNT: 1"))
    assert (await wire.answer())[0] == 202
    wire.writer.write(request(body()).replace(BROWSER.encode(), b"Googlebot/2.1"))
    assert (await wire.answer())[0] == 202
    totals = api.runtime.meter.totals
    assert (totals["drop", "dnt"], totals["drop", "bot"], totals["stored", ""]) == (1, 1, 0)
    assert totals["answer", "track:2xx"] == 2
