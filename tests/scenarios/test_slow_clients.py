"""Clients that keep us waiting: half a request, a byte a second, nothing at all, answers that nobody reads.

`/healthz` answers each time, good events are taken, and the slow ones are closed in time; the log says next to nothing
about it. With far too few descriptors for all of them the oldest slow ones make room at once.
"""

import asyncio
import contextlib
import os
import resource
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.scenarios.load import watching_health
from tests.scenarios.warroom_process import BROWSER, WarroomProcess, running_warroom

CLIENTS = 900
EACH_KIND = bool(os.environ.get("WARROOM_EACH_KIND"))  # a release: so many of each kind, one kind after another
ENOUGH_DESCRIPTORS, FEW_DESCRIPTORS = 4096, 512
RESERVE = 64
SPARE = 20  # descriptors of the database and of those who are served meanwhile
LOST_IN_A_FLOOD = 0.1  # of requests: a flood of connections pushed them out before they were read
HEAD = f"Host: 127.0.0.1\r\nUser-Agent: {BROWSER}\r\nContent-Type: text/plain\r\n"
HALF = f"POST /track HTTP/1.1\r\n{HEAD}X-Half: ".encode()
BODY = f"POST /track HTTP/1.1\r\n{HEAD}Content-Length: 5000\r\n\r\n".encode()
WHOLE = f"GET /healthz HTTP/1.1\r\n{HEAD}\r\n".encode()
MANY_ANSWERS = f"GET /openapi.json HTTP/1.1\r\n{HEAD}\r\n".encode() * 60
MOST_LOG = 1_000_000
SLOWER = 3.0  # than promised, on machines that do much else


@dataclass
class Slow:
    """What it sends first, what it drips, whether it reads, and how soon it must be gone."""

    name: str
    first: bytes
    drip: bytes = b""
    reads: bool = True
    seconds: float = 20.0


KINDS = [
    Slow("half a header", HALF, b"x"),
    Slow("a body at a byte a second", BODY, b"x", seconds=15),
    Slow("a connection that says nothing", b""),
    Slow("idle after one answer", WHOLE),
    Slow("answers that nobody reads", MANY_ANSWERS, reads=False, seconds=40),
]


@dataclass
class Crowd:
    """The open connections and when each was closed by the other side, in seconds after its start."""

    open: set[asyncio.Task[None]] = field(default_factory=set)
    closed: list[float] = field(default_factory=list)
    refused: int = 0

    def left(self, clients: int) -> int:
        return clients - len(self.closed) - self.refused


@asynccontextmanager
async def crowd_of(slow: Slow, port: int, clients: int) -> AsyncIterator[Crowd]:
    crowd = Crowd()
    crowd.open = {asyncio.create_task(be_slow(slow, port, crowd)) for _ in range(clients)}
    try:
        yield crowd
    finally:
        for task in crowd.open:
            task.cancel()
        await asyncio.gather(*crowd.open, return_exceptions=True)


async def be_slow(slow: Slow, port: int, crowd: Crowd) -> None:
    """Until the other side closes."""
    loop = asyncio.get_running_loop()
    try:
        reader, writer = await asyncio.open_connection(sock=await connect(port), limit=1024)
    except OSError:
        crowd.refused += 1
        return
    started = loop.time()
    if not slow.reads:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
    ended = asyncio.create_task(read_all(reader)) if slow.reads else None
    try:
        writer.write(slow.first)
        while not writer.transport.is_closing() and not (ended and ended.done()):
            if slow.drip:
                writer.write(slow.drip)
            await asyncio.sleep(1)
    except OSError:
        pass
    finally:
        crowd.closed.append(loop.time() - started)
        if ended is not None:
            ended.cancel()
        writer.transport.abort()


async def connect(port: int) -> socket.socket:
    """With little room for what comes back, so that an answer soon has to wait."""
    made = socket.socket()
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try:
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
    except BaseException:
        made.close()
        raise
    return made


async def read_all(reader: asyncio.StreamReader) -> None:
    while await reader.read(1024):
        pass


@pytest.fixture
def clients() -> int:
    """As many as our own descriptors allow."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(CLIENTS, hard - 200)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("descriptors", "kinds"), [(ENOUGH_DESCRIPTORS, KINDS), (FEW_DESCRIPTORS, KINDS[:1])])
async def test_slow_clients_cost_nobody_else_anything(
    tmp_path: Path, clients: int, descriptors: int, kinds: list[Slow]
) -> None:
    async with running_warroom(tmp_path, start=False) as warroom:
        warroom.descriptors = descriptors
        await warroom.start()
        if EACH_KIND:
            for slow in kinds:
                await live_through(warroom, [slow], clients)
        else:
            await live_through(warroom, kinds, clients)
        assert len(warroom.log()) < MOST_LOG
        assert "Traceback" not in warroom.log()
        assert "Too many open files" not in warroom.log()


async def is_taken(warroom: WarroomProcess) -> bool:
    """Senders try again: while a flood comes in, one may be closed before it is heard."""
    with contextlib.suppress(aiohttp.ClientError):
        return await track_once(warroom) == 202
    return False


async def track_once(warroom: WarroomProcess) -> int:
    """By a browser that comes now; a connection that has been idle for long may be closed to make room."""
    body = {"site": "docs", "id": secrets.token_hex(8), "name": "page_view", "page": "/"}
    async with (
        aiohttp.ClientSession(warroom.base_url) as http,
        http.post("/track", json=body, headers={"User-Agent": BROWSER}) as answer,
    ):
        return answer.status


async def live_through(warroom: WarroomProcess, kinds: list[Slow], clients: int) -> None:
    """So many slow clients, of each kind the same share, from the first connection to the last end."""
    process = psutil.Process(warroom.pid)
    before = most_open = process.num_fds()
    async with AsyncExitStack() as stack:
        health = await stack.enter_async_context(watching_health(warroom, 0.2))
        share = clients // len(kinds)
        crowds = [await stack.enter_async_context(crowd_of(slow, warroom.port, share)) for slow in kinds]
        for _ in range(3):
            await warroom.until(lambda: is_taken(warroom))
            most_open = max(most_open, process.num_fds())
            await asyncio.sleep(0.5)
        longest = max(slow.seconds for slow in kinds) * SLOWER
        heard = [crowd for slow, crowd in zip(kinds, crowds, strict=True) if slow.reads]
        await warroom.until(lambda: all(not crowd.left(share) for crowd in heard), longest)
        await warroom.until(lambda: process.num_fds() <= before + SPARE, longest)  # who does not read hears of no end
    for slow, crowd in zip(kinds, crowds, strict=True):
        print(f"{slow.name}: the last closed after {max(crowd.closed, default=0):.1f} s, {crowd.refused} not let in")
        assert max(crowd.closed, default=0) <= slow.seconds * SLOWER
    print(f"most descriptors {most_open}, health {health.good} good, p99 {health.percentile(0.99) * 1000:.0f} ms")
    if warroom.descriptors == ENOUGH_DESCRIPTORS:
        assert health.bad == []
        assert most_open <= ENOUGH_DESCRIPTORS - RESERVE
    else:
        assert len(health.bad) <= 5 + LOST_IN_A_FLOOD * health.good, health.bad
