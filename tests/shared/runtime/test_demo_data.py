"""The demo's month: believable, the same each time, told once, and told anew when a start was cut off."""

from datetime import date
from pathlib import Path

import pytest
from sqlmodel import SQLModel, func, select

from shared.clock import ManualClock
from shared.config import load_settings
from shared.runtime import Runtime, build_runtime
from shared.runtime.demo_data import seed_demo
from shared.runtime.demo_story import DAYS, tell_story
from shared.store.models import Alert, Event, Feedback, OutboxMessage, OutboxState
from tests.conftest import NOON, lay_migrated_database


async def count(runtime: Runtime, table: type[SQLModel], *conditions: object) -> int:
    async with runtime.store.read() as session:
        query = select(func.count()).select_from(table).where(*conditions)  # type: ignore[arg-type]
        return int((await session.execute(query)).scalar_one())


def test_the_story_is_the_same_for_the_same_seed() -> None:
    first, second = (list(tell_story(7, date(2026, 3, 11))) for _ in range(2))
    assert first == second
    assert len(first) >= DAYS
    assert first != list(tell_story(8, date(2026, 3, 11)))


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_month_is_told_once(tmp_path: Path) -> None:
    lay_migrated_database(tmp_path)
    settings = load_settings({"WARROOM_DATA_DIR": str(tmp_path), "WARROOM_SECRET_KEY": "0" * 64})
    async with build_runtime(settings, ManualClock(NOON)) as runtime:
        assert await seed_demo(runtime)
        events, voices = await count(runtime, Event), await count(runtime, Feedback)
        assert events > 8000
        assert voices > 200
        fired, resolved = await count(runtime, Alert), await count(runtime, Alert, Alert.resolved_at.is_not(None))  # type: ignore[union-attr]
        assert fired >= 1
        assert resolved >= 1
        assert await count(runtime, OutboxMessage, OutboxMessage.state == OutboxState.PENDING.value) == 0
        for mood in ("positive", "neutral", "negative"):
            assert await count(runtime, Feedback, Feedback.sentiment == mood)
        assert not await seed_demo(runtime)
        assert (await count(runtime, Event), await count(runtime, Feedback)) == (events, voices)
