"""Limits: of events in memory on the hot path, of everything rarer as rows that survive a restart."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import CursorResult, Dialect, bindparam, delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.clock import Clock
from shared.config import LimitSettings
from shared.store.dialect import adding_insert
from shared.store.event_tables import Steps, run_in_session
from shared.store.models import RateWindow
from shared.store.ready_statements import ReadyStatement

KEPT = timedelta(hours=26)
MINUTE_SECONDS = 60
MOST_VISITORS = 30_000  # some 10 MB; beyond it the visitor seen longest ago is forgotten, nobody is locked out
MOST_KEYS = 1000


class TrackLimiter:
    """How many events a visitor or a key may send in a minute, counted in memory, bounded in buckets.

    Not by the `limits` package: its memory storage starts a thread for a request and keeps every bucket
    of two minutes, which a flood of made-up addresses turns into gigabytes.
    """

    def __init__(self, limits: LimitSettings, clock: Clock) -> None:
        self._visitors = _MinuteWindows(limits.track_per_minute, MOST_VISITORS)
        self._keys = _MinuteWindows(limits.track_key_per_minute, MOST_KEYS)
        self._clock = clock

    def allow_visitor(self, bucket: str, events: int, now: datetime | None = None) -> bool:
        return self._visitors.hit(bucket, events, now or self._clock.now())

    def allow_key(self, key_id: str, events: int, now: datetime | None = None) -> bool:
        return self._keys.hit(key_id, events, now or self._clock.now())


class _MinuteWindows:
    """A sliding minute per bucket, made of two fixed ones as in `hit`."""

    def __init__(self, limit: int, most: int) -> None:
        self._limit = limit
        self._most = most
        self._buckets: OrderedDict[str, tuple[int, int, int]] = OrderedDict()  # minute, its events, those before

    def hit(self, bucket: str, events: int, now: datetime) -> bool:
        """Whether so many more are allowed; counted only if they are."""
        minute, elapsed = divmod(now.timestamp(), MINUTE_SECONDS)
        window, current, previous = self._buckets.pop(bucket, (int(minute), 0, 0))
        if window != minute:
            previous, current = (current if window == minute - 1 else 0), 0
        allowed = current + previous * (1 - elapsed / MINUTE_SECONDS) + events <= self._limit
        self._buckets[bucket] = (int(minute), current + events if allowed else current, previous)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return allowed


@dataclass(frozen=True)
class Limit:
    """At most `most` in any `seconds` for one bucket."""

    bucket: str
    most: int
    seconds: int


async def hit(
    session: AsyncSession, bucket: str, limit: int, window_seconds: int, now: datetime, count: int = 1
) -> int:
    """`hit_all` with one limit."""
    return await hit_all(session, [Limit(bucket, limit, window_seconds)], now, count)


async def hit_all(session: AsyncSession, limits: Sequence[Limit], now: datetime, count: int = 1) -> int:
    """0 when all of them allow it (and each has counted it), else the seconds to wait for the first that does not."""
    return await run_in_session(session, hit_steps(session.get_bind().dialect, limits, now, count))


def hit_steps(dialect: Dialect, limits: Sequence[Limit], now: datetime, count: int = 1) -> Steps[int]:
    """The same as steps.

    A sliding window made of two fixed ones: the previous window counts with the share of it that is
    still inside (the approximation of Cloudflare's rate limiter). It counts before it looks, which
    locks the rows: of many at once on PostgreSQL no more pass than may.
    """
    statements = _statements_for(dialect)
    starts = {limit: _window_start(now, limit.seconds) for limit in limits}
    rows = [{"bucket": limit.bucket, "window_start": start} for limit, start in starts.items()]
    rows.sort(key=lambda row: (row["bucket"], row["window_start"]))  # so that two replicas never deadlock
    counts = yield from _count(statements, rows, count)
    for limit, start in starts.items():
        current = counts[limit.bucket, start] - count
        before = {"bucket": limit.bucket, "window_start": start - timedelta(seconds=limit.seconds)}
        found = yield statements.read.with_values(before)
        previous = found[0][0] if found else 0
        elapsed = (now - start).total_seconds()
        if current + previous * (1 - elapsed / limit.seconds) + count > limit.most:
            yield from _count(statements, rows, -count)
            for row in rows:  # a flood of strangers leaves nothing behind
                yield statements.drop.with_values(row)
            return _seconds_to_wait(current, previous, limit.most - count, elapsed, limit.seconds)
    return 0


@dataclass(frozen=True)
class _Statements:
    add: ReadyStatement
    read: ReadyStatement
    drop: ReadyStatement


_made: dict[str, _Statements] = {}


def _statements_for(dialect: Dialect) -> _Statements:
    if (found := _made.get(dialect.name)) is None:
        used = col(RateWindow.count)
        same = col(RateWindow.bucket) == bindparam("bucket"), col(RateWindow.window_start) == bindparam("window_start")
        found = _made[dialect.name] = _Statements(
            add=ReadyStatement(adding_insert(dialect, RateWindow, ["count"]).returning(used), dialect),
            read=ReadyStatement(select(used).where(*same), dialect),
            drop=ReadyStatement(delete(RateWindow).where(*same, used <= 0), dialect),
        )
    return found


def _count(
    statements: _Statements, rows: Sequence[Mapping[str, Any]], count: int
) -> Steps[dict[tuple[str, datetime], int]]:
    """What each window has now."""
    counts = {}
    for row in rows:
        ((used,),) = yield statements.add.with_values({**row, "count": count})
        counts[row["bucket"], row["window_start"]] = used
    return counts


def _window_start(now: datetime, seconds: int) -> datetime:
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


def _seconds_to_wait(current: int, previous: int, room: int, elapsed: float, window: int) -> int:
    """When the weighted count will have fallen to `room`."""
    if previous and current <= room:
        needed_weight = max(0.0, (room - current) / previous)
        return max(1, ceil((1 - needed_weight) * window - elapsed))
    until_next = window - elapsed
    if current <= 0 or room <= 0:
        return max(1, ceil(until_next + window))
    return max(1, ceil(until_next + window * max(0.0, 1 - room / current)))


async def remove_old_windows(session: AsyncSession, now: datetime) -> int:
    """Deletes windows that no limit looks at any more."""
    removed: CursorResult[object] = await session.execute(  # type: ignore[assignment]
        delete(RateWindow).where(col(RateWindow.window_start) < now - KEPT)
    )
    return removed.rowcount
