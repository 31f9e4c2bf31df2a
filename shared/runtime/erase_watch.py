"""Applies the erase log at the start, before the process is ready, leads, or shows anybody's data.

A copy of the database that was put back holds people who were erased after it was made. Later each process looks
again once in a while: its file gets what other processes have erased, and what a failure cut off is finished.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Literal

from shared.errors import CannotStore
from shared.ingest.erasure import Eraser

logger = logging.getLogger(__name__)

PART = "erase log"
AGAIN_SECONDS = 2.0
EVERY_SECONDS = 3600.0
Report = Callable[[Literal["ok", "starting"], str], None]


class EraseWatch:
    """`run` settles at the start; whoever must not see erased people waits for `settled`."""

    def __init__(self, eraser: Eraser, report: Report) -> None:
        self._eraser = eraser
        self._report = report
        self.settled = asyncio.Event()
        self._looked = asyncio.Event()  # whatever came of it

    def begin(self) -> None:
        """Not ready from here on, until `settle` is through."""
        self._report("starting", "looks whether somebody must be erased again")

    async def run(self, every_seconds: float = EVERY_SECONDS) -> None:
        """Settles, then keeps the file and the database together for as long as the process lives."""
        await self.settle()
        while True:
            await asyncio.sleep(every_seconds)
            try:
                await self._eraser.apply_log()
            except Exception as error:  # the next look does it; the database may be away
                logger.warning("the erase log was not compared with the database: %s", type(error).__name__)

    async def settle(self) -> None:
        """Tries until the log is applied: it may be unreadable, or the database away."""
        while True:
            try:
                applied = await self._eraser.apply_log()
                break
            except CannotStore as error:
                self._report("starting", f"waits: {error}")
                logger.warning("the erase log is not applied yet: %s", error)
            except Exception:  # without it nobody may be shown or asked, so it is tried until it works
                self._report("starting", "failed; it is tried again, the log says why")
                logger.exception("the erase log could not be applied")
            self._looked.set()
            await asyncio.sleep(AGAIN_SECONDS)
        if applied:
            logger.warning("%d erasures were applied again: an older copy of the database was put back", applied)
        self._report("ok", f"applied; kept in {self._eraser.log.path}")
        self.settled.set()
        self._looked.set()

    async def first_look(self, seconds: float) -> None:
        """Returns when the board says what the first look found, or after so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._looked.wait(), seconds)
