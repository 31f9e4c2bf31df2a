"""Tells pages that are open that there is something new; they then read what it is.

Changes of this process are heard from the writer. On PostgreSQL other replicas write too, so the newest
marks of outbox and feedback are compared each second, once for all subscribers.
"""

import asyncio
from collections.abc import AsyncIterator

from sqlmodel import func, select

from shared.clock import Clock
from shared.store.database import Store
from shared.store.models import Feedback, OutboxMessage
from shared.store.outbox import TOPIC as OUTBOX_TOPIC

FEEDBACK_TOPIC = "feedback"
TOPICS = frozenset({OUTBOX_TOPIC, FEEDBACK_TOPIC})
POLL_SECONDS = 1.0

Mark = tuple[object, ...]


class LiveFeed:
    """One per process; any number of subscribers."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: set[asyncio.Event] = set()
        self._mark: Mark = ()
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        store.writer.listen(self._hear)

    async def subscribe(self, idle_seconds: float = 15.0) -> AsyncIterator[bool]:
        """True at once and whenever something is new; False after each `idle_seconds` of silence."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            mark = await self._newest_mark()
            yield True
            while True:
                heard = await self._wait(event, mark, idle_seconds)
                event.clear()
                newest = await self._newest_mark()
                heard, mark = heard or newest != mark, newest
                yield heard
        finally:
            self._waiting.discard(event)

    def _hear(self, topics: frozenset[str]) -> None:
        if topics & TOPICS:
            for event in self._waiting:
                event.set()

    async def _wait(self, event: asyncio.Event, mark: Mark, idle_seconds: float) -> bool:
        """Whether there was a change: the event came, or another replica moved the mark."""
        end = self._clock.monotonic() + idle_seconds
        while (left := end - self._clock.monotonic()) > 0:
            try:
                await asyncio.wait_for(event.wait(), min(left, POLL_SECONDS) if self._store.is_postgresql else left)
                return True
            except TimeoutError:
                if await self._newest_mark() != mark:
                    return True
        return False

    async def _newest_mark(self) -> Mark:
        """Read at most once a second; always equal on SQLite, where this process is the only writer."""
        if not self._store.is_postgresql:
            return ()
        async with self._reading:
            if self._clock.monotonic() - self._read_at >= POLL_SECONDS:
                self._mark = await self._read_mark()
                self._read_at = self._clock.monotonic()
            return self._mark

    async def _read_mark(self) -> Mark:
        async with self._store.read() as session:
            posts = select(
                func.max(OutboxMessage.id), func.max(OutboxMessage.sent_at), func.max(OutboxMessage.edited_at)
            )
            said = select(func.max(Feedback.id), func.max(Feedback.status_at))
            return (*(await session.execute(posts)).one(), *(await session.execute(said)).one())
