"""Each write to the disk takes two seconds: what waits is bounded, the rest hears "try again", and memory stays."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from tests.scenarios.disturbed_process import PROGRAM, disturbed, fault
from tests.scenarios.load import WITHOUT_LIMITS, Journal, check_against_store, settle, under_load, watching_health
from tests.scenarios.warroom_process import running_warroom

SECONDS = float(os.environ.get("WARROOM_SLOW_SECONDS", "8"))  # a release takes 60
SYNC_SECONDS = 2.0
SENDERS, PLACES = 90, 60
MOST_GROWTH = 64 * 1024 * 1024
HEALTH_SECONDS = 5.0  # twenty times what is promised
CONFIG = {"limits": WITHOUT_LIMITS, "store": {"queue_limit": PLACES}}


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_what_waits_is_bounded(tmp_path: Path) -> None:
    events, feedback = Journal(), Journal("feedback")
    async with running_warroom(tmp_path, "", CONFIG, disturbed(tmp_path), program=PROGRAM) as warroom:
        async with watching_health(warroom) as health, under_load(warroom, (events, SENDERS), (feedback, 2)):
            await warroom.until(lambda: len(events.acknowledged) >= 500 and feedback.acknowledged)
            before = psutil.Process(warroom.pid).memory_info().rss
            with fault(warroom, sync=(0, SYNC_SECONDS)):
                await asyncio.sleep(SECONDS)
                await warroom.until(lambda: events.answers[503] >= PLACES)
                grown = psutil.Process(warroom.pid).memory_info().rss - before
            known = len(events.acknowledged)
            await warroom.until(lambda: len(events.acknowledged) > known + SENDERS, 40)
        await settle(warroom, events, feedback)
        await check_against_store(warroom, events, feedback)
        assert "Traceback" not in warroom.log()
    print(f"RSS {grown / 1e6:+.1f} MB, health p99 {health.percentile(0.99) * 1000:.0f} ms, {dict(events.answers)}")
    assert grown <= MOST_GROWTH
    assert health.bad == []
    assert health.percentile(0.99) <= HEALTH_SECONDS
    assert set(events.answers) | set(feedback.answers) <= {200, 201, 202, 503}
    assert events.without_retry_after == feedback.without_retry_after == 0
