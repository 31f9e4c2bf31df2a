"""Answers to what is not HTTP: in our shape, with our headers, without a banner, a traceback or the sent bytes."""

import logging
from http import HTTPStatus

from aiohttp import web

from api.error_responses import HEADERS, problem_response

logger = logging.getLogger("warroom.http")


class QuietRunner(web.AppRunner):
    """Runs an application whose connections are handled by `QuietHandler`."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = QuietServer  # aiohttp offers no other way to choose the class of its connections
        return server


class QuietServer(web.Server):
    def __call__(self) -> web.RequestHandler:
        return QuietHandler(self, loop=self._loop, **self._kwargs)


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
