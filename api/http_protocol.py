"""Answers to what is not HTTP: in our shape, with our headers, without a banner, a traceback or the sent bytes."""

import asyncio
import logging
import resource
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from aiohttp import web

from api.error_responses import HEADERS, problem_response

WANTED_DESCRIPTORS = 16_384
UNREAD_SECONDS = 20.0  # how long an answer may wait for a client that does not read on
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
        self.make_handler: Callable[..., QuietHandler] = partial(QuietHandler, self)

    def __call__(self) -> web.RequestHandler:
        return self.make_handler(loop=self._loop, **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """When there are too many, the one that has kept us waiting longest goes; a new one only if all are at work.

        Of many that come in the same turn of the loop each makes one more go: those that are going are still listed.
        """
        super().connection_made(handler, transport)
        if len(self._connections) > self._most:
            staying = ((known, other) for known, other in self._connections.items() if not other.is_closing())
            waiting = (other for known, other in staying if keeps_us_waiting(known))
            next(waiting, transport).abort()


def keeps_us_waiting(handler: web.RequestHandler) -> bool:
    """Whether its sender has the next move: a request not complete, or an answer that is not read."""
    if isinstance(handler, QuietHandler) and handler.is_at_work:
        return False
    request = handler._current_request
    return request is None or handler._paused or not request._payload.is_eof()


def most_connections() -> int:
    """As many as the descriptors of this process allow, after raising their soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(WANTED_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(RESERVED_DESCRIPTORS, wanted - RESERVED_DESCRIPTORS)


class QuietHandler(web.RequestHandler):
    """aiohttp's connection, but it neither logs nor repeats what a stranger got wrong, and waits for no reader."""

    unread: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.transport is not None and self.unread is None:
            self.unread = self._loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_waiting_for_reader()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    def _stop_waiting_for_reader(self) -> None:
        if self.unread is not None:
            self.unread.cancel()
            self.unread = None

    @property
    def is_at_work(self) -> bool:
        """Whether it works past aiohttp, which then does not know of it."""
        return False

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
