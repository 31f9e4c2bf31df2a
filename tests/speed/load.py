"""A load of fixed size over keep-alive connections of loopback, as cheap as Python allows."""

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140."
PAGES = 40
VISITORS = 500
EVENTS_PER_VIEW = 4
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Measured:
    per_second: float
    p50_ms: float
    p99_ms: float


def make_requests(count: int, events: int) -> deque[bytes]:
    """Requests of ready bytes as the docs-site script writes them; every id is new."""
    run = secrets.token_hex(4)
    return deque(make_request(number, events, run) for number in range(count))


def make_request(number: int, events: int, run: str = "") -> bytes:
    """One beacon: ids are the random name of the view and a count, a view has four events or those of one beacon."""
    first = number % EVENTS_PER_VIEW if events == 1 else 0
    view_number = number // EVENTS_PER_VIEW if events == 1 else number
    view = f"0.{_scattered(view_number)}{run or secrets.token_hex(4)}"
    sent = [_event(view, first + index, view_number) for index in range(events)]
    body = json.dumps(
        {"site": "docs", "view": view, "page": f"/guide/page-{view_number % PAGES}", "events": sent},
        separators=(",", ":"),
    ).encode()
    head = (
        f"POST /track HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: {AGENT}{view_number % VISITORS}\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _event(view: str, index: int, number: int) -> dict[str, object]:
    event: dict[str, object] = {"id": f"{view}{index}", "at": int(time.time() * 1000)}
    if index % EVENTS_PER_VIEW == 0:
        return {**event, "name": "page_view", "title": "A page of the guide", "marked": True, "props": {"kind": "load"}}
    return {**event, "name": "engagement", "engaged_ms": 1000 + number % 5000, "scroll_percent": 10 + number % 90}


def _scattered(number: int) -> str:
    """Five letters and digits without order, other ones for every number below 36^5."""
    scattered = number * 40_503_767 % 36**5
    return "".join(DIGITS[scattered // 36**place % 36] for place in range(5))


class _Sender(asyncio.Protocol):
    """Sends the next request when the last one is answered."""

    def __init__(self, requests: deque[bytes], seconds: list[float]) -> None:
        self._requests = requests
        self._seconds = seconds
        self._answer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def begin(self) -> None:
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


async def send_all(ports: Sequence[int], requests: deque[bytes], connections: int) -> Measured:
    """Sends every request once over so many connections, which share the ports."""
    seconds: list[float] = []
    count = len(requests)
    loop = asyncio.get_running_loop()
    senders = []
    for number in range(connections):
        port = ports[number % len(ports)]
        _, sender = await loop.create_connection(lambda: _Sender(requests, seconds), "127.0.0.1", port)
        senders.append(sender)
    started = time.perf_counter()  # connecting is not what is measured
    for sender in senders:
        sender.begin()
    await asyncio.gather(*(sender.done for sender in senders))
    elapsed = time.perf_counter() - started
    if len(seconds) != count:
        raise RuntimeError(f"{count - len(seconds)} requests were not answered")
    seconds.sort()
    return Measured(count / elapsed, seconds[count // 2] * 1000, seconds[int(count * 0.99)] * 1000)
