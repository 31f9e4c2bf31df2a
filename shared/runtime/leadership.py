"""Leadership: one process runs gateway, readers, jobs and delivery; the others answer HTTP and wait.

On SQLite the file lock already proves that we are alone, so the lease is taken by force at the start.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Literal

from shared.clock import Clock
from shared.errors import WarroomError
from shared.identifiers import random_uuid
from shared.store.database import Store
from shared.store.leases import LEADER, HeldLease, release_lease, renew_lease, take_lease

logger = logging.getLogger(__name__)

Part = Callable[[], Awaitable[None]]
Report = Callable[[str, Literal["ok", "off", "down"], str], None]  # part, state, sentence
STOP_SECONDS = 6.0
LEAST_WAIT_SECONDS = 1.0


class Leadership:
    """Wins, renews and loses the leader's lease; starts and stops the leader's parts with it."""

    def __init__(self, store: Store, clock: Clock, lease_seconds: float, report: Report | None = None) -> None:
        self._store = store
        self._clock = clock
        self._seconds = lease_seconds
        self._report = report or _tell_nobody
        self._holder = random_uuid()
        self._lease: HeldLease | None = None
        self._renewed_at = 0.0
        self._running: list[asyncio.Task[None]] = []

    def is_leader(self) -> bool:
        """Whether our lease is certainly still valid, by the monotonic clock."""
        return self._lease is not None and self._clock.monotonic() - self._renewed_at < self._seconds

    def epoch(self) -> int:
        return self._lease.epoch if self._lease else 0

    async def run(self, parts: Sequence[tuple[str, Part]]) -> None:
        """Until cancelled: holds the lease when it can, and runs the parts while it does."""
        first, names = True, [name for name, _ in parts]
        try:
            while True:
                await self._hold(force=first and not self._store.is_postgresql)
                if self.is_leader() and not self._running:
                    logger.info("leading with epoch %d", self.epoch())
                    self._running = [asyncio.create_task(self._keep(name, part), name=name) for name, part in parts]
                elif not self.is_leader() and self._running:
                    logger.warning("the lease is lost; standing by")
                    await self._stop_parts()
                    self.stand_by(names)
                elif not self.is_leader() and first:
                    self.stand_by(names)
                first = False
                await asyncio.sleep(self._seconds / 3)
        finally:
            await self._stop_parts()
            await self._release()
            self.stand_by(names)

    def stand_by(self, names: Sequence[str]) -> None:
        """Says of the leader's parts that they do not run here."""
        for name in names:
            self._report(name, "off", "this process does not lead")

    async def _hold(self, *, force: bool) -> None:
        asked_at = self._clock.monotonic()
        try:
            async with asyncio.timeout(max(self._seconds / 3, LEAST_WAIT_SECONDS)):
                held = await self._take_or_renew(force=force)
        except (
            Exception
        ) as error:  # whatever the store says: not renewed, and asked again; leading must not end silently
            logger.warning("the lease could not be renewed: %s", type(error).__name__)
            if not self.is_leader():
                self._lease = None
            return
        self._lease = held and replace(held)
        self._renewed_at = asked_at

    async def _take_or_renew(self, *, force: bool) -> HeldLease | None:
        now, lease = self._clock.now(), self._lease
        if lease is None:
            return await self._store.writer.run(
                lambda session: take_lease(session, LEADER, self._holder, now, self._seconds, force=force)
            )
        return await self._store.writer.run(lambda session: renew_lease(session, lease, now, self._seconds))

    async def _stop_parts(self) -> None:
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=STOP_SECONDS)

    async def _release(self) -> None:
        lease, self._lease = self._lease, None
        if lease is None:
            return
        now = self._clock.now()
        try:
            await self._store.writer.run(lambda session: release_lease(session, lease, now))
        except WarroomError:
            logger.info("the lease was left to expire")

    async def _keep(self, name: str, part: Part) -> None:
        """A part that fails is started again after a growing pause; none takes another down."""
        pause = 1.0
        while True:
            try:
                await part()
                return
            except asyncio.CancelledError:
                raise
            except Exception:
                logger.exception("%s failed; starting it again in %.0f s", name, pause)
                self._report(name, "down", f"failed; it is started again in {pause:.0f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, 60.0)


def _tell_nobody(_part: str, _state: Literal["ok", "off", "down"], _sentence: str) -> None:
    pass
