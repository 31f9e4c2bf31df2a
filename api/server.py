"""Opens the HTTP edge of a process: first up, needs no network, stops within its time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from api.app import make_app
from api.hot_connection import HotRunner
from shared.errors import StartRefused
from shared.runtime import Runtime

BACKLOG = 1024
LINGERING_SECONDS = 2.0  # how long the rest of a body that was answered early is still read


@asynccontextmanager
async def serve(runtime: Runtime) -> AsyncIterator[None]:
    """Listens while the context is open; what is in flight at its end is answered."""
    server = runtime.settings.server
    runner = HotRunner(
        make_app(runtime),
        handle_signals=False,
        access_log=None,  # ours writes no address, agent or query
        keepalive_timeout=server.keepalive_seconds,  # bounds unfinished headers too
        lingering_time=LINGERING_SECONDS,
        shutdown_timeout=server.shutdown_seconds / 2,  # waited for twice: for handlers, then for their cancellation
        auto_decompress=False,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, server.host, server.port, backlog=BACKLOG).start()
        except OSError as error:
            raise StartRefused(
                f"Port {server.port} on {server.host} cannot be used ({error.strerror}); "
                "set server.port or PORT to a free one."
            ) from error
        runtime.parts.set("api", "ok", runtime.settings.base_url)
        yield
    finally:
        await runner.cleanup()
