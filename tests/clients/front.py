"""Stands between a client and the server: refuses at first, then loses an answer, then lets all pass."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

HOP = frozenset({"host", "content-length", "transfer-encoding", "connection"})


@dataclass
class Front:
    """`faults` are spent one a request: "refuse" answers 503 at once, "lose" stores and then says it did not."""

    target: str
    faults: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        fault = self.faults.pop(0) if self.faults else ""
        if fault != "refuse":
            status, headers, body = await self._forward(request)
        if fault:
            status, headers, body = 503, {"Retry-After": "1", "Content-Type": "application/json"}, b"{}"
        self.statuses.append(status)
        return web.Response(status=status, headers=headers, body=body)

    async def _forward(self, request: web.Request) -> tuple[int, dict[str, str], bytes]:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, self.target + request.path_qs, data=await request.read(), headers=headers
            ) as answer,
        ):
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP}
            return answer.status, kept, await answer.read()


@asynccontextmanager
async def front_of(target: str, *faults: str) -> AsyncIterator[Front]:
    """Listens on loopback while the context is open."""
    front = Front(target, list(faults))
    app = web.Application(client_max_size=2**22)
    app.router.add_route("*", "/{path:.*}", front.handle)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    front.url = f"http://127.0.0.1:{port}"
    try:
        yield front
    finally:
        await runner.cleanup()
