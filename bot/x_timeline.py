"""Reads what is new in one place of X, page by page, newest first, and remembers how far it came.

`mark` is the newest entry below which everything was taken in. A reading that was cut short (limit, budget, outage)
leaves a token where it goes on; until that gap is closed the mark stays, so nothing is lost and repeats are harmless.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from bot.x_budget import BudgetSpent, XBudget
from bot.x_client import Page, XFailure, XRefused
from shared.clock import Clock
from shared.store.database import Store
from shared.store.models import ReadMark

FIRST_LOOK_BACK = timedelta(hours=24)  # what is older than our first look is not for us
ID_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC)  # ids of X: milliseconds since then, and 22 bits
MOST_PAGES = 20
LATER_PAGES_LARGER = 5  # there is a backlog: fewer, larger pages
LARGEST_PAGE = 100


class Numbered(Protocol):
    @property
    def id(self) -> str: ...


Entry = TypeVar("Entry", bound=Numbered)
ReadPage = Callable[[int, "Progress", str | None], Awaitable[Page[Entry]]]
Billed = Callable[[Sequence[Entry]], Mapping[str, Collection[str]]]


@dataclass(frozen=True)
class Progress:
    """Up to where everything was read; `rest` is the token of a reading that was cut short."""

    mark: str
    newest: str | None = None  # seen in the reading that was cut short
    rest: str | None = None


class Backlog(Exception):
    """More is waiting than one reading takes; it goes on at once."""

    def __init__(self) -> None:
        super().__init__("X has more to read than one turn takes")


@dataclass(frozen=True)
class Batch(Generic[Entry]):
    """New entries, oldest first, and the progress to store once they are taken in."""

    entries: list[Entry]
    progress: Progress
    stopped_by: Exception | None = None

    @property
    def shortage(self) -> Exception | None:
        """Why it is not all; None when it is."""
        return None if self.progress.rest is None else self.stopped_by or Backlog()


@dataclass
class Timeline(Generic[Entry]):
    """One place; `kinds` are the prices of each entry, `sizes` the least and most entries of the first page."""

    place: str
    kinds: tuple[str, ...]
    sizes: tuple[int, int]
    read_page: ReadPage[Entry]
    billed: Billed[Entry]
    store: Store
    clock: Clock
    budget: XBudget
    _stored: Progress | None = field(default=None, init=False)

    async def read_new(self) -> Batch[Entry]:
        """Everything new that could be read; raises `XFailure` or `BudgetSpent` when that is nothing."""
        before = await self._load()
        found: list[Entry] = []
        newest, token, stopped_by = before.newest, before.rest, None
        for _ in range(MOST_PAGES):
            try:
                page = await self._pay_and_read(before, token)
            except (XFailure, BudgetSpent) as error:
                if token is not None and token == before.rest and isinstance(error, XRefused):
                    token = None  # the token has expired: from the top again
                    continue
                if not found:
                    raise
                stopped_by = error
                break
            newest = max([newest or "0", *(entry.id for entry in page.entries)], key=int)
            fresh = [entry for entry in page.entries if int(entry.id) > int(before.mark)]
            found += fresh
            token = page.next_token
            if token is None or len(fresh) < len(page.entries):
                token = None
                break
        return Batch(_oldest_first(found), self._advance(before, newest, token), stopped_by)

    async def keep(self, progress: Progress) -> None:
        """Stores how far we came; nothing is written while nothing changed."""
        if progress == self._stored:
            return
        now = self.clock.now()
        values = {"": progress.mark, ":newest": progress.newest, ":rest": progress.rest}

        async def unit(session: AsyncSession) -> None:
            for part, value in values.items():
                await session.execute(delete(ReadMark).where(col(ReadMark.place) == self.place + part))
                if value is not None:
                    session.add(ReadMark(place=self.place + part, last_id=value, changed_at=now))

        await self.store.writer.run(unit)

    async def _load(self) -> Progress:
        async with self.store.read() as session:
            query = select(ReadMark).where(col(ReadMark.place).startswith(self.place))
            marks = {mark.place: mark.last_id for mark in (await session.execute(query)).scalars()}
        newest, rest = marks.get(f"{self.place}:newest"), marks.get(f"{self.place}:rest")
        if self.place in marks:
            self._stored = Progress(marks[self.place], newest, rest)
            return self._stored
        return Progress(id_at(self.clock.now() - FIRST_LOOK_BACK))

    async def _pay_and_read(self, before: Progress, token: str | None) -> Page[Entry]:
        least, most = self.sizes
        if token is not None:
            most = min(most * LATER_PAGES_LARGER, LARGEST_PAGE)
        reserved, size = await self.budget.reserve_reading(self.kinds, most, least)
        try:
            page = await self.read_page(size, before, token)
        except XFailure:
            await self.budget.give_back(reserved)
            raise
        await self.budget.settle(reserved, self.billed(page.entries))
        return page

    def _advance(self, before: Progress, newest: str | None, rest: str | None) -> Progress:
        if rest is not None:
            return Progress(before.mark, newest, rest)
        return Progress(max(before.mark, newest or "0", key=int))


def id_at(moment: datetime) -> str:
    """The lowest id that something written at this moment can have."""
    return str((moment - ID_EPOCH) // timedelta(milliseconds=1) << 22)


def _oldest_first(entries: Sequence[Entry]) -> list[Entry]:
    unique = {entry.id: entry for entry in entries}
    return sorted(unique.values(), key=lambda entry: int(entry.id))
