"""Stores what many senders sent at the same moment in one unit of work.

A sender's rows wait only while the unit before theirs is being committed; then all that wait are
inserted, deduplicated and counted together, and every sender hears how many of its rows were new.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from shared.derive.rollups import KnownKeys, storing_steps
from shared.errors import CannotStore, WarroomError
from shared.store.database import Store
from shared.store.event_tables import EventTables, Row, Steps, run_in_session, tables_for, tables_of

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 1000
Then = Callable[[int | Exception], None]


class _Waiting:
    """The rows of one sender, all of one site, and who is told how many are new, or why none is."""

    __slots__ = ("_then", "new", "rows", "site")

    def __init__(self, site: str, rows: Sequence[Row], then: Then | None = None) -> None:
        self.site = site
        self.rows = rows
        self.new = 0
        self._then = then

    def tell(self, what: int | Exception) -> None:
        """Once; what goes wrong there is not the others' affair."""
        then, self._then = self._then, None
        if then is None:
            return
        try:
            then(what)
        except Exception:
            logger.exception("a sender could not be told what came of its events")


class EventGroups:
    """`store_rows` returns when the rows are durable."""

    def __init__(self, store: Store, most_waiting: int) -> None:
        self._store = store
        self._tables = tables_for(store.writing_engine.dialect)
        self._most_waiting = most_waiting
        self._waiting: deque[_Waiting] = deque()
        self._known = KnownKeys()
        self._unit: asyncio.Task[None] | None = None  # one after the other: two at once are smaller, and cost more

    async def store_rows(self, site: str, rows: Sequence[Row]) -> int:
        """How many of the rows are new; raises `CannotStore` when nothing was kept."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def settle(what: int | Exception) -> None:
            if done.done():  # its sender has given up
                return
            if isinstance(what, Exception):
                done.set_exception(what)
            else:
                done.set_result(what)

        self.hand_in(site, rows, settle)
        return await done

    def hand_in(self, site: str, rows: Sequence[Row], then: Then) -> None:
        """As `store_rows`, but `then` is told, which must not raise; raises `CannotStore` when too many wait."""
        if len(self._waiting) >= self._most_waiting:
            raise CannotStore
        self._waiting.append(_Waiting(site, rows, then))
        if self._unit is None:
            self._unit = asyncio.create_task(self._run_units(), name="event units")

    async def _run_units(self) -> None:
        try:
            await self._store_waiting()
        finally:  # at once, not by a callback: who comes in between must find no running unit
            self._unit = None

    async def _store_waiting(self) -> None:
        """Unit after unit, as long as somebody waits."""
        while self._waiting:
            group: list[_Waiting] = []
            try:
                await self._store.writer.run_steps(partial(self._steps, group))
            except WarroomError as error:
                _refuse(group or self._take_all(), error)
            except Exception as error:  # one sender's rows must not cost the others theirs
                await self._store_one_by_one(group, error)
            except asyncio.CancelledError:
                _refuse([*group, *self._take_all()], CannotStore())
                raise
            else:
                for waiting in group:
                    waiting.tell(waiting.new)

    def _steps(self, group: list[_Waiting]) -> Steps[None]:
        if not group:  # they may be tried again
            group.extend(self._take_some())
        self._known.hold_days(self._store.writer.steps_know_until)
        return store_together(self._tables, group, self._known, alone=True)

    def _take_some(self) -> list[_Waiting]:
        taken: list[_Waiting] = []
        rows = 0
        while self._waiting and (not taken or rows + len(self._waiting[0].rows) <= ROWS_AT_ONCE):
            taken.append(self._waiting.popleft())
            rows += len(taken[-1].rows)
        return taken

    def _take_all(self) -> list[_Waiting]:
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    async def _store_one_by_one(self, group: list[_Waiting], error: Exception) -> None:
        if len(group) <= 1:
            _refuse(group or self._take_all(), error)
            return
        for waiting in group:
            alone = [waiting]
            try:
                await self._store.writer.run_steps(partial(self._steps, alone))
            except Exception as own_error:  # handed to its sender
                _refuse(alone, own_error)
            else:
                waiting.tell(waiting.new)


def _refuse(group: Sequence[_Waiting], error: Exception) -> None:
    for waiting in group:
        waiting.tell(error)


async def store_alone(session: AsyncSession, site: str, rows: Sequence[Row]) -> int:
    """How many rows were new, in the caller's unit."""
    waiting = _Waiting(site, rows)
    await run_in_session(session, store_together(tables_of(session), [waiting], KnownKeys()))
    return waiting.new


def store_together(
    tables: EventTables, group: Sequence[_Waiting], known: KnownKeys, *, alone: bool = False
) -> Steps[None]:
    """Inserts the rows whose id is new and counts them; of an id sent twice the first row is kept."""
    by_site: dict[str, list[_Waiting]] = {}
    for waiting in group:
        by_site.setdefault(waiting.site, []).append(waiting)
    for site, senders in sorted(by_site.items()):
        rows = _first_of_each([row for waiting in senders for row in waiting.rows])
        fresh = yield from storing_steps(tables, site, rows, known, alone=alone and len(by_site) == 1)
        _tell_new(senders, fresh)


def _first_of_each(rows: list[Row]) -> list[Row]:
    ids = {row["event_id"] for row in rows}
    if len(ids) == len(rows):
        return rows
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row["event_id"], row)
    return list(first.values())


def _tell_new(senders: Sequence[_Waiting], fresh: Sequence[Row]) -> None:
    """How many rows of each sender are new; of an id sent twice it is that of the first."""
    for waiting in senders:
        waiting.new = len(waiting.rows)
    if sum([waiting.new for waiting in senders]) == len(fresh):
        return
    left = {row["event_id"] for row in fresh}
    for waiting in senders:
        own = left.intersection([row["event_id"] for row in waiting.rows])
        waiting.new = len(own)
        left -= own
