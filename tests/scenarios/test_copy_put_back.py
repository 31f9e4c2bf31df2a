"""An older copy of the database is put back: who was erased after it was made is erased again before anybody looks."""

import asyncio
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from shared.guard.erase_log import LOG_FILE
from shared.store.database import DATABASE_FILE
from shared.store.models import Rollup
from tests.postgres_server import PostgresServer
from tests.scenarios.warroom_process import WarroomProcess, running_warroom

PERSON = "canary-person-0123456789"
WORDS = "canarywords about the install guide"
OTHER = "somebody-else-0123456789"
EVENTS = 250
ONE_BY_ONE = {"retention": {"batch_rows": 1}}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Copy:
    """A copy of the process's database, made while it runs, as an owner would make it."""

    def __init__(self, warroom: WarroomProcess, server: PostgresServer | None, database: str) -> None:
        self._warroom, self._server, self._database = warroom, server, database
        self._file = warroom.folder / "copy.sqlite"
        self._dump = ""

    async def make(self) -> None:
        if self._server is not None:
            self._dump = await asyncio.to_thread(self._server.dump, self._database)
            return
        source = sqlite3.connect(self._warroom.settings.store.data_dir / DATABASE_FILE)
        target = sqlite3.connect(self._file)
        source.backup(target)
        target.close()
        source.close()

    async def put_back(self) -> None:
        if self._server is not None:
            await self._server.restore(self._database, self._dump)
            return
        data = self._warroom.settings.store.data_dir
        for name in (f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm"):
            (data / name).unlink(missing_ok=True)
        shutil.copyfile(self._file, data / DATABASE_FILE)

    async def traces(self) -> list[str]:
        """What of the person stands in the database as it lies on the disk."""
        if self._server is not None:
            lying = (await asyncio.to_thread(self._server.dump, self._database)).encode()
        else:
            data = self._warroom.settings.store.data_dir
            lying = b"".join(path.read_bytes() for path in sorted(data.iterdir()) if path.is_file())
        return [trace for trace in (PERSON, "canarywords", "canary-page", "canary-user") if trace.encode() in lying]


def copy_of(warroom: WarroomProcess, server: PostgresServer | None, database_url: str) -> Copy:
    return Copy(warroom, server, database_url.rpartition("/")[2])


async def live(warroom: WarroomProcess, events: int = 3) -> None:
    """The person reads, writes, and somebody else does too."""
    for person in (PERSON, OTHER):
        page = "/canary-page" if person == PERSON else "/start"
        for start in range(0, events, 100):
            told = [
                {"id": f"{person}-{n}", "name": "page_view", "page": page, "view": f"{person[:6]}{n}"}
                for n in range(start, min(events, start + 100))
            ]
            assert await warroom.track(*told, person=person) == 202
    assert (await warroom.send_feedback(text=WORDS, person=PERSON))[0] == 201


async def erase(warroom: WarroomProcess) -> None:
    body = {"site": "docs", "person": PERSON}
    async with warroom.http.post("/api/v1/privacy/erase", json=body) as answer:
        assert answer.status == 200


async def is_ready(warroom: WarroomProcess) -> bool:
    return bool((await warroom.readiness()).get("ready"))


async def count_events(warroom: WarroomProcess) -> int:
    async with warroom.read() as session:
        counted = await session.execute(text("SELECT count(*) FROM event WHERE page = '/canary-page'"))
        return int(counted.scalar_one())


async def counters(warroom: WarroomProcess) -> list[Any]:
    """Day, measure, hour, key, count and sum of what visits are counted in."""
    columns = (Rollup.local_day, Rollup.measure, Rollup.hour, Rollup.key, Rollup.count, Rollup.total)
    query = select(*columns).where(col(Rollup.measure).in_(("page_view", "visitor_day", "page")))  # type: ignore[call-overload]
    async with warroom.read() as session:
        return sorted(tuple(map(str, row)) for row in (await session.execute(query)).all())


async def no_traces(copy: Copy) -> bool:
    return await copy.traces() == []


async def test_nobody_sees_a_copy_before_the_log_is_applied(
    tmp_path: Path, database_url: str, server: PostgresServer | None
) -> None:
    async with running_warroom(tmp_path, database_url) as warroom:
        copy = copy_of(warroom, server, database_url)
        log = warroom.settings.store.data_dir / LOG_FILE
        await live(warroom)
        await copy.make()
        assert set(await copy.traces()) == {PERSON, "canarywords", "canary-page"}
        await erase(warroom)
        assert log.stat().st_mode & 0o777 == 0o600
        assert not [trace for trace in (PERSON, "canary") if trace in log.read_text()]
        await warroom.until(lambda: no_traces(copy))
        assert await warroom.stop() == 0

        await copy.put_back()
        assert len(await copy.traces()) == 3
        kept = log.read_bytes()
        log.unlink()
        log.mkdir()  # for now nobody can read it
        warroom.spawn()
        waiting = await warroom.until(lambda: says_that_it_waits(warroom), 40)
        assert waiting["parts"]["erase log"]["state"] == "starting"
        assert not waiting["leader"]
        async with warroom.http.get("/readyz") as answer:
            assert answer.status == 503
        for path, body in (("/api/v1/privacy/export", {"site": "docs", "person": PERSON}),):
            async with warroom.http.post(path, json=body) as answer:
                assert answer.status == 503
        async with warroom.http.get("/app", allow_redirects=False) as answer:
            assert answer.status == 503
        assert (
            await warroom.track({"id": "meanwhile-0123456789", "name": "page_view", "page": "/start"}) == 202
        )  # the way in stays open

        log.rmdir()
        log.write_bytes(kept)
        await warroom.until(lambda: is_ready(warroom), 40)
        await warroom.until(warroom.leads)
        await warroom.until(lambda: no_traces(copy))
        async with warroom.http.post("/api/v1/privacy/export", json={"site": "docs", "person": PERSON}) as answer:
            assert answer.status == 404
        async with warroom.http.post("/api/v1/privacy/export", json={"site": "docs", "person": OTHER}) as answer:
            assert len((await answer.json())["event"]) == 3
        await warroom.stop()
        assert await copy.traces() == []


async def says_that_it_waits(warroom: WarroomProcess) -> dict[str, Any]:
    found = await warroom.readiness()
    part = found.get("parts", {}).get("erase log", {})
    return found if "cannot be read" in part.get("sentence", "") else {}


async def test_a_kill_while_it_is_applied_is_made_good_by_the_next_start(
    tmp_path: Path, database_url: str, server: PostgresServer | None
) -> None:
    async with running_warroom(tmp_path, database_url, ONE_BY_ONE) as warroom:
        copy = copy_of(warroom, server, database_url)
        await live(warroom, EVENTS)
        await copy.make()
        await erase(warroom)
        assert await warroom.stop() == 0

        await copy.put_back()
        for _ in range(3):
            before = await count_events(warroom)
            warroom.spawn()
            await warroom.until(lambda before=before: is_on_its_way(warroom, before), 60)
            warroom.kill()
        await warroom.start()
        await warroom.until(lambda: is_ready(warroom), 60)
        await warroom.until(lambda: no_traces(copy))
        counted = await counters(warroom)
        await warroom.operator("rollups-rebuild", site="docs", day=counted[0][0])  # the site's zone is UTC
        assert await counters(warroom) == counted
        await warroom.stop()


async def is_on_its_way(warroom: WarroomProcess, before: int) -> bool:
    left = await count_events(warroom)
    return left < before or left == 0


async def test_the_newest_erasures_survive_a_copy_of_a_copy(
    tmp_path: Path, database_url: str, server: PostgresServer | None
) -> None:
    """Erased, put back, erased again by the start; then the same old copy once more."""
    async with running_warroom(tmp_path, database_url) as warroom:
        copy = copy_of(warroom, server, database_url)
        await live(warroom)
        await copy.make()
        await erase(warroom)
        for _ in range(2):
            await warroom.stop()
            await copy.put_back()
            await warroom.start()
            await warroom.until(lambda: no_traces(copy))
        await warroom.stop()


async def test_a_user_whom_servers_name_does_not_come_back_with_a_copy(
    tmp_path: Path, database_url: str, server: PostgresServer | None
) -> None:
    async with running_warroom(tmp_path, database_url) as warroom:
        copy = copy_of(warroom, server, database_url)
        made = await warroom.operator("key-create", name="shop", site="docs", scopes=["events:write"])
        key = {"Authorization": f"Bearer {made['key']}"}
        batch = [
            {"type": "page", "userId": user, "messageId": user, "properties": {"path": f"/{user}"}}
            for user in ("canary-user", "other-user")
        ]
        async with warroom.http.post("/v1/batch", json={"batch": batch}, headers=key) as answer:
            assert answer.status == 200
        await copy.make()
        user = {"platform": "user", "external_id": "docs/canary-user"}
        assert len((await warroom.operator("export", **user))["event"]) == 1
        assert await warroom.operator("erase", **user) == "erased"
        await warroom.until(lambda: no_traces(copy))
        await warroom.stop()

        await copy.put_back()
        assert await copy.traces() == ["canary-user"]
        await warroom.start()
        await warroom.until(lambda: is_ready(warroom), 40)
        await warroom.until(lambda: no_traces(copy))
        counted = await counters(warroom)
        assert ("page", "/other-user") in {(measure, key) for _, measure, _, key, *_ in counted}
        await warroom.operator("rollups-rebuild", site="docs", day=counted[0][0])
        assert await counters(warroom) == counted
        await warroom.stop()
