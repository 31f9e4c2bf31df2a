"""Which days an import takes: none counts twice, none is refused for nothing, and names of today keep their room."""

import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from shared.clock import ManualClock
from shared.config import Settings
from shared.errors import Conflict
from shared.ingest.events import Sender, TrackOutcome
from shared.runtime import Runtime, build_runtime
from shared.runtime.operator_commands import OperatorContext, run_command
from tests.conftest import make_settings
from tests.shared.ingest.track import BROWSER, make_event
from tests.shared.runtime.import_stage import events, rollups, take, write_plausible, write_umami

NAMES = 2


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return make_settings(tmp_path / "data", database_url, limits={"custom_names": NAMES})


@pytest.fixture
async def runtime(settings: Settings, clock: ManualClock) -> AsyncIterator[Runtime]:
    async with build_runtime(settings, clock) as built:
        yield built


async def send(runtime: Runtime, name: str = "page_view") -> TrackOutcome:
    """An event of now, as a browser sends it."""
    body = json.dumps({"site": "docs", "events": [make_event(name)]})
    return await runtime.events.take(body.encode(), Sender("192.0.2.1", BROWSER))


def umami_rows(*days: date) -> list[str]:
    return [f"w,s1,on-{day},{day} 10:00:00,/intro,,,,1," for day in days]


async def test_days_between_those_with_own_events_are_taken(runtime: Runtime, tmp_path: Path) -> None:
    await take(runtime, "umami", write_umami(tmp_path, *umami_rows(date(2025, 12, 31), date(2026, 1, 2))))
    report = await take(runtime, "plausible", write_plausible(tmp_path))
    assert report.left_out["this day has events of its own"] == 1  # only the second of January
    assert (await rollups(runtime))["2026-01-01", "visitor_day", ""] == (11, 0.0)


async def test_a_day_that_is_not_over_is_not_taken(runtime: Runtime, clock: ManualClock, tmp_path: Path) -> None:
    clock.move_to(clock.now().replace(month=1, day=2))
    report = await take(runtime, "plausible", write_plausible(tmp_path))
    assert report.left_out["this day is not over yet"] == 1
    clock.move_to(clock.now().replace(month=1, day=1))
    assert (await take(runtime, "plausible", write_plausible(tmp_path))).left_out["ahead of the clock"] == 1


async def test_an_import_ends_before_the_first_own_day(runtime: Runtime, clock: ManualClock, tmp_path: Path) -> None:
    await send(runtime)
    own = clock.now().date()
    clock.advance(days=3)
    days = [own + timedelta(days=number) for number in range(-2, 3)]
    path = write_umami(tmp_path, *umami_rows(*days))
    for dry in (True, False):
        report = await take(runtime, "umami", path, dry=dry)
        assert (report.stored, report.left_out) == (2, {"later than the last day of this import": 3})
        assert report.notes == [
            "Days up to 2026-03-10 are imported, as docs has events of its own from 2026-03-11 on; "
            "--until names another last day."
        ]
    again = await take(runtime, "umami", path)  # what was imported is no event of its own
    assert (again.stored, again.repeated) == (0, 2)
    wider = await take(runtime, "umami", path, until=own)
    assert (wider.stored, wider.repeated) == (1, 2)
    assert wider.notes == [
        "docs has events of its own from 2026-03-11 on: up to 2026-03-11 the imported ones are added to them."
    ]
    assert [event.local_day for event in await events(runtime)].count(own) == 2


async def test_a_run_that_goes_on_takes_days_that_are_imported_in_part(
    runtime: Runtime, clock: ManualClock, tmp_path: Path
) -> None:
    yesterday = clock.now().date() - timedelta(days=1)
    rows = umami_rows(yesterday, yesterday - timedelta(days=1))
    await take(runtime, "umami", write_umami(tmp_path, rows[0]))
    report = await take(runtime, "umami", write_umami(tmp_path, *rows, rows[0].replace("on-", "later-on-")))
    assert (report.stored, report.repeated, report.left_out) == (2, 1, {})
    assert report.notes == ["Days up to 2026-03-10 are imported; --until names another last day."]


async def test_a_day_that_was_imported_as_rows_can_be_rebuilt(runtime: Runtime, tmp_path: Path) -> None:
    await take(runtime, "umami", write_umami(tmp_path, *umami_rows(date(2026, 1, 5))))
    before = await rollups(runtime)
    await run_command(OperatorContext(runtime), "rollups-rebuild", {"site": "docs", "day": "2026-01-05"})
    assert await rollups(runtime) == before
    await take(runtime, "plausible", write_plausible(tmp_path))
    with pytest.raises(Conflict, match="imported from plausible"):
        await run_command(OperatorContext(runtime), "rollups-rebuild", {"site": "docs", "day": "2026-01-01"})


async def test_names_of_the_past_leave_the_room_of_today_alone(
    settings: Settings, clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "export.csv"
    rows = [f"old-{day}-{number},2026-01-0{day}T10:00:00Z,free" for day in (1, 2) for number in range(NAMES + 1)]
    path.write_text("name,at,plan\n" + "\n".join(rows))
    async with build_runtime(settings, clock) as runtime:
        first = await take(runtime, "csv", path)
        again = await take(runtime, "csv", path)
        assert (await send(runtime, "new-today")).stored == 1
        await runtime.meter.flush(runtime.store)
    too_many = {"more names of one day that nobody declared than limits.custom_names": 2}
    assert (first.stored, first.left_out) == (2 * NAMES, too_many)
    assert (again.stored, again.repeated, again.left_out) == (0, 2 * NAMES, too_many)
    async with build_runtime(settings, clock) as runtime:  # which reads the names of today
        assert [(await send(runtime, name)).stored for name in ("another", "one-too-many")] == [1, 0]
        found = await rollups(runtime)
        assert len(await events(runtime)) == 2 * NAMES + 2
    assert found["2026-01-01", "undeclared", "old-1-0"] == (1, 0.0)
    assert found["2026-01-01", "undeclared_property", '["old-1-0", "plan", "text"]'] == (1, 0.0)
