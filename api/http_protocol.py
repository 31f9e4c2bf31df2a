"""Answers to what is not HTTP: in our shape, with our headers, without a banner, a traceback or the sent bytes."""

import asyncio
import logging
import resource
from http import HTTPStatus

from aiohttp import web

from api.error_responses import HEADERS, problem_response

WANTED_DESCRIPTORS = 16_384
RESERVED_DESCRIPTORS = 128  # for the database, the bots, files and logs, whatever knocks at the door

logger = logging.getLogger("warroom.http")


class QuietRunner(web.AppRunner):
    """Runs an application whose connections are bounded in number and handled by `QuietHandler`."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()  # aiohttp offers no other way to choose the class of its connections
        return QuietServer(made, most_connections())


class QuietServer(web.Server):
    def __init__(self, made: web.Server, most: int) -> None:
        super().__init__(made.request_handler, request_factory=made.request_factory, **made._kwargs)
        self._most = most

    def __call__(self) -> web.RequestHandler:
        return QuietHandler(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self._connections) > self._most:
            transport.abort()


def most_connections() -> int:
    """As many as the descriptors of this process allow, after raising their soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(WANTED_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(RESERVED_DESCRIPTORS, wanted - RESERVED_DESCRIPTORS)


class QuietHandler(web.RequestHandler):
    """aiohttp's connection, but it neither logs nor repeats what a stranger got wrong."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        logger.debug("a connection sent what is not HTTP: %s", type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun; the connection can only be closed")
        title = HTTPStatus(status).phrase
        response = problem_response(status, title, "This is not a request that Warroom understands.")
        response.headers.update(HEADERS)
        response.headers["Server"] = ""  # aiohttp would put its name and version here
        response.force_close()
        return response
