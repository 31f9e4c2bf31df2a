"""`warroom import` beside the running process: a dry run changes nothing; a second run and a kill add nothing."""

import asyncio
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import func, select

from shared.config import PROJECT_DIR
from shared.runtime.start_checks import UNAVAILABLE_EXIT
from shared.store.models import Event, Rollup
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

HEADER = "session_id,event_id,created_at,url_path,event_type"
ROWS = 2500
VISITORS = 500  # each has rows on both sides of any cut
MANY_ROWS = 20_000  # so many that the first ones are seen long before the last


Client = asyncio.subprocess.Process


async def start_import(warroom: WarroomProcess, folder: Path, *arguments: str) -> Client:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-m", "shared", "import", *arguments),
        cwd=folder,
        env={**warroom.environment, "PYTHONPATH": str(PROJECT_DIR)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def end_of(client: Client) -> tuple[str, str]:
    """What it said and what it complained about."""
    said, complained = await asyncio.wait_for(client.communicate(), 120)
    return said.decode(), complained.decode()


async def warroom_import(warroom: WarroomProcess, folder: Path, *arguments: str) -> str:
    client = await start_import(warroom, folder, *arguments)
    said, complained = await end_of(client)
    assert client.returncode == 0, complained
    return said


def write_export(folder: Path, rows: int) -> None:
    day = (datetime.now(UTC) - timedelta(days=20)).date()
    lines = [f"s{n % VISITORS},e{n},{day} 10:00:{n % 60:02d},/intro/{n % 50},1" for n in range(rows)]
    (folder / "website_event.csv").write_text("\n".join([HEADER, *lines]))


async def count(warroom: WarroomProcess) -> int:
    async with warroom.read() as session:
        return int((await session.execute(select(func.count()).select_from(Event))).scalar_one())


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_history_is_taken_by_the_running_process(tmp_path: Path, database_url: str) -> None:
    async with running_warroom(tmp_path / "warroom", database_url) as warroom:
        write_export(tmp_path, ROWS)
        with (tmp_path / "website_event.csv").open("a") as export:
            export.write("\nbad")
        said = await warroom_import(warroom, tmp_path, "umami", "website_event.csv", "--dry-run")
        assert f"{ROWS} would be taken" in said
        assert await count(warroom) == 0
        said = await warroom_import(warroom, tmp_path, "umami", "website_event.csv")
        assert f"{ROWS} taken, 0 known already" in said
        assert "1 left out" in said
        assert (tmp_path / "website_event.csv.rejects.csv").read_text().splitlines()[1].startswith("website_event.csv,")
        said = await warroom_import(warroom, tmp_path, "umami", "website_event.csv", "--site", "docs")
        assert f"0 taken, {ROWS} known already" in said
        assert await count(warroom) == ROWS


async def cut_off(warroom: WarroomProcess, folder: Path) -> Client:
    """An import of many rows, when some of them are stored and others are still to come."""
    write_export(folder, MANY_ROWS)
    client = await start_import(warroom, folder, "umami", "website_event.csv")
    await warroom.until(lambda: count(warroom), 60)
    return client


async def check_all_rows_once(warroom: WarroomProcess, folder: Path) -> int:
    """Runs the import again, to its end; how many rows were there before it. The counters moved with the rows."""
    said = await warroom_import(warroom, folder, "umami", "website_event.csv")
    found = re.search(rf"^{MANY_ROWS} events: (\d+) taken, (\d+) known already$", said, re.MULTILINE)
    assert found is not None, said
    assert int(found[1]) + int(found[2]) == MANY_ROWS
    async with warroom.read() as session:
        ids = list((await session.execute(select(Event.event_id))).scalars())
        counted = select(func.sum(Rollup.count)).where(Rollup.measure == "event")
        assert (await session.execute(counted)).scalar_one() == MANY_ROWS
        visitors = select(func.sum(Rollup.count)).where(Rollup.measure == "visitor_day")
        assert (await session.execute(visitors)).scalar_one() == VISITORS
    assert len(ids) == len(set(ids)) == MANY_ROWS
    return int(found[2])


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_an_import_whose_client_is_killed_is_run_again(tmp_path: Path, database_url: str) -> None:
    async with running_warroom(tmp_path / "warroom", database_url) as warroom:
        client = await cut_off(warroom, tmp_path)
        client.kill()
        await client.wait()
        assert 0 < await check_all_rows_once(warroom, tmp_path) < MANY_ROWS


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_an_import_whose_server_is_killed_is_run_again(tmp_path: Path, database_url: str) -> None:
    """On SQLite the client says that it was cut off; on PostgreSQL it stores by itself and does not even notice."""
    async with running_warroom(tmp_path / "warroom", database_url) as warroom:
        client = await cut_off(warroom, tmp_path)
        warroom.kill()
        said, complained = await end_of(client)
        if warroom.settings.uses_sqlite:
            assert client.returncode == UNAVAILABLE_EXIT, said + complained
            assert "Run it again" in complained
        else:
            assert client.returncode == 0, complained
        await warroom.start()
        known = await check_all_rows_once(warroom, tmp_path)
        assert 0 < known < MANY_ROWS or (known == MANY_ROWS and not warroom.settings.uses_sqlite)
