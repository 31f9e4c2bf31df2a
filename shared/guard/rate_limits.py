"""Limits: of events in memory on the hot path, of everything rarer as rows that survive a restart."""

from datetime import datetime, timedelta
from math import ceil

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from sqlalchemy import CursorResult, delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from shared.config import LimitSettings
from shared.store.dialect import add_up
from shared.store.models import RateWindow

KEPT = timedelta(hours=26)


class TrackLimiter:
    """How many events a visitor or a key may send in a minute, counted in memory.

    The storage drops windows as they end, so it holds at most the buckets of two minutes.
    """

    def __init__(self, limits: LimitSettings) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._visitor = RateLimitItemPerMinute(limits.track_per_minute)
        self._key = RateLimitItemPerMinute(limits.track_key_per_minute)

    def allow_visitor(self, bucket: str, events: int) -> bool:
        return self._limiter.hit(self._visitor, "visitor", bucket, cost=events)

    def allow_key(self, key_id: str, events: int) -> bool:
        return self._limiter.hit(self._key, "key", key_id, cost=events)


async def hit(
    session: AsyncSession, bucket: str, limit: int, window_seconds: int, now: datetime, count: int = 1
) -> int:
    """0 when allowed (and counted), else the seconds to wait.

    A sliding window made of two fixed ones: the previous window counts with the share of it that is
    still inside (the approximation of Cloudflare's rate limiter).
    """
    window = timedelta(seconds=window_seconds)
    elapsed = now.timestamp() % window_seconds
    start = now - timedelta(seconds=elapsed)
    start = start.replace(microsecond=0)
    rows = await session.execute(
        select(RateWindow.window_start, RateWindow.count).where(
            RateWindow.bucket == bucket, col(RateWindow.window_start).in_([start, start - window])
        )
    )
    counts = {when: used for when, used in rows.all()}
    current, previous = counts.get(start, 0), counts.get(start - window, 0)
    weight = 1 - elapsed / window_seconds
    if current + previous * weight + count > limit:
        return _seconds_to_wait(current, previous, limit - count, elapsed, window_seconds)
    await add_up(session, RateWindow, [{"bucket": bucket, "window_start": start, "count": count}], ["count"])
    return 0


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
