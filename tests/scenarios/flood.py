"""`python -m tests.scenarios.flood URL SECONDS CONNECTIONS ADDRESS…`: a generator of far too much, in its own process.

It speaks from several addresses of this machine, sends as fast as it is answered, and prints what it heard as JSON.
"""

import asyncio
import json
import secrets
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp

CUT = 0  # stands for a connection that ended without an answer
PAUSE_SECONDS = 0.05
TIMEOUT = aiohttp.ClientTimeout(total=60)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
HEADERS = {"User-Agent": BROWSER, "Content-Type": "text/plain"}


@dataclass
class Flood:
    """What was heard, by status."""

    answers: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0

    async def send(self, http: aiohttp.ClientSession) -> int:
        """One event; the status."""
        event = {"id": secrets.token_hex(8), "name": "page_view", "page": "/"}
        body = json.dumps({"site": "docs", "events": [event]})
        status = CUT
        try:
            async with http.post("/track", data=body, headers=HEADERS) as answer:
                await answer.read()
                status = answer.status
                self.without_retry_after += status in (429, 503) and "Retry-After" not in answer.headers
        except (aiohttp.ClientError, OSError, TimeoutError):
            await asyncio.sleep(PAUSE_SECONDS)
        self.answers[status] += 1
        return status

    def add(self, told: Mapping[str, Any]) -> None:
        """What another generator printed."""
        self.answers.update({int(status): count for status, count in told["answers"].items()})
        self.without_retry_after += told["without_retry_after"]


def session_from(address: str, url: str) -> aiohttp.ClientSession:
    """Connections of one address."""
    connector = aiohttp.TCPConnector(limit=0, local_addr=(address, 0))
    return aiohttp.ClientSession(url, connector=connector, timeout=TIMEOUT)


async def flood(url: str, seconds: float, connections: int, addresses: Sequence[str]) -> Flood:
    heard = Flood()
    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(session_from(address, url)) for address in addresses]
        stop = time.monotonic() + seconds

        async def send_on(http: aiohttp.ClientSession) -> None:
            while time.monotonic() < stop:
                await heard.send(http)

        await asyncio.gather(*(send_on(sessions[number % len(sessions)]) for number in range(connections)))
    return heard


if __name__ == "__main__":
    url, seconds, connections, *addresses = sys.argv[1:]
    done = asyncio.run(flood(url, float(seconds), int(connections), addresses))
    print(json.dumps({"answers": done.answers, "without_retry_after": done.without_retry_after}))
