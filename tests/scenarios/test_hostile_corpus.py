"""The whole table of hostile inputs against the real process: it lives, stays small, and logs nothing of it.

Every few requests `/healthz` answers and a fresh event and fresh words are taken; at the end the counters agree with
the rows, the memory has hardly grown, and the log holds no traceback.
"""

import asyncio
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlmodel import SQLModel, select
from yarl import URL

from shared.store.database import open_engines
from shared.store.models import Event, Feedback, Rollup
from tests.api.hostile_feedback import make_words
from tests.api.hostile_inputs import GROUPS
from tests.api.hostile_repeats import repeats
from tests.api.raw_requests import RAW_REQUESTS
from tests.api.running_api import RunningApi, make_event
from tests.conftest import SITES
from tests.scenarios.load import WITHOUT_LIMITS
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

MOST_GROWTH = 16 * 1024 * 1024
MOST_LOG = 1_000_000
WARM_UP = 50
LOOK_EVERY = 5
ROWS_OF_GOOD_ONES = 2
CONFIG = {
    "sites": SITES,
    "limits": {**WITHOUT_LIMITS, "feedback_per_person_hour": 1_000_000},
    "server": {"keepalive_seconds": 2, "body_timeout_seconds": 1},
}


class ProcessApi(RunningApi):
    """Asks a process instead of a runtime, and looks into its database."""

    def __init__(self, warroom: WarroomProcess, reading: AsyncEngine) -> None:
        super().__init__(cast(Any, SimpleNamespace(settings=warroom.settings)))
        self.port, self.base_url = warroom.port, warroom.base_url
        self._reading = reading

    async def count(self, table: type[SQLModel]) -> int:
        async with AsyncSession(self._reading) as session:
            return int((await session.execute(select(func.count()).select_from(table))).scalar_one())

    async def counted(self, measure: str) -> int:
        async with AsyncSession(self._reading) as session:
            total = select(func.sum(Rollup.count)).where(Rollup.measure == measure)
            return int((await session.execute(total)).scalar_one() or 0)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_process_lives_through_all_of_it(tmp_path: Path, database_url: str) -> None:
    async with running_warroom(tmp_path, database_url, CONFIG) as warroom:
        writing, reading = open_engines(warroom.settings)
        try:
            async with ProcessApi(warroom, reading) as api:
                for _ in range(WARM_UP):  # what is loaded at first use is no growth
                    assert await problems_of_good_ones(api) == []
                before = psutil.Process(warroom.pid).memory_info().rss
                assert await problems_of_all(api) == []
                grown = psutil.Process(warroom.pid).memory_info().rss - before
                assert await api.counted("page_view") <= await api.count(Event)
                assert await api.counted("feedback") == await api.count(Feedback)
        finally:
            await reading.dispose()
            await writing.dispose()
        logging.getLogger(__name__).info("memory grew by %.1f MB", grown / 1_000_000)
        assert grown <= MOST_GROWTH
        assert len(warroom.log()) < MOST_LOG
        assert "Traceback" not in warroom.log()
        assert '"level": "error"' not in warroom.log()


async def problems_of_all(api: ProcessApi) -> list[str]:
    """The answer to each case; the rows of each group (test_hostile_input.py looks at the rows of each case)."""
    found: list[str] = []
    for group, cases in GROUPS.items():
        before = await api.count(Event) + await api.count(Feedback)
        good = expected = 0
        for number, case in enumerate(cases()):
            answer = await api.ask(case.method, str(URL(case.path, encoded=True)), case.body, case.headers)
            if answer.status != case.status:
                found.append(f"{case.name}: answered {answer.status}, not {case.status}")
            expected += case.stored
            if number % LOOK_EVERY == 0:
                found += [f"{case.name}: {problem}" for problem in await problems_of_good_ones(api)]
                good += ROWS_OF_GOOD_ONES
        stored = await api.count(Event) + await api.count(Feedback) - before - good
        if stored != expected:
            found.append(f"{group}: stored {stored}, not {expected}")
    return found + await problems_of_raw_ones(api)


async def problems_of_raw_ones(api: ProcessApi) -> list[str]:
    """All at once, as an attacker would."""
    before = await api.count(Event)
    await asyncio.gather(*(api.raw(request.data(), end=request.ends) for request in RAW_REQUESTS))
    stored, expected = await api.count(Event) - before, sum(request.stored for request in RAW_REQUESTS)
    found = [] if stored == expected else [f"raw: stored {stored}, not {expected}"]
    for repeat in repeats():
        await repeat.play(api)
    return found + await problems_of_good_ones(api)


async def problems_of_good_ones(api: ProcessApi) -> list[str]:
    """What is wrong with the next good requests."""
    answers = {
        "health": (await api.ask("GET", "/healthz")).status,
        "event": (await api.track(make_event())).status,
        "feedback": (await api.ask("POST", "/feedback", make_words())).status,
    }
    wanted = {"health": 200, "event": 202, "feedback": 201}
    return [f"{name} afterwards was answered {status}" for name, status in answers.items() if status != wanted[name]]
