"""Units on PostgreSQL: a pooled transaction for each, as many at once as the pool has connections."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from shared.errors import CannotStore
from shared.store.dialect import is_unavailable
from shared.store.event_tables import Steps
from shared.store.event_tables.statements import run_on_driver
from shared.store.writer import Announcer, Unit

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
DEADLOCK_STATES = {"40001", "40P01"}
MAX_TRIES = 4
CLOSE_SECONDS = 4.0


class PostgresWriter(Announcer):
    """A pooled session per unit; deadlocks and serialization failures are tried again."""

    def __init__(self, engine: AsyncEngine, queue_limit: int) -> None:
        super().__init__()
        self._engine = engine
        self._free = queue_limit
        self._idle = asyncio.Event()
        self._idle.set()
        self._running = 0
        self._closing = False
        self._kept: list[AsyncConnection] = []  # for steps: handing them out anew costs more than a group of events

    steps_know_until: int | None = None  # replicas change rows too

    async def run(self, unit: Unit[Result], *, brief: bool = False) -> Result:
        return await self._counted(lambda: self._run_with_retries(unit))

    async def run_steps(self, make: Callable[[], Steps[Result]]) -> Result:
        return await self._counted(lambda: self._step_with_retries(make))

    async def _counted(self, work: Callable[[], Awaitable[Result]]) -> Result:
        if self._closing or self._running >= self._free:
            raise CannotStore
        self._running += 1
        self._idle.clear()
        try:
            return await work()
        except CannotStore:
            self.record.note(committed=False)
            raise
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def close(self) -> None:
        """Waits for the units under way, but not for ever: what a database never answers was acknowledged to nobody."""
        self._closing = True
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            logger.warning("%d units of work were still waiting for the database at the stop", self._running)
        while self._kept:
            await self._kept.pop().close()

    async def _run_with_retries(self, unit: Unit[Result]) -> Result:
        for remaining in range(MAX_TRIES - 1, -1, -1):
            try:
                async with AsyncSession(self._engine, expire_on_commit=False) as session:
                    async with session.begin():
                        result = await unit(session)
                    self.record.note(committed=True)
                    self.announce(session)
                return result
            except (OperationalError, InterfaceError, PoolTimeout, OSError) as error:
                raise CannotStore from error
            except DBAPIError as error:
                if is_unavailable(error):
                    raise CannotStore from error
                if getattr(error.orig, "sqlstate", None) not in DEADLOCK_STATES or not remaining:
                    raise
            except Exception as error:  # while connecting, the driver's own errors come unwrapped
                if is_unavailable(error):
                    raise CannotStore from error
                raise
        raise CannotStore

    async def _step_with_retries(self, make: Callable[[], Steps[Result]]) -> Result:
        for remaining in range(MAX_TRIES - 1, -1, -1):
            try:
                return await self._step(make)
            except Exception as error:  # the driver's own errors
                if is_unavailable(error):
                    raise CannotStore from error
                if getattr(error, "sqlstate", None) not in DEADLOCK_STATES or not remaining:
                    raise
        raise CannotStore

    async def _step(self, make: Callable[[], Steps[Result]]) -> Result:
        connection, driver = await self._connection()
        try:
            result = await run_on_driver(driver, make())
        except BaseException:
            await connection.invalidate()  # whatever state it is in, nobody is to get it
            await connection.close()
            raise
        self._kept.append(connection)
        self.record.note(committed=True)
        return result

    async def _connection(self) -> tuple[AsyncConnection, Any]:
        """A kept connection that is still open, or one of the pool."""
        while self._kept:
            connection = self._kept.pop()
            driver = (await connection.get_raw_connection()).driver_connection
            if not driver.is_closed():  # type: ignore[union-attr]
                return connection, driver
            await self._let_go(connection, driver)
        connection = await self._engine.connect()
        return connection, (await connection.get_raw_connection()).driver_connection

    async def _let_go(self, connection: AsyncConnection, driver: Any) -> None:
        if driver.is_closed():
            await connection.invalidate()
        await connection.close()
