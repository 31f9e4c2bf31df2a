"""Open event streams: how many there may be, and that a stop of the server ends them at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import contextmanager, suppress
from typing import Any

from aiohttp import web

from shared.errors import LimitReached

MAX_STREAMS = 200


class LiveStreams:
    """One per application."""

    def __init__(self) -> None:
        self._closing = asyncio.Event()
        self._open = 0

    def close(self) -> None:
        self._closing.set()

    @contextmanager
    def opened(self) -> Any:
        """Counts a stream while it is open; refuses one too many."""
        if self._open >= MAX_STREAMS or self._closing.is_set():
            raise LimitReached("Too many pages are live at once; load the page again in a minute.", 60)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    async def until_closing(self, ticks: AsyncIterator[bool]) -> AsyncIterator[bool]:
        """The same ticks, ended when the server stops."""
        closing = asyncio.create_task(self._closing.wait(), name="stream closing")
        try:
            while True:
                following = asyncio.ensure_future(anext(ticks))
                done, _ = await asyncio.wait({following, closing}, return_when=asyncio.FIRST_COMPLETED)
                if following not in done:
                    following.cancel()
                    with suppress(asyncio.CancelledError, StopAsyncIteration):
                        await following
                    return
                yield following.result()
        finally:
            closing.cancel()


STREAMS: web.AppKey[LiveStreams] = web.AppKey("live_streams", LiveStreams)


async def close_streams(app: web.Application) -> None:
    app[STREAMS].close()
