"""Nothing more can be written where the log goes: nobody notices but who reads it."""

import asyncio
from pathlib import Path

import pytest

from tests.scenarios.load import WITHOUT_LIMITS, Journal, check_against_store, under_load
from tests.scenarios.warroom_process import running_warroom

FULL = Path("/dev/full")
CONFIG = {"limits": WITHOUT_LIMITS, "server": {"log_level": "DEBUG"}}
EVENTS = 200


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a file that is always full")
async def test_a_full_log_costs_no_event(tmp_path: Path) -> None:
    events, feedback = Journal(), Journal("feedback")
    async with running_warroom(tmp_path, "", CONFIG, start=False) as warroom:
        warroom.says_to = FULL
        await warroom.start()
        async with under_load(warroom, (events, 4), (feedback, 1)):
            await warroom.until(lambda: len(events.acknowledged) >= EVENTS and feedback.acknowledged)
        async with warroom.http.get("/nowhere") as answer:
            assert answer.status == 404
        assert set(events.answers) | set(feedback.answers) <= {201, 202}
        await check_against_store(warroom, events, feedback)
        assert await asyncio.wait_for(warroom.stop(), 30) == 0
