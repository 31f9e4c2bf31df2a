"""Limits: sliding, exact about the time to wait, bounded in memory."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import ManualClock
from shared.config import Settings
from shared.guard import rate_limits
from shared.guard.rate_limits import TrackLimiter, hit, remove_old_windows
from shared.store.database import Store
from shared.store.models import RateWindow

HOUR = 3600


class Door:
    """Counts hits of one bucket in the store."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self._store = store
        self._clock = clock

    async def knock(self, bucket: str = "ada", limit: int = 5) -> int:
        now = self._clock.now()
        return await self._store.writer.run(lambda session: hit(session, bucket, limit, HOUR, now))


@pytest.fixture
def door(store: Store, clock: ManualClock) -> Door:
    return Door(store, clock)


async def test_the_sixth_of_five_waits(door: Door) -> None:
    assert [await door.knock() for _ in range(6)][:5] == [0] * 5
    assert await door.knock() > 0
    assert await door.knock("bea") == 0


@pytest.mark.parametrize("minutes", [0, 1, 29, 59])
async def test_after_the_told_time_the_next_is_welcome(door: Door, clock: ManualClock, minutes: int) -> None:
    clock.advance(minutes=minutes, seconds=17.123456)
    for _ in range(5):
        await door.knock()
    wait = await door.knock()
    assert 0 < wait <= 2 * HOUR
    clock.advance(seconds=wait - 2)
    assert await door.knock() > 0
    clock.advance(seconds=3)
    assert await door.knock() == 0


async def test_no_window_of_an_hour_holds_twice_the_limit(door: Door, clock: ManualClock) -> None:
    clock.advance(minutes=59)
    for _ in range(5):
        await door.knock()
    clock.advance(minutes=2)
    assert await door.knock() > 0


async def test_a_limit_of_one_is_a_pause(door: Door, clock: ManualClock) -> None:
    assert await door.knock(limit=1) == 0
    wait = await door.knock(limit=1)
    clock.advance(seconds=wait)
    assert await door.knock(limit=1) == 0


async def test_old_windows_go(door: Door, store: Store, clock: ManualClock) -> None:
    await door.knock()
    clock.advance(hours=30)
    await door.knock("bea")

    async def unit(session: AsyncSession) -> int:
        return await remove_old_windows(session, clock.now())

    assert await store.writer.run(unit) == 1
    async with store.read() as session:
        assert await session.get(RateWindow, ("ada", clock.now() - timedelta(hours=30))) is None


class TestTrackLimiter:
    @pytest.fixture
    def limiter(self, tmp_path, clock: ManualClock) -> TrackLimiter:
        from tests.conftest import make_settings

        limits = {"track_per_minute": 100, "track_key_per_minute": 1000}
        settings: Settings = make_settings(tmp_path, limits=limits)
        return TrackLimiter(settings.limits, clock)

    def test_a_visitor_and_a_key_have_their_own_limits(self, limiter: TrackLimiter) -> None:
        assert limiter.allow_visitor("ada", 100)
        assert not limiter.allow_visitor("ada", 1)
        assert limiter.allow_visitor("bea", 1)
        assert limiter.allow_key("ada", 1000)
        assert not limiter.allow_key("ada", 1)

    def test_the_minute_slides(self, limiter: TrackLimiter, clock: ManualClock) -> None:
        limiter.allow_visitor("ada", 100)
        clock.advance(seconds=61)
        assert not limiter.allow_visitor("ada", 50)
        clock.advance(seconds=35)
        assert limiter.allow_visitor("ada", 50)
        clock.advance(minutes=5)
        assert limiter.allow_visitor("ada", 100)

    def test_what_is_refused_is_not_counted(self, limiter: TrackLimiter) -> None:
        assert not limiter.allow_visitor("ada", 101)
        assert limiter.allow_visitor("ada", 100)

    def test_a_clock_set_back_locks_nobody_out(self, limiter: TrackLimiter, clock: ManualClock) -> None:
        limiter.allow_visitor("ada", 100)
        clock.advance(hours=-3)
        assert limiter.allow_visitor("ada", 100)

    def test_made_up_addresses_fill_no_memory(self, limiter: TrackLimiter, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(rate_limits.MOST_VISITORS + 5000):
            limiter.allow_visitor(f"{number:032x}", 1)
        assert len(limiter._visitors._buckets) == rate_limits.MOST_VISITORS
        assert limiter.allow_visitor("ada", 100)
