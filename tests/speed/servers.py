"""The servers that are compared, each a process of its own: `python -m tests.speed.servers KIND PORT FOLDER`.

`bare` decodes and stores nothing; `warroom` is `/track` as it is; `alone` is the same with a commit a request;
`usual` is FastAPI with SQLAlchemy's ORM and a commit a request. With DATABASE_URL they store in PostgreSQL.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import msgspec
import uvloop
from aiohttp import web

from api.server import serve
from shared.clock import SystemClock
from shared.ingest import event_groups
from shared.ingest.event_fields import TrackBatch
from shared.runtime import build_runtime
from shared.runtime.interpreter import settle
from shared.runtime.operator_commands import sign_in
from tests.conftest import make_settings

Server = Callable[[int, Path], AbstractAsyncContextManager[str]]
PLENTY = 1_000_000_000


@asynccontextmanager
async def serve_bare(port: int, _folder: Path) -> AsyncIterator[str]:
    """The ceiling: aiohttp and a typed decoder."""
    decoder = msgspec.json.Decoder(TrackBatch)

    async def answer(request: web.Request) -> web.Response:
        decoder.decode(await request.read())
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/track", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield ""
    await runner.cleanup()


@asynccontextmanager
async def serve_warroom(port: int, folder: Path, batch_limit: int = 128) -> AsyncIterator[str]:
    """Everything in the path, with limits that a single machine's load does not reach; gives a sign-in address."""
    database_url = os.environ.get("DATABASE_URL", "")
    settings = make_settings(
        folder,
        database_url,
        server={"port": port, "log_level": "ERROR"},
        limits={
            "track_per_minute": PLENTY,
            "feedback_per_visitor_hour": PLENTY,
            "feedback_per_address_hour": PLENTY,
            "feedback_overall_minute": PLENTY,
        },
        store={"batch_limit": batch_limit},
    )
    async with build_runtime(settings, SystemClock()) as runtime, serve(runtime):
        settle()
        yield await sign_in(runtime, {"name": "bench", "role": "admin"})


@asynccontextmanager
async def serve_alone(port: int, folder: Path) -> AsyncIterator[str]:
    """Every sender in a unit, every unit in a commit of its own."""
    event_groups.ROWS_AT_ONCE = 0
    async with serve_warroom(port, folder, batch_limit=1) as address:
        yield address


@asynccontextmanager
async def serve_usual(port: int, folder: Path) -> AsyncIterator[str]:
    from tests.speed.usual_server import serve_usual_app

    async with serve_usual_app(port, folder, os.environ.get("DATABASE_URL", "")):
        yield ""


SERVERS: dict[str, Server] = {
    "bare": serve_bare,
    "warroom": serve_warroom,
    "alone": serve_alone,
    "usual": serve_usual,
}


async def run(kind: str, port: int, folder: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with SERVERS[kind](port, folder) as address:
        print(f"listening {address}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
