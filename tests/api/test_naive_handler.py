"""The table of hostile inputs bites: a handler as one writes it in five minutes fails over a quarter of it."""

import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from tests.api.hostile_inputs import GROUPS
from tests.api.running_api import BROWSER

SHARE_CAUGHT = 0.25


class NaiveIntake:
    """Parses, inserts, says thanks."""

    def __init__(self) -> None:
        self.database = sqlite3.connect(":memory:")
        self.database.execute("CREATE TABLE event (id TEXT PRIMARY KEY, name TEXT, page TEXT, title TEXT, ms INTEGER)")

    async def track(self, request: web.Request) -> web.Response:
        body = await request.json(content_type=None)
        for event in body["events"]:
            values = (event["id"], event["name"], event.get("page"), event.get("title"), event.get("engaged_ms"))
            self.database.execute("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?)", values)
        return web.Response(status=202)

    def count(self) -> int:
        return int(self.database.execute("SELECT count(*) FROM event").fetchone()[0])


@pytest.fixture
async def naive() -> AsyncIterator[tuple[NaiveIntake, TestClient[Any, Any]]]:
    intake = NaiveIntake()
    app = web.Application()
    app.router.add_post("/track", intake.track)
    async with TestClient(TestServer(app)) as client:
        yield intake, client
    intake.database.close()


async def status_of(client: TestClient[Any, Any], case: Any) -> int:
    data = case.body if case.body is None or isinstance(case.body, bytes | str) else json.dumps(case.body)
    headers: Mapping[str, str] = {"User-Agent": BROWSER, "Content-Type": "application/json", **case.headers}
    async with client.request(
        case.method, URL(case.path, encoded=True), data=data, headers=headers, allow_redirects=False
    ) as response:
        return response.status


async def test_a_naive_handler_fails_many(naive: tuple[NaiveIntake, TestClient[Any, Any]]) -> None:
    intake, client = naive
    tried, wrong, broken = 0, [], []
    for group, cases in GROUPS.items():
        for case in cases():
            if case.path != "/track":
                continue
            tried += 1
            before = intake.count()
            status = await status_of(client, case)
            if status != case.status or intake.count() - before != case.stored:
                wrong.append(f"{group}: {case.name}")
            if status == 500:
                broken.append(case.name)
    assert len(wrong) > SHARE_CAUGHT * tried, (tried, wrong)
    assert len(broken) >= 20, broken
