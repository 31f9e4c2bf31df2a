"""Group commit on the one connection that writes a SQLite file.

Units and steps wait in two queues and are committed in turn. A batch of units runs in a session. A batch of steps, and
a unit that says it is brief, runs its statements where it is, on the loop, and only the COMMIT, which waits for the
disk, goes to a thread: Python in two threads on two cores costs more than these statements do. Where they are slow (a
cold disk), or another program is writing, all of it runs in the thread. There is one connection, and never two batches
at once.
"""

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import aiosqlite
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from shared.errors import CannotStore
from shared.store.dialect import begin_at_once
from shared.store.event_tables import Steps
from shared.store.event_tables.statements import STATEMENTS, run_on_connection
from shared.store.writer import Announcer, Unit

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


Work = Sequence[tuple["_Waiting", Steps[Any]]]
SLOW_SECONDS = 0.05  # so long may the statements of a batch hold the loop; after that
SLOW_FOR_SECONDS = 60.0  # they run in the thread for so long
TURNS = 2  # of the loop, before a batch of steps begins: fewer and larger batches, a tenth less work for each event
PATIENCE_SECONDS = 0.01  # so long may units that wait together keep steps waiting


class WritingConnection:
    """The connection of the writing engine, as its pool opened it last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._driver: _Driver | None = None
        self.current: sqlite3.Connection | None = None

    def connect(self) -> aiosqlite.Connection:
        """The `async_creator` of the engine."""
        self._driver = _Driver(self._open, iter_chunk_size=64)
        self._driver._thread.daemon = True  # as the dialect does for its own
        return self._driver

    def _open(self) -> sqlite3.Connection:
        self.current = sqlite3.connect(self._path, check_same_thread=False, cached_statements=STATEMENTS)
        return self.current

    @contextmanager
    def statements_here(self, *, wanted: bool) -> Iterator[None]:
        """Inside, the session's statements run where they are called, if wanted: a hop to the thread and back waits
        for a turn of the loop, which under load takes longer than a few statements do."""
        if self._driver is not None:
            self._driver.runs_here = wanted
        try:
            yield
        finally:
            if self._driver is not None:
                self._driver.runs_here = False


class _Driver(aiosqlite.Connection):
    runs_here = False

    async def _execute(self, fn: Any, *arguments: Any, **options: Any) -> Any:
        if self.runs_here:
            return fn(*arguments, **options)
        return await super()._execute(fn, *arguments, **options)  # type: ignore[no-untyped-call]


@dataclass
class _Waiting:
    """One of three: a unit for a session, what makes the steps when their turn comes, or work between two batches."""

    done: asyncio.Future[Any]
    unit: Unit[Any] | None = None
    is_brief: bool = False
    make: Callable[[], Steps[Any]] | None = None
    alone: Callable[[sqlite3.Connection], Any] | None = None
    result: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        if self.done.done():
            return
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(self.result)


class SqliteWriter(Announcer):
    """Runs what waits in batches, each in one transaction, back to back."""

    def __init__(self, engine: AsyncEngine, writing: WritingConnection, queue_limit: int, batch_limit: int) -> None:
        super().__init__()
        self._engine = engine
        self._writing = writing
        self._thread = _Thread()
        self._steps: deque[_Waiting] = deque()
        self._others: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._queue_limit = queue_limit
        self._batch_limit = batch_limit
        self._closing = False
        self.steps_know_until: int | None = 0
        self._slow_until = 0.0  # by the loop's clock
        self._task = asyncio.create_task(self._commit_batches(), name="store writer")

    async def run(self, unit: Unit[Result], *, brief: bool = False) -> Result:
        result: Result = await self._take_in(_Waiting(_future(), unit=unit, is_brief=brief))
        return result

    async def run_steps(self, make: Callable[[], Steps[Result]]) -> Result:
        result: Result = await self._take_in(_Waiting(_future(), make=make))
        return result

    async def run_alone(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """A function of the writing connection, outside of any transaction."""
        result: Result = await self._take_in(_Waiting(_future(), alone=work))
        return result

    async def _take_in(self, waiting: _Waiting) -> Any:
        if self._closing or self._task.done() or len(self._steps) + len(self._others) >= self._queue_limit:
            raise CannotStore
        (self._others if waiting.make is None else self._steps).append(waiting)
        self._arrived.set()
        return await waiting.done

    async def close(self) -> None:
        """Commits what is queued, then ends."""
        self._closing = True
        self._arrived.set()
        try:
            await self._task
        finally:
            self._thread.stop()

    async def _commit_batches(self) -> None:
        """Steps and others in turn, so that neither waits long for the other."""
        while not self._closing or self._steps or self._others:
            if not (self._steps or self._others):
                self._arrived.clear()
                await self._arrived.wait()
            if self._steps:
                for _ in range(TURNS):  # whoever was just answered, and what waits in the sockets, may join
                    await asyncio.sleep(0)
                await self._commit(self._commit_steps)
            if self._others:
                if (work := self._others[0].alone) is not None:
                    await self._work_alone(self._others.popleft(), work)
                else:
                    await self._commit(self._commit_units)

    async def _work_alone(self, waiting: _Waiting, work: Callable[[sqlite3.Connection], Any]) -> None:
        try:
            connection = await self._connection()
            waiting.result = await self._thread.run(lambda: work(connection))
        except Exception as error:  # handed to the caller
            waiting.error = error
        waiting.settle()

    async def _commit(self, run: Callable[[list[_Waiting]], Awaitable[AsyncSession | None]]) -> None:
        """One transaction of what `run` takes from its queue, and everybody in it hears of its end."""
        batch: list[_Waiting] = []
        try:
            session = await run(batch)
        except BaseException as error:  # the whole batch is lost: every caller must hear it
            if not self.record.is_failing:  # once, however long it lasts
                logger.error("a batch could not be committed: %s", type(error.__cause__ or error).__name__)
            self.record.note(committed=False)
            self._forget()
            for waiting in batch:
                waiting.error = waiting.error or CannotStore()
                waiting.settle()
            if not isinstance(error, Exception):
                raise
            return
        self.record.note(committed=True)
        for waiting in batch:
            waiting.settle()
        if session is not None:
            self.announce(session)

    async def _commit_units(self, batch: list[_Waiting]) -> AsyncSession:
        """Units in a session, for as long as no steps wait for them."""
        loop, units = asyncio.get_running_loop(), self._others
        started = loop.time()
        batch.append(units.popleft())
        async with AsyncSession(self._engine, expire_on_commit=False) as session, session.begin():
            await session.connection()  # begins, perhaps after waiting for another program
            while True:
                await self._run_unit(session, batch[-1])
                if not units or units[0].alone is not None or len(batch) >= self._batch_limit:
                    break
                if self._steps and loop.time() - started > PATIENCE_SECONDS:
                    break
                batch.append(units.popleft())
        return session

    async def _run_unit(self, session: AsyncSession, waiting: _Waiting) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        here = waiting.is_brief and started >= self._slow_until
        with self._writing.statements_here(wanted=here):
            await _run_in_savepoint(session, waiting)
        if here and loop.time() - started > SLOW_SECONDS:
            self._slow_until = loop.time() + SLOW_FOR_SECONDS
        if not waiting.is_brief or waiting.error is not None:
            self._forget()
        session.expunge_all()

    async def _commit_steps(self, batch: list[_Waiting]) -> None:
        while self._steps and len(batch) < self._batch_limit:
            batch.append(self._steps.popleft())
        connection = await self._connection()
        work = [(waiting, waiting.make()) for waiting in batch if waiting.make is not None]
        loop = asyncio.get_running_loop()
        if loop.time() < self._slow_until or not begin_at_once(connection):
            await self._thread.run(lambda: _commit_at_once(connection, work))
        else:
            started = loop.time()
            _step_all(connection, work)
            if loop.time() - started > SLOW_SECONDS:
                self._slow_until = loop.time() + SLOW_FOR_SECONDS
            await self._thread.run(lambda: _commit(connection))
        if any(waiting.error is not None for waiting in batch):
            self._forget()

    def _forget(self) -> None:
        """Rows may have changed past the steps, or what steps did was taken back."""
        self.steps_know_until = (self.steps_know_until or 0) + 1

    async def _connection(self) -> sqlite3.Connection:
        if self._writing.current is None:
            async with self._engine.connect():
                pass
        if self._writing.current is None:
            raise CannotStore
        return self._writing.current


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


async def _run_in_savepoint(session: AsyncSession, waiting: _Waiting) -> None:
    try:
        async with session.begin_nested():
            if waiting.unit is not None:
                waiting.result = await waiting.unit(session)
    except Exception as error:
        if isinstance(error, OperationalError) or type(error) is DatabaseError:
            raise CannotStore from error  # disk full, file gone, read-only, malformed: the transaction is lost
        waiting.error = error  # the unit's own failure: only its savepoint is rolled back


def _commit_at_once(connection: sqlite3.Connection, work: Work) -> None:
    """One transaction from its beginning to its end."""
    connection.execute("BEGIN IMMEDIATE")
    _step_all(connection, work)
    _commit(connection)


def _step_all(connection: sqlite3.Connection, work: Work) -> None:
    try:
        for waiting, steps in work:
            _step(connection, waiting, steps, alone=len(work) == 1)
    except BaseException:
        _roll_back(connection)
        raise


def _commit(connection: sqlite3.Connection) -> None:
    if not connection.in_transaction:
        return  # the only one in it failed by itself
    try:
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        connection.execute("ROLLBACK")


def _step(connection: sqlite3.Connection, waiting: _Waiting, steps: Steps[Any], *, alone: bool) -> None:
    """Runs steps in a savepoint, or in the transaction when nobody else is in it."""
    if not alone:
        connection.execute("SAVEPOINT steps")
    try:
        waiting.result = run_on_connection(connection, steps)
    except Exception as error:
        if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
            raise CannotStore from error  # as for a unit
        waiting.error = error
        connection.execute("ROLLBACK" if alone else "ROLLBACK TO steps")
    if not alone:
        connection.execute("RELEASE steps")


class _Thread:
    """Runs functions one after the other, away from the loop; started with the first one."""

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, function: Callable[[], Result]) -> Result:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="store writer", daemon=True)
            self._thread.start()
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._work.put((function, done))
        return await done

    def stop(self) -> None:
        """Ends after what is under way."""
        if self._thread is not None:
            self._work.put(None)
            self._thread = None

    def _run(self) -> None:
        while (following := self._work.get()) is not None:
            function, done = following
            result, error = None, None
            try:
                result = function()
            except BaseException as raised:  # handed to who waits
                error = raised
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                done.get_loop().call_soon_threadsafe(_settle, done, result, error)


def _settle(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
