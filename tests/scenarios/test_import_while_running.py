"""`warroom import` beside the running process: a dry run changes nothing, a second run adds nothing."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import func, select

from shared.config import PROJECT_DIR
from shared.store.models import Event
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

HEADER = "session_id,event_id,created_at,url_path,event_type"
ROWS = 2500


async def warroom_import(warroom: WarroomProcess, folder: Path, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-m", "shared", "import", *arguments),
        cwd=folder,
        env={**warroom.environment, "PYTHONPATH": str(PROJECT_DIR)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, complained.decode()
    return said.decode()


async def count(warroom: WarroomProcess) -> int:
    async with warroom.read() as session:
        return int((await session.execute(select(func.count()).select_from(Event))).scalar_one())


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_history_is_taken_by_the_running_process(tmp_path: Path, database_url: str) -> None:
    async with running_warroom(tmp_path / "warroom", database_url) as warroom:
        day = (datetime.now(UTC) - timedelta(days=20)).date()
        lines = [f"s{n // 3},e{n},{day} 10:00:{n % 60:02d},/intro/{n % 50},1" for n in range(ROWS)]
        (tmp_path / "website_event.csv").write_text("\n".join([HEADER, *lines, "bad"]))
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
