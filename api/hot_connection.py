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
        self._answering: asyncio.Task[None] | None = None
        self._later = b""

    @property
    def is_at_work(self) -> bool:
        """Whether the next move is ours."""
        return self._answering is not None and not self._paused

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""

    def data_received(self, data: bytes) -> None:
        if self._is_ordinary:
            super().data_received(data)
        elif self._answering is not None:
            self._later += data
            if len(self._later) > MOST_LATER:
                self._pause_transport_reading()
        else:
            self._begin(data)

    def _begin(self, data: bytes) -> None:
        request = None if self._close or self._force_close else read_request(data)
        if request is not None and self._route.takes(request, self._peer):
            self._answering = self._loop.create_task(self._answer(request), name="events")
        else:
            self._is_ordinary = True
            super().data_received(data)

    async def _answer(self, request: HotRequest) -> None:
        try:
            answer = await self._route.answer(request, self._peer)
            if self.transport is not None and not self.transport.is_closing():
                self.transport.write(answer)
            if self._paused:
                await self._drain_helper()
        except ConnectionError:
            return  # the sender went away; what was stored stays stored
        finally:
            self._answering = None
        self._stay_alive()
        if self._later:
            later, self._later = self._later, b""
            self._resume_transport_reading()
            self._begin(later)

    def _stay_alive(self) -> None:
        """The time that an idle connection may stay begins anew."""
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout

    def _process_keepalive(self) -> None:
        if self._answering is not None:
            self._stay_alive()
        super()._process_keepalive()

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """What is in flight is answered first."""
        answering = self._answering
        if answering is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await asyncio.shield(answering)
            answering.cancel()
        await super().shutdown(timeout)
