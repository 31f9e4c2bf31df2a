"""Connections that begin on the short way of `POST /track` and are aiohttp's from the first other thing on."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from aiohttp import web

from api.hot_request import HotRequest, read_request
from api.hot_route import HotRoute
from api.http_protocol import QuietHandler, QuietRunner, QuietServer

logger = logging.getLogger("warroom.http")

MOST_LATER = 65_536  # bytes that may wait for an answer under way; then reading stops


class HotRunner(QuietRunner):
    """Runs an application whose connections begin on the short way."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        if isinstance(made, QuietServer):
            made.make_handler = _maker(made, HotRoute(self.app))
        return made


def _maker(server: QuietServer, route: HotRoute) -> Any:
    def make(**options: Any) -> web.RequestHandler:
        return HotHandler(server, route, **options)

    return make


class HotHandler(QuietHandler):
    """aiohttp's connection, asked first whether it is needed."""

    def __init__(self, server: QuietServer, route: HotRoute, **options: Any) -> None:
        super().__init__(server, **options)
        self._route = route
        self._is_ordinary = False
        self._peer = ""
        self._is_answering = False
        self._answering: asyncio.Task[None] | None = None  # if it takes one
        self._answered: asyncio.Future[None] | None = None  # if somebody waits for it
        self._later = b""

    @property
    def is_at_work(self) -> bool:
        """Whether the next move is ours."""
        return self._is_answering and not self._paused

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""

    def data_received(self, data: bytes) -> None:
        if self._is_ordinary:
            super().data_received(data)
        elif self._is_answering:
            self._later += data
            if len(self._later) > MOST_LATER:
                self._pause_transport_reading()
        else:
            self._begin(data)

    def _begin(self, data: bytes) -> None:
        request = None if self._close or self._force_close else read_request(data)
        if request is not None and self._route.takes(request, self._peer):
            self._is_answering = True
            if not self._route.begin(request, self._peer, self._send):
                self._answering = self._loop.create_task(self._answer(request), name="events")
        else:
            self._is_ordinary = True
            super().data_received(data)

    async def _answer(self, request: HotRequest) -> None:
        try:
            answer = await self._route.answer(request, self._peer)
        except BaseException:  # it was cancelled
            self._end()
            raise
        self._send(answer)

    def _send(self, answer: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(answer)
        if self._paused:
            self._answering = self._loop.create_task(self._wait_for_reader(), name="reader of an answer")
        else:
            self._go_on()

    async def _wait_for_reader(self) -> None:
        try:
            await self._drain_helper()
        except ConnectionError:
            self._end()  # the sender went away; what was stored stays stored
        else:
            self._go_on()

    def _go_on(self) -> None:
        self._end()
        self._stay_alive()
        if self._later:
            later, self._later = self._later, b""
            self._resume_transport_reading()
            self._begin(later)

    def _end(self) -> None:
        self._is_answering, self._answering = False, None
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    def _stay_alive(self) -> None:
        """The time that an idle connection may stay begins anew."""
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout

    def _process_keepalive(self) -> None:
        if self._is_answering:
            self._stay_alive()
        super()._process_keepalive()

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """What is in flight is answered first."""
        if self._is_answering:
            self._answered = self._loop.create_future()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._answered
            if self._answering is not None:
                self._answering.cancel()
        await super().shutdown(timeout)
