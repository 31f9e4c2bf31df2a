"""Units of work: `await writer.run(unit)` returns when the unit's changes are durable.

`unit(session)` awaits nothing but its session and never commits. On SQLite all units that wait are
run in one transaction, each in a savepoint, and all callers wake after its commit; commits follow
back to back. On PostgreSQL a unit has its own pooled transaction. The queue is bounded.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from shared.errors import CannotStore
from shared.store.dialect import is_unavailable

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Unit = Callable[[AsyncSession], Awaitable[Result]]
Listener = Callable[[frozenset[str]], None]
TOPICS = "topics"
ERASED = "erased"  # noted by a unit after which no copy of the old rows may be left
DEADLOCK_STATES = {"40001", "40P01"}
MAX_TRIES = 4
CLOSE_SECONDS = 4.0


def note_topic(session: AsyncSession, topic: str) -> None:
    """Marks what this unit changes; listeners hear of it after the commit."""
    session.info.setdefault(TOPICS, set()).add(topic)


@dataclass
class WriteRecord:
    """How commits went since the start; what is the unit's own failure counts as neither."""

    commits: int = 0
    failures: int = 0
    is_failing: bool = False  # the last attempt could not be committed

    def note(self, *, committed: bool) -> None:
        self.commits += committed
        self.failures += not committed
        self.is_failing = not committed


class Writer(Protocol):
    @property
    def record(self) -> WriteRecord:
        """What `/readyz` judges by."""
        ...

    async def run(self, unit: Unit[Result]) -> Result:
        """The unit's result, once it is durable. Raises what the unit raised, or `CannotStore`."""
        ...

    def listen(self, listener: Listener) -> None:
        """Calls the listener with the noted topics after each commit."""
        ...

    async def close(self) -> None: ...


class _Announcer:
    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self.record = WriteRecord()

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def announce(self, session: AsyncSession) -> None:
        if topics := frozenset(session.info.pop(TOPICS, ())):
            for listener in self._listeners:
                try:
                    listener(topics)
                except Exception:  # what is stored stays stored, whoever fails to hear of it
                    logger.exception("a listener failed")


@dataclass
class _Waiting:
    unit: Unit[Any]
    done: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = field(default=None)


class SqliteWriter(_Announcer):
    """Group commit on the one writing connection."""

    def __init__(self, engine: AsyncEngine, queue_limit: int, batch_limit: int) -> None:
        super().__init__()
        self._engine = engine
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue()
        self._queue_limit = queue_limit
        self._batch_limit = batch_limit
        self._closing = False
        self._task = asyncio.create_task(self._commit_batches(), name="store writer")

    async def run(self, unit: Unit[Result]) -> Result:
        if self._closing or self._task.done() or self._queue.qsize() >= self._queue_limit:
            raise CannotStore
        waiting = _Waiting(unit, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(waiting)
        result: Result = await waiting.done
        return result

    async def close(self) -> None:
        """Commits what is queued, then ends."""
        if not self._closing:
            self._closing = True
            self._queue.put_nowait(None)
        await self._task

    async def _commit_batches(self) -> None:
        while (first := await self._queue.get()) is not None:
            batch = [first]
            last = False
            while len(batch) < self._batch_limit and not self._queue.empty():
                following = self._queue.get_nowait()
                if following is None:
                    last = True
                    break
                batch.append(following)
            await self._commit(batch)
            if last:
                return

    async def _commit(self, batch: list[_Waiting]) -> None:
        try:
            async with AsyncSession(self._engine, expire_on_commit=False) as session, session.begin():
                for waiting in batch:
                    await _run_in_savepoint(session, waiting)
                    session.expunge_all()
        except BaseException as error:  # the whole batch is lost: every caller must hear it
            if not self.record.is_failing:  # once, however long it lasts
                logger.error("a batch could not be committed: %s", type(error.__cause__ or error).__name__)
            self.record.note(committed=False)
            for waiting in batch:
                waiting.error = waiting.error or CannotStore()
            _wake(batch)
            if not isinstance(error, Exception):
                raise
            return
        self.record.note(committed=True)
        _wake(batch)
        self.announce(session)


def _wake(batch: list[_Waiting]) -> None:
    for waiting in batch:
        if waiting.done.done():
            continue
        if waiting.error is not None:
            waiting.done.set_exception(waiting.error)
        else:
            waiting.done.set_result(waiting.result)


async def _run_in_savepoint(session: AsyncSession, waiting: _Waiting) -> None:
    try:
        async with session.begin_nested():
            waiting.result = await waiting.unit(session)
    except Exception as error:
        if isinstance(error, OperationalError) or type(error) is DatabaseError:
            raise CannotStore from error  # disk full, file gone, read-only, malformed: the transaction is lost
        waiting.error = error  # the unit's own failure: only its savepoint is rolled back


class PostgresWriter(_Announcer):
    """A pooled session per unit; deadlocks and serialization failures are tried again."""

    def __init__(self, engine: AsyncEngine, queue_limit: int) -> None:
        super().__init__()
        self._engine = engine
        self._free = queue_limit
        self._idle = asyncio.Event()
        self._idle.set()
        self._running = 0
        self._closing = False

    async def run(self, unit: Unit[Result]) -> Result:
        if self._closing or self._running >= self._free:
            raise CannotStore
        self._running += 1
        self._idle.clear()
        try:
            return await self._run_with_retries(unit)
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
