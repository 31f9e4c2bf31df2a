"""What every job gets."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock
from shared.config import Settings
from shared.errors import WarroomError
from shared.guard.privacy import VisitorHasher
from shared.ingest.erasure import Eraser
from shared.ingest.intake_meter import IntakeMeter
from shared.store.database import Store
from shared.store.leases import LEADER, holds_lease

Result = TypeVar("Result")


class Deposed(WarroomError):
    """Another process leads now; what this one was about to do is left to it."""

    code = "deposed"


@dataclass(frozen=True)
class JobContext:
    settings: Settings
    clock: Clock
    store: Store
    meter: IntakeMeter
    hasher: VisitorHasher
    eraser: Eraser
    epoch: Callable[[], int] | None = None  # of the leader whose jobs these are; None: asked for by hand

    async def run(self, unit: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """The unit's result; raises `Deposed`, with nothing changed, when somebody else leads by now."""
        if self.epoch is None:
            return await self.store.writer.run(unit)
        epoch = self.epoch()

        async def while_leading(session: AsyncSession) -> Result:
            if not await holds_lease(session, LEADER, epoch):
                raise Deposed("Another process leads now.")
            return await unit(session)

        return await self.store.writer.run(while_leading)
