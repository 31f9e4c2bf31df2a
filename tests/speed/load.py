"""A load of fixed size over keep-alive connections of loopback, as cheap as Python allows."""

import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass
from typing import cast

from shared.identifiers import random_uuid

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PAGES = 40


@dataclass(frozen=True)
class Measured:
    per_second: float
    p50_ms: float
    p99_ms: float


def make_requests(count: int, events: int) -> deque[bytes]:
    """Requests of ready bytes; every id and every view is new."""
    return deque(make_request(number, events) for number in range(count))


def make_request(number: int, events: int) -> bytes:
    sent = [
        {
            "id": random_uuid(),
            "name": "page_view" if (number + index) % 4 == 0 else "engagement",
            "view": random_uuid(),
            "page": f"/guide/page-{(number + index) % PAGES}",
            "title": "A page of the guide",
            "marked": (number + index) % 4 == 0,
            "engaged_ms": 1200,
        }
        for index in range(events)
    ]
    body = json.dumps({"site": "docs", "events": sent}).encode()
    head = (
        f"POST /track HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {AGENT} {number % 500}\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Sender(asyncio.Protocol):
    """Sends the next request when the last one is answered."""

    def __init__(self, requests: deque[bytes], seconds: list[float]) -> None:
        self._requests = requests
        self._seconds = seconds
        self._answer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        if not self._requests:
            self._transport.close()
            return
        self._started = time.perf_counter()
        self._transport.write(self._requests.popleft())

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._answer.endswith(b"\r\n\r\n"):
            return
        if not self._answer.startswith(b"HTTP/1.1 202"):
            self.done.set_exception(RuntimeError(f"answered {self._answer[:200]!r}"))
            self._transport.close()
            return
        self._seconds.append(time.perf_counter() - self._started)
        self._answer = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def send_all(port: int, requests: deque[bytes], connections: int) -> Measured:
    """Sends every request once over so many connections."""
    seconds: list[float] = []
    count = len(requests)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    senders = []
    for _ in range(connections):
        _, sender = await loop.create_connection(lambda: _Sender(requests, seconds), "127.0.0.1", port)
        senders.append(sender)
    await asyncio.gather(*(sender.done for sender in senders))
    elapsed = time.perf_counter() - started
    if len(seconds) != count:
        raise RuntimeError(f"{count - len(seconds)} requests were not answered")
    seconds.sort()
    return Measured(count / elapsed, seconds[count // 2] * 1000, seconds[int(count * 0.99)] * 1000)
