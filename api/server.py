"""Opens the HTTP edge of a process: first up, needs no network, stops within its time."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from api.app import make_app
from api.error_responses import HEADERS, problem_response
from shared.errors import StartRefused
from shared.runtime import Runtime

BACKLOG = 1024
WANTED_DESCRIPTORS = 16_384
RESERVED_DESCRIPTORS = 128  # for the database, the bots, files and logs, whatever knocks at the door
LINGERING_SECONDS = 2.0  # how long the rest of a body that was answered early is still read


@asynccontextmanager
async def serve(runtime: Runtime) -> AsyncIterator[None]:
    """Listens while the context is open; what is in flight at its end is answered."""
    server = runtime.settings.server
    runner = _Runner(
        make_app(runtime),
        handle_signals=False,
        access_log=None,  # ours writes no address, agent or query
        keepalive_timeout=server.keepalive_seconds,  # bounds unfinished headers too
        lingering_time=LINGERING_SECONDS,
        shutdown_timeout=server.shutdown_seconds,
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


def most_connections() -> int:
    """As many as the descriptors of this process allow, after raising their soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(WANTED_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    allowed = WANTED_DESCRIPTORS if soft == resource.RLIM_INFINITY else min(soft, WANTED_DESCRIPTORS)
    return max(RESERVED_DESCRIPTORS, allowed - RESERVED_DESCRIPTORS)


class _Runner(web.AppRunner):
    """An AppRunner whose connections are bounded and whose refusals of broken HTTP are ours."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made, most_connections())


class _Server(web.Server):
    def __init__(self, made: web.Server, most: int) -> None:
        super().__init__(made.request_handler, request_factory=made.request_factory, **made._kwargs)
        self._most = most

    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self._connections) > self._most:
            transport.abort()


class _Connection(RequestHandler):
    """What is not HTTP never reaches the application: the answer repeats nothing of it and nothing is logged."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was already under way")
        sentence = "This is not a request that can be understood." if status < 500 else "Something went wrong."
        response = problem_response(status, "Not understood" if status < 500 else "Error", sentence)
        response.headers.update(HEADERS)
        response.headers["Server"] = "-"
        response.force_close()
        return response
